"""`avroguard lint`: check that each schema is acceptable to every parser, and good practice."""

import argparse
import datetime as dt
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from avroguard.avro.schema import shown
from avroguard.cli.options import EXIT_CODES, add_output_options, print_report, verb_parser
from avroguard.cli.running import run
from avroguard.config.tree import CONTRACTS, repository_root
from avroguard.config.waivers import Waiver, apply_waivers
from avroguard.errors import ContractError
from avroguard.findings import Finding, merged, with_missing_types_once
from avroguard.lint import LINT_FAMILIES, lint_schema
from avroguard.lint.files import LintContext, contract_file_of, default_scope, files_of, idl_files_of, listed_files_of
from avroguard.reporting import Report
from avroguard.rules import RULES, Profile, Severity

_EPILOG = f"""\
A PATH is a schema file (.avsc, .avpr), a contracts.toml, or a directory that is searched for both. A schema needs no
contracts.toml; types of other files in the repository are found by their full names. Where there is a contracts.toml
beside it or above it in the repository, its waivers count, and its profile and [rules] say which rules do:

  minimal      what parsers refuse, and what loses data
  recommended  what breaks with some parsers, or is surely not meant (the default)
  strict       good practice as well: documentation, names, room for changes

Without a PATH, the files are those beside and below the contracts.toml, whose rules and waivers count for them.
avroguard check looks at the other schema files of the repository as well, as one may have been moved there.

docs/schema-rules.md explains every rule.

{EXIT_CODES}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = verb_parser(
        "avroguard lint", "Check that schemas are acceptable to every Avro parser, and good practice.", _EPILOG
    )
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        type=Path,
        help="files and directories; by default SCHEMAS_DIR, else that of the next contracts.toml, else the repository",
    )
    parser.add_argument(
        "--profile",
        choices=[str(profile) for profile in Profile],
        help="set of rules; by default the profile of contracts.toml, else recommended",
    )
    parser.add_argument("--strict", action="store_true", help="let warnings fail as well")
    add_output_options(parser)
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _lint(options), options.format)


def _lint(options: argparse.Namespace) -> int:
    paths: list[Path] = options.paths
    if paths:
        scope, files = "", list(dict.fromkeys(file for path in paths for file in files_of(path)))
    else:
        directory, scope = default_scope()
        paths, files = [directory], listed_files_of(directory)
    groups: dict[Path, list[Path]] = {}
    for file in files:
        groups.setdefault(contract_file_of(file) or _root_of(file, paths), []).append(file)
    profile = Profile(options.profile) if options.profile else None
    findings: list[Finding] = []
    for path, group in groups.items():
        findings += _lint_group(path, group, paths, profile)
    about = _about(len(files), scope, sum(len(idl_files_of(path)) for path in paths))
    code = print_report(
        Report("avroguard lint", tuple(with_missing_types_once(merged(findings))), tuple(map(shown, files)), about),
        options,
    )
    return code or int(
        options.strict and any(finding.severity is Severity.WARNING and not finding.waived for finding in findings)
    )


def _about(files: int, scope: str, left_out: int) -> str:
    about = "1 file checked" if files == 1 else f"{files} files checked"
    about += f" in {scope}" if scope else ""
    if left_out == 1:
        about += ", 1 Avro IDL file (.avdl) left out: avro-tools idl makes .avpr of it"
    elif left_out:
        about += f", {left_out} Avro IDL files (.avdl) left out: avro-tools idl makes .avpr of them"
    return about


def _root_of(file: Path, paths: Sequence[Path]) -> Path:
    """The directory in which the types of other files are searched: the repository, else the path that was given."""
    directory = _absolute(file).parent
    root = repository_root(directory)
    if (root / ".git").exists():
        return root
    return next((path for path in map(_absolute, paths) if path.is_dir() and directory.is_relative_to(path)), root)


def _lint_group(path: Path, files: Sequence[Path], paths: Sequence[Path], profile: Profile | None) -> list[Finding]:
    """The findings of the files for which the same contracts file counts, or that are in the same directory."""
    context = LintContext.of_contracts(path) if path.name == CONTRACTS else LintContext.of_directory(path)
    findings: list[Finding] = []
    for file in files:
        if file.name == CONTRACTS:
            findings += context.findings
        else:
            findings += lint_schema(shown(file), _content(file), *context.types_for(file))
    everything = any(path.is_relative_to(_absolute(given)) for given in paths if given.is_dir())
    seen = {shown(file) for file in files}

    def looked_for(waiver: Waiver) -> bool:
        of_lint = RULES[waiver.rule].family in LINT_FAMILIES and waiver.subject is None
        return of_lint and (everything or waiver.file in seen)

    # Rules come after waivers: a waiver of a rule that is off is not called unused.
    waived = apply_waivers(findings, context.waivers, dt.datetime.now(dt.UTC).date(), looked_for)
    return context.rules.apply(waived, profile)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - takes ".." away, and follows no link


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ContractError(f"{shown(file)}: cannot be read: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
