"""`avroguard pull`: write what a registry holds as files, for version control."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from avroguard.avro.canonical_form import same_content
from avroguard.avro.schema import shown
from avroguard.cli.options import (
    REGISTRY_ENVIRONMENT,
    add_output_options,
    add_registry_options,
    print_report,
    registry_settings,
    verb_parser,
)
from avroguard.cli.running import run
from avroguard.config.topics import inspect_contracts, load_contracts
from avroguard.config.tree import CONTRACTS, Directory
from avroguard.errors import UsageError
from avroguard.findings import Finding, exit_code
from avroguard.registration.pull import Files, Pulled, pull
from avroguard.registry.client import Registry
from avroguard.reporting import Format, Report

_EPILOG = f"""\
Writes the latest version of each subject, and of those that it refers to, as a schema file in DIR, and adds an
entry to DIR/{CONTRACTS} for each subject that is not there yet. A subject that is there already keeps its entry, and
its file is brought up to date. What is wrong with DIR/{CONTRACTS} then is a finding.

exit codes:
  0  written, or unchanged
  1  the registry has no such subject, or the contracts are wrong with what was written
  2  wrong usage or configuration, or a file can't be written
  3  the registry does not answer
  4  not authorised

{REGISTRY_ENVIRONMENT}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = verb_parser(
        "avroguard pull", "Write what a registry holds as schema files and entries of contracts.toml.", _EPILOG
    )
    parser.add_argument("subjects", metavar="SUBJECT", nargs="+", help="subjects to write")
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="the directory of contracts.toml")
    parser.add_argument(
        "--all-versions", action="store_true", help="write earlier versions as well, below DIR/versions"
    )
    add_output_options(parser)
    add_registry_options(parser)
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _pull(options), options.format)


def _pull(options: argparse.Namespace) -> int:
    directory: Path = options.to
    contracts = directory / CONTRACTS
    with Registry(registry_settings(options)) as registry:
        subjects_pulled = pull(options.subjects, registry, all_versions=options.all_versions)
    files = Files(_known(contracts))
    used = {str(reference.get("subject")) for pulled in subjects_pulled for reference in pulled.latest.references}
    for pulled in subjects_pulled:
        files.add(pulled, referred_to=pulled.latest.subject in used)
    before = contracts.read_text(encoding="utf-8") if contracts.is_file() else None
    contents = dict(files.written)
    if (text := files.contracts(before)) is not None:
        contents[CONTRACTS] = text
    _say(subjects_pulled, files)
    done = {shown(directory / name): _write(directory / name, content) for name, content in contents.items()}
    findings = _findings(contracts)
    if options.format != Format.TEXT:
        results = tuple({"file": name, "status": status} for name, status in done.items())
        subjects = tuple(pulled.latest.subject for pulled in subjects_pulled)
        about = f"{len(subjects_pulled)} subject{'' if len(subjects_pulled) == 1 else 's'} pulled to {shown(directory)}"
        return print_report(Report("avroguard pull", tuple(findings), subjects, about, results), options)
    for line in [*(f"{name}: {status}" for name, status in done.items()), *findings]:
        print(line)
    return exit_code(findings)


def _findings(contracts: Path) -> list[Finding]:
    """Return the findings in the contracts as they are now."""
    if not contracts.is_file():
        return []
    return list(inspect_contracts(Directory(contracts.parent)).faults)


def _known(contracts: Path) -> dict[str, str]:
    """The file of each subject that the contracts have."""
    if not contracts.is_file():
        return {}
    directory = contracts.parent.absolute()
    return {
        contract.subject: contract.schema.path.absolute().relative_to(directory).as_posix()
        for contract in load_contracts(contracts).subjects
    }


def _write(path: Path, content: str) -> str:
    """Write a file; returns what happened to it."""
    try:
        if path.is_file():
            if _same(path.read_text(encoding="utf-8"), content):
                return "unchanged"
            path.write_text(content, encoding="utf-8")
            return "changed"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--to: {shown(path)}: cannot be written: {error.strerror}") from None
    return "written"


def _same(present: str, content: str) -> bool:
    """Return whether a file has the content that it should, in any layout or, of a schema, any spelling."""
    try:
        return present == content or same_content(json.loads(present), json.loads(content))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):  # no schema, or a broken one
        return False


def _say(subjects_pulled: Sequence[Pulled], files: Files) -> None:
    """Print on stderr what was pulled, and what the files can't say."""
    latest_of = {pulled.latest.subject: pulled.latest.version for pulled in subjects_pulled}
    for pulled in subjects_pulled:
        latest = pulled.latest
        facts = [f"{latest.subject} v{latest.version} id {latest.id}, {pulled.level}"]
        for reference in latest.references:
            subject, version = str(reference.get("subject")), reference.get("version")
            if version != latest_of[subject]:
                facts.append(f"refers to v{version} of {subject}, where the files have v{latest_of[subject]}")
        if latest.subject in files.unplaced:
            facts.append(f"has no place in {CONTRACTS}: it is of no new topic, and a type without a name")
        print(f"avroguard pull: {'; '.join(facts)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
