"""`avroguard diff`: what is different between two schemas, and at which levels the new one may follow the old one."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from avroguard.avro.schema import Schema
from avroguard.changes.breakages import CheckOptions, OldVersion, find_breakages
from avroguard.changes.differences import as_json, differences
from avroguard.changes.schema_sources import load_named_schema
from avroguard.cli.options import (
    REGISTRY_ENVIRONMENT,
    SCHEMA_FORMS,
    add_output_options,
    add_registry_options,
    print_report,
    registry_settings,
    verb_parser,
)
from avroguard.cli.running import run
from avroguard.compatibility import incompatibilities
from avroguard.levels import Level
from avroguard.reporting import Format, Report
from avroguard.reporting import as_json as finding_as_json

if TYPE_CHECKING:
    from avroguard.registry.client import Registry

_EPILOG = f"""\
{SCHEMA_FORMS}
exit codes:
  0  shown, or the same
  1  one of the two is no schema
  2  wrong usage or configuration
  3  git or the registry does not answer
  4  not authorised

{REGISTRY_ENVIRONMENT}"""
_PLAIN = (Level.BACKWARD, Level.FORWARD, Level.FULL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = verb_parser(
        "avroguard diff",
        "Show what is different between two schemas, and what that means for readers and writers.",
        _EPILOG,
    )
    parser.add_argument("old", metavar="OLD", help="the schema before")
    parser.add_argument("new", metavar="NEW", help="the schema after")
    add_output_options(parser)
    add_registry_options(parser)
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _diff(options), options.format)


def _diff(options: argparse.Namespace) -> int:
    old, new = load_old_and_new(options)
    changes = differences(old.json, new.json)
    backward = not incompatibilities(new.json, old.json)
    forward = not incompatibilities(old.json, new.json)
    breakages = find_breakages("", new, [OldVersion(options.old, old.json)], Level.FULL, CheckOptions())
    findings = [replace(finding, subjects=()) for finding in breakages]  # files have none
    levels = [level for level in _PLAIN if (backward or not level.backward) and (forward or not level.forward)]
    if options.format == Format.JSON:
        document = {
            "old": options.old,
            "new": options.new,
            "differences": [as_json(change) for change in changes],
            "backward": backward,
            "forward": forward,
            "levels": [Level.NONE, *levels],
            "findings": [finding_as_json(finding) for finding in findings],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return 0
    if options.format != Format.TEXT:
        about = f"{len(changes)} difference{'' if len(changes) == 1 else 's'} from {options.old} to {options.new}"
        print_report(Report("avroguard diff", tuple(findings), (options.new,), about), options)
        return 0
    print(f"--- {options.old}\n+++ {options.new}")
    for change in changes:
        print(change)
    print("the same" if not changes else f"new reads old (BACKWARD): {_yes(backward)}")
    if changes:
        print(f"old reads new (FORWARD): {_yes(forward)}")
        print(f"levels that let it pass: {', '.join(('NONE', *levels))}")
        for finding in findings:
            print(finding)
    return 0


def load_old_and_new(options: argparse.Namespace) -> tuple[Schema, Schema]:
    """The two schemas that the arguments name."""
    with ExitStack() as stack:

        def connect() -> "Registry":
            from avroguard.registry.client import Registry  # noqa: PLC0415 - not for files

            return stack.enter_context(Registry(registry_settings(options)))

        return load_named_schema(options.old, connect, stack), load_named_schema(options.new, connect, stack)


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


if __name__ == "__main__":
    sys.exit(main())
