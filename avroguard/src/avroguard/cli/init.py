"""`avroguard init`: writes a contracts.toml from the schemas that are there."""

import sys
from collections.abc import Sequence
from pathlib import Path

from avroguard.avro.schema import shown
from avroguard.cli.options import EXIT_CODES, verb_parser
from avroguard.cli.running import run
from avroguard.config.initial import initial_contracts
from avroguard.config.projects import DEFAULT_LEVEL, find_projects
from avroguard.config.tree import CONTRACTS
from avroguard.errors import UsageError
from avroguard.levels import Level


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = verb_parser(
        "avroguard init", f"Write a {CONTRACTS} in the root of the repository, with every schema in it.", EXIT_CODES
    )
    parser.add_argument(
        "--level",
        type=str.upper,
        choices=[str(level) for level in Level],
        default=DEFAULT_LEVEL,
        help=f"the level of each schema, by default {DEFAULT_LEVEL}",
    )
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _init(Level(options.level)))


def _init(level: Level) -> int:
    project, *others = find_projects(Path(), level)
    if not project.discovered:
        others = [project]
    if others:
        names = ", ".join(shown(other.directory.resolve() / CONTRACTS) for other in others if not other.discovered)
        raise UsageError(f"{names}: there already; nothing is overwritten")
    if not project.inspection.contracts.subjects:
        raise UsageError(f"{shown(project.root.resolve())}: no valid schema file (.avsc) in this directory or below")
    text, left_out = initial_contracts(project)
    path = project.root / CONTRACTS
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{shown(path)}: cannot be written: {error.strerror}") from None
    count = len(project.inspection.contracts.subjects) - len(left_out) + len(project.inspection.invalid)
    print(f"{shown(path.resolve())}: written, with {count} schema{'' if count == 1 else 's'} at {level}")
    for name in left_out:
        print(f"avroguard init: {name}: left out: it is no schema, has no name, or one that is taken", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
