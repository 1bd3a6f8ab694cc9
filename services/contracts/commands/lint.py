"""`lint-schemas`: is each schema acceptable to every parser, and good practice?"""

import argparse
import datetime as dt
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.contracts.commands.options import EXIT_CODES, add_output_options, tell
from services.contracts.commands.running import run
from services.contracts.contract_files import ContractFile, find_contract_file
from services.contracts.lint import LINT_FAMILIES, lint_schema
from services.contracts.reporting import RULES, Finding, Report, merged
from services.contracts.schema import shown
from services.contracts.tree import CONTRACTS, default_directory
from services.contracts.waivers import Waiver, apply_waivers
from services.errors import UsageError

_EPILOG = f"""\
A PATH is a schema file (.avsc), a contracts.toml, or a directory that is searched for both. Where the directory of a
schema, or one above it in the same repository, has a contracts.toml, its waivers count and its [schemas] may be used;
a schema needs none. Every rule is explained in docs/schema-rules.md.

{EXIT_CODES}"""
_SUFFIX = ".avsc"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="lint-schemas",
        description="Check that schemas are acceptable to every Avro parser, and good practice.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", help="what to check; by default SCHEMAS_DIR or ./schemas")
    parser.add_argument("--strict", action="store_true", help="let warnings fail as well")
    add_output_options(parser)
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _lint(options))


def _lint(options: argparse.Namespace) -> int:
    paths = [Path(path) for path in options.paths] or [_default()]
    files = list(dict.fromkeys(file for path in paths for file in _files(path)))
    contracts = {file: ContractFile.read(file) for file in dict.fromkeys(filter(None, map(find_contract_file, files)))}
    findings: list[Finding] = []
    for file in files:
        if file.name == CONTRACTS:
            findings += contracts[file].findings
        else:
            beside = find_contract_file(file)
            findings += lint_schema(shown(file), _content(file), contracts[beside].types if beside else None)
    checked = tuple(map(shown, files))
    for file, contract in contracts.items():
        findings = apply_waivers(
            findings,
            contract.waivers,
            dt.datetime.now(dt.UTC).date(),
            lambda waiver, whole=file in files: _looked_for(waiver, checked, whole=whole),  # type: ignore[misc]
        )
    if options.strict:
        ...
    about = "1 file checked" if len(files) == 1 else f"{len(files)} files checked"
    return tell(Report("lint-schemas", tuple(merged(findings)), checked, about), options)
