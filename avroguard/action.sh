#!/usr/bin/env bash
# What action.yml runs: installs the avroguard of this directory beside the checkout, lints, and checks against the past.
# Exit code: 0 nothing found, else the first of the two that is not 0.
set -euo pipefail

python=
for candidate in python3 python; do
  if command -v "$candidate" > /dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "::error title=avroguard::no Python 3.11 or later on the PATH; add actions/setup-python before this step"
  exit 2
fi

against=$AVROGUARD_AGAINST
if [ -z "$against" ]; then
  if [ -n "${GITHUB_BASE_REF:-}" ]; then
    against=git:origin/$GITHUB_BASE_REF
  elif [[ ${AVROGUARD_BEFORE:-} == *[1-9a-f]* ]]; then # all zeros: the branch is new
    against=git:$AVROGUARD_BEFORE
  else
    against=git:origin/$AVROGUARD_DEFAULT_BRANCH
  fi
fi

# actions/checkout has one commit by default; a transitive level needs all of them.
if [[ $against == git:* && $(git rev-parse --is-shallow-repository) == true ]]; then
  if ! git fetch --quiet --unshallow --tags origin '+refs/heads/*:refs/remotes/origin/*'; then
    echo "::error title=avroguard::the history can't be fetched; set fetch-depth: 0 for actions/checkout"
    exit 3
  fi
fi

extra=
if [[ $against == registry* ]]; then extra='[registry]'; fi
library=$(mktemp -d "$RUNNER_TEMP/avroguard.XXXXXX")
"$python" -m pip install --quiet --disable-pip-version-check --target "$library" "$GITHUB_ACTION_PATH$extra"

avroguard() { PYTHONPATH=$library "$python" -m avroguard "$@"; }

paths=()
while IFS= read -r path; do
  if [ -n "$path" ]; then paths+=("$path"); fi
done <<< "$AVROGUARD_PATHS"

code=0
avroguard lint --format "$AVROGUARD_FORMAT" ${paths[@]+"${paths[@]}"} || code=$?
avroguard check --against "$against" --format "$AVROGUARD_FORMAT" \
  ${AVROGUARD_LEVEL:+--level "$AVROGUARD_LEVEL"} || code=$((code ? code : $?))
exit "$code"
