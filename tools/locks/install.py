"""Install the packages of a lock into the environment of the interpreter that runs this: nothing is resolved.

    .venv/bin/python tools/locks/install.py [--build] requirements.txt [LOCK...]

pip is told not to look at what a package requires: ``scripts/lock`` has proven that the lock is complete. So no release
that came after the lock, and no difference between two versions of pip, can change or prevent an installation. Every
installation from a lock runs this file: `scripts/install`, the container image, the environments of the benchmark's
peers. The standard library alone is imported, as nothing else is installed yet.

With --build, packages that have no wheel are built, by what is installed already.

Exit codes: 0 installed, 1 the index does not have what the lock names, 2 wrong usage, 3 the index can't be reached.
"""

import platform
import re
import subprocess
import sys
from collections.abc import Sequence

OPTIONS = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes")
WHEELS_ALONE = ("--only-binary", ":all:")
BUILT_BY_WHAT_IS_INSTALLED = ("--no-build-isolation",)

_NOT_OFFERED = re.compile(r"Could not find a version that satisfies the requirement (\S+).* \(from versions: (.*)\)")
_OTHER_CONTENT = re.compile(r"DO NOT MATCH THE HASHES.*?^\s+(\S+==\S+) from", re.DOTALL | re.MULTILINE)
# The last of pip's attempts, or the error that ended it: a retry that helped is not a reason.
_UNREACHABLE = re.compile(r"Retry\(total=0,|^(?:ERROR: |pip\._vendor\.).*(?:Timeout|Connection)", re.MULTILINE)


def main(locks: Sequence[str]) -> int:
    """Install each lock in turn, and explain what pip says where it fails."""
    kind: tuple[str, ...] = WHEELS_ALONE
    if locks and locks[0] == "--build":
        kind, locks = BUILT_BY_WHAT_IS_INSTALLED, locks[1:]
    if not locks or locks[0].startswith("-"):
        print("usage: install.py [--build] LOCK...", file=sys.stderr)
        return 2
    for lock in locks:
        status, output = _run_pip("install", *OPTIONS, *kind, "--requirement", lock)
        if status:
            code, explanation = explain(output, lock)
            print(f"install: {explanation}", file=sys.stderr)
            return code
    return 0


def explain(output: str, lock: str) -> tuple[int, str]:
    """Return the exit code and the sentence for a failed pip.

    Args:
        output: The text that pip wrote to standard error.
        lock: The file that was to be installed.
    """
    again = "then run the command again"
    if _UNREACHABLE.search(output):
        return 3, (
            "the package index can't be reached; check the network, the proxy and pip's settings (pip config list), "
            f"{again}"
        )
    if missing := _NOT_OFFERED.search(output):
        pin, offered = missing.groups()
        machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        return 1, (
            f"the package index does not offer {pin} of {lock} for {machine} (offered: {offered}): that version was "
            "withdrawn, or it has no wheel for this machine; update this checkout (git pull) or write the lock anew "
            f"(scripts/lock), {again}"
        )
    if other := _OTHER_CONTENT.search(output):
        return 1, (
            f"the package index serves another file as {other[1]} than the one whose SHA-256 {lock} names; it was not "
            f"installed; find out who replaced it, or use another index (pip config list), {again}"
        )
    return 1, f"pip could not install {lock}: see its message above"


def _run_pip(*arguments: str) -> tuple[int, str]:
    """Run the pip of this interpreter; its standard error is shown as it comes, and returned."""
    command = [sys.executable, "-m", "pip", *arguments]
    lines = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as pip:
        assert pip.stderr is not None  # noqa: S101 - for the type checker: it is piped
        for line in pip.stderr:
            sys.stderr.write(line)
            lines.append(line)
    return pip.returncode, "".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
