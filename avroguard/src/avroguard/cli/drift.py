"""`drift`: is what the registry holds what the contracts say?"""

import argparse
import sys
from collections.abc import Sequence

from avroguard.cli.options import (
    REGISTRY_ENVIRONMENT,
    add_output_options,
    add_registry_options,
    apply_contract_waivers,
    print_report,
    registry_settings,
    select_subjects,
    verb_parser,
)
from avroguard.cli.running import run
from avroguard.config.topics import load_contracts
from avroguard.config.tree import CONTRACTS, default_directory
from avroguard.registration.drift import drift
from avroguard.registry.client import Registry
from avroguard.reporting import Report
from avroguard.rules import Family

_EPILOG = f"""\
Looks in both directions: what is missing in the registry, is another version there or has another level, and
what the registry has besides. Where others use the registry as well, --ignore 'theirs.*' leaves theirs out.

exit codes:
  0  the registry holds what the contracts say; there may be warnings: what it does not keep
  1  it does not, or holds more
  2  wrong usage or configuration
  3  the registry does not answer
  4  not authorised

SCHEMAS_DIR names the directory of contracts.toml.
{REGISTRY_ENVIRONMENT}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = verb_parser(
        "avroguard drift", "Check that the registry holds what contracts.toml says, and nothing else.", _EPILOG
    )
    parser.add_argument("subjects", metavar="SUBJECT", nargs="*", help="subjects to compare; by default all")
    parser.add_argument(
        "--ignore", metavar="PATTERN", action="append", default=[], help="subjects that may be in the registry alone"
    )
    add_output_options(parser)
    add_registry_options(parser)
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _drift(options), options.format)


def _drift(options: argparse.Namespace) -> int:
    contracts = load_contracts(default_directory() / CONTRACTS)
    chosen = select_subjects(contracts, options.subjects)
    with Registry(registry_settings(options)) as registry:
        ignored = None if options.subjects else options.ignore
        findings = apply_contract_waivers(
            drift(contracts, chosen, registry, ignored=ignored), contracts, {Family.CONTRACTS}
        )
        compared = f"{len(chosen)} subject{'' if len(chosen) == 1 else 's'} compared with the registry at {registry}"
    subjects = tuple(contract.subject for contract in chosen)
    return print_report(Report("avroguard drift", tuple(findings), subjects, compared), options)


if __name__ == "__main__":
    sys.exit(main())
