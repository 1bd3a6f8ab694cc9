"""`avroguard changelog`: what has changed since a version, as Markdown for a pull request."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from avroguard.changes.breakages import CheckOptions
from avroguard.changes.changelog import SubjectChange, changelog
from avroguard.changes.checking import CheckRequest, check_project
from avroguard.cli.check import open_baseline, projects_to_check
from avroguard.cli.options import (
    EXIT_CODES,
    REGISTRY_ENVIRONMENT,
    add_registry_options,
    apply_contract_waivers,
    verb_parser,
)
from avroguard.cli.running import run
from avroguard.explain import explain
from avroguard.findings import Finding, merged
from avroguard.levels import Level

_EPILOG = f"""\
What is compared, and with what, is as with avroguard check; the exit code is 0 whatever has changed.

{EXIT_CODES}
{REGISTRY_ENVIRONMENT}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = verb_parser(
        "avroguard changelog",
        "Write as Markdown what has changed in the schemas, who deploys first, and what breaks.",
        _EPILOG,
    )
    parser.add_argument(
        "--against", metavar="git:REF|registry[:URL]|PATH", required=True, help="baseline: the schemas before"
    )
    parser.add_argument(
        "--level",
        type=str.upper,
        choices=[str(level) for level in Level],
        help="check at this level instead of the contracts' own",
    )
    add_registry_options(parser)
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _changelog(options))


def _changelog(options: argparse.Namespace) -> int:
    level = Level(options.level) if options.level else None
    request = CheckRequest(level, options=CheckOptions(explain=explain))
    changes: list[SubjectChange] = []
    others: list[Finding] = []
    with ExitStack() as stack:
        for project in projects_to_check(options.against, level):
            contracts = project.inspection.contracts
            baseline = open_baseline(options, project, stack)
            result = check_project(project, contracts.subjects, baseline, request)
            findings = merged(apply_contract_waivers(result.findings, contracts))
            for contract in contracts.subjects:
                history = baseline.history(contract, whole=False)
                breaks = tuple(
                    finding for finding in findings if contract.subject in finding.subjects and finding.breaks
                )
                shown = replace(contract, compatibility=level or contract.compatibility)
                changes += [SubjectChange(shown, history[-1].schema, breaks)] if history else []
            others += [finding for finding in findings if not finding.breaks]
    print(changelog(options.against, changes, others), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
