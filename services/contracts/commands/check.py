"""`check-schemas`: is what the contracts say now a change that deployed readers and writers survive?"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from services.contracts.baselines import Baseline, RegistryBaseline, check_contracts, tree_baseline
from services.contracts.commands.running import run
from services.contracts.levels import Level
from services.contracts.registry import Registry
from services.contracts.registry_settings import RegistrySettings
from services.contracts.topics import Contracts, TopicContract, load_contracts
from services.contracts.tree import CONTRACTS, default_directory
from services.errors import UsageError

_EPILOG = """\
exit codes:
  0  nothing found
  1  findings, or a schema that is invalid
  2  wrong usage
  3  git or the registry can't tell
  4  not authorised

SCHEMAS_DIR names the directory of contracts.toml; credentials for the registry come from
SCHEMA_REGISTRY_BASIC_AUTH (user:password) or SCHEMA_REGISTRY_BEARER_TOKEN.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="check-schemas",
        description="Check that no change of the schemas breaks a deployed reader or writer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subjects", metavar="SUBJECT", nargs="*", help="what to check; by default every subject")
    parser.add_argument(
        "--against", metavar="git:REF|registry[:URL]|PATH", required=True, help="what is deployed, or was before"
    )
    parser.add_argument("--level", choices=list(Level), help="judge at this level instead of the contracts' own")
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _check(options))


def _check(options: argparse.Namespace) -> int:
    level = Level(options.level) if options.level else None
    contracts = load_contracts(default_directory() / CONTRACTS)
    chosen = _choose(contracts, options.subjects)
    with ExitStack() as stack:
        baseline = _baseline(options.against, stack)
        findings = check_contracts(contracts, chosen, baseline, level)
    for finding in findings:
        print(finding)
    checked = "1 subject" if len(chosen) == 1 else f"{len(chosen)} subjects"
    found = "nothing found" if not findings else "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    print(f"{checked} checked against {baseline.label}: {found}")
    return 1 if findings else 0


def _choose(contracts: Contracts, subjects: Sequence[str]) -> tuple[TopicContract, ...]:
    """The topics of the subjects, in the order of the contracts; all that have a schema where none is named."""
    known = [topic.subject for topic in contracts.governed]
    for subject in subjects:
        if subject not in known:
            raise UsageError(f"no subject {subject} in {contracts.name}; expected one of {', '.join(known)}")
    return tuple(topic for topic in contracts.governed if not subjects or topic.subject in subjects)


def _baseline(against: str, stack: ExitStack) -> Baseline:
    kind, _, url = against.partition(":")
    if kind != "registry":
        return tree_baseline(against, default_directory())
    settings = RegistrySettings.load(url=url) if url else RegistrySettings.load()
    return RegistryBaseline(stack.enter_context(Registry(settings)))


if __name__ == "__main__":
    sys.exit(main())
