"""`pull-schemas`: bring what a registry holds under version control."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from services.contracts.commands.options import (
    EXIT_CODES,
    REGISTRY_ENVIRONMENT,
    add_registry_options,
    registry_settings,
)
from services.contracts.commands.running import run
from services.contracts.definition.schema import shown
from services.contracts.definition.topics import load_contracts
from services.contracts.definition.tree import CONTRACTS
from services.contracts.registration.pulling import Files, Pulled, pull
from services.contracts.registry.client import Registry
from services.errors import UsageError

_EPILOG = f"""\
Writes the latest version of each subject, and of those that it refers to, as a schema file in DIR, and adds an
entry to DIR/{CONTRACTS} for each subject that is not there yet. A subject that is there already keeps its entry, and
its file is brought up to date.

{EXIT_CODES}
{REGISTRY_ENVIRONMENT}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="pull-schemas",
        description="Write what a registry holds as schema files and entries of contracts.toml.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subjects", metavar="SUBJECT", nargs="+", help="what to bring here")
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="the directory of contracts.toml")
    parser.add_argument(
        "--all-versions", action="store_true", help="write earlier versions as well, below DIR/versions"
    )
    add_registry_options(parser)
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _pull(options))


def _pull(options: argparse.Namespace) -> int:
    directory: Path = options.to
    contracts = directory / CONTRACTS
    with Registry(registry_settings(options)) as registry:
        found = pull(options.subjects, registry, all_versions=options.all_versions)
    files = Files(_known(contracts))
    used = {str(reference.get("subject")) for pulled in found for reference in pulled.latest.references}
    for pulled in found:
        files.add(pulled, referred_to=pulled.latest.subject in used)
    before = contracts.read_text(encoding="utf-8") if contracts.is_file() else None
    wanted = dict(files.written)
    if (text := files.contracts(before)) is not None:
        wanted[CONTRACTS] = text
    for name, content in wanted.items():
        print(f"{shown(directory / name)}: {_write(directory / name, content)}")
    _say(found)
    return 0


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
            if path.read_text(encoding="utf-8") == content:
                return "unchanged"
            path.write_text(content, encoding="utf-8")
            return "changed"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--to: {shown(path)}: cannot be written: {error.strerror}") from None
    return "written"


def _say(found: Sequence[Pulled]) -> None:
    for pulled in found:
        latest = pulled.latest
        print(f"pull-schemas: {latest.subject} v{latest.version} id {latest.id}, {pulled.level}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
