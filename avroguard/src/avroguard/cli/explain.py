"""`avroguard explain`: what a change from one schema to another does to data, each finding shown with a record."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from avroguard.changes.breakages import CheckOptions, OldVersion, find_breakages
from avroguard.changes.deployment import deployment_order
from avroguard.cli.diff import load_old_and_new
from avroguard.cli.options import (
    REGISTRY_ENVIRONMENT,
    SCHEMA_FORMS,
    add_output_options,
    add_registry_options,
    print_report,
    verb_parser,
)
from avroguard.cli.running import run
from avroguard.explain import explain
from avroguard.levels import Level
from avroguard.reporting import Report

_EPILOG = f"""\
{SCHEMA_FORMS}
The exit code is 1 if the change breaks the level, as with avroguard check.

{REGISTRY_ENVIRONMENT}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = verb_parser(
        "avroguard explain",
        "Show with a record what a change of a schema does to data, and who has to deploy first.",
        _EPILOG,
    )
    parser.add_argument("old", metavar="OLD", help="the schema before")
    parser.add_argument("new", metavar="NEW", help="the schema after")
    parser.add_argument("--level", choices=list(Level), default=Level.FULL, help="check at this level; default: FULL")
    add_output_options(parser)
    add_registry_options(parser)
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _explain(options), options.format)


def _explain(options: argparse.Namespace) -> int:
    old, new = load_old_and_new(options)
    level, version = Level(options.level), OldVersion(options.old, old.json)
    breakages = find_breakages("", new, [version], level, CheckOptions(explain=explain))
    findings = tuple(replace(finding, subjects=()) for finding in breakages)  # files have none
    about = f"from {options.old} to {options.new} at {level}, {deployment_order(old.json, new.json)}"
    return print_report(Report("avroguard explain", findings, (options.new,), about), options)


if __name__ == "__main__":
    sys.exit(main())
