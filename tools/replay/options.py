"""The arguments that say how a file is laid out."""

import argparse
import dataclasses
from collections.abc import Iterable
from pathlib import Path

from services.errors import UsageError
from tools.command_line import moment
from tools.replay.cells import ISO, TIMES
from tools.replay.layout import FIELDS, PRESETS, TRUTH, Layout
from tools.replay.readers import FORMATS


def add_layout_options(parser: argparse.ArgumentParser, *, files: str | None = "+") -> None:
    """Add the arguments that `layout_of` reads, and FILE... as `files`.

    Args:
        parser: Gets them.
        files: Number of files (argparse's nargs); None for a command that names its files in another way.
    """
    if files is not None:
        parser.add_argument("files", nargs=files, type=Path, metavar="FILE", help="CSV, JSON lines or Parquet")
    group = parser.add_argument_group(
        "layout of the files",
        f"Fields: {', '.join(FIELDS)}; {', '.join(TRUTH)}. A field without --map and --set is taken from the column of "
        "its own name. Transactions without id get one that is the same each time.",
    )
    group.add_argument("--preset", choices=sorted(PRESETS), help="a well-known layout; --map and the others change it")
    group.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN", help="FIELD is in this column")
    group.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="FIELD is this in every row")
    group.add_argument(
        "--prefix", action="append", default=[], metavar="FIELD=TEXT",
        help="put TEXT before each account of source or target, so that customer 7 and shop 7 are two accounts",
    )  # fmt: skip
    group.add_argument("--time", choices=[ISO, *TIMES], help="what created_at is (default: iso, UTC without a zone)")
    group.add_argument("--start", type=moment, metavar="TIME", help="what offset-s and offset-h count from")
    group.add_argument("--delimiter", metavar="C", help="what is between cells in CSV (default: a comma; .tsv: a tab)")
    group.add_argument("--format", choices=FORMATS, help="if the file's name doesn't say it")


def layout_of(options: argparse.Namespace) -> Layout:
    """The layout that the arguments describe.

    Raises:
        UsageError: If they contradict each other or name what isn't there.
    """
    base = PRESETS[options.preset] if options.preset else Layout()
    columns, constants = _pairs("--map", options.map), _pairs("--set", options.set)
    return dataclasses.replace(
        base,
        columns={name: it for name, it in base.columns.items() if name not in constants} | columns,
        constants={name: it for name, it in base.constants.items() if name not in columns} | constants,
        prefixes={**base.prefixes, **_pairs("--prefix", options.prefix)},
        time=options.time or base.time,
        start=options.start or base.start,
        delimiter=base.delimiter if options.delimiter is None else options.delimiter.replace("\\t", "\t"),
        format=options.format or base.format,
    )


def _pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {text}: expected {option} FIELD=..., such as {option} source=...")
        if name in pairs:
            raise UsageError(f"{option} {text}: {name} is already {pairs[name]!r}")
        pairs[name] = value
    return pairs
