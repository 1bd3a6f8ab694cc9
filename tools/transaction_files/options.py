"""The arguments that say how files are laid out."""

import argparse
import dataclasses
import glob
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from services.errors import UsageError
from tools.command_line import moment, whole_number
from tools.transaction_files.formats import FORMATS, format_of
from tools.transaction_files.profile import FIELDS, MOVEMENT, NEGATIVE, POSITIVE, TRUTH, Profile, Source
from tools.transaction_files.profile_file import load_profile, shipped_names
from tools.transaction_files.time_order import Ordering
from tools.transaction_files.times import FORMS

_FILES = "CSV, JSON or Parquet, also packed; a directory or a pattern such as 'export-*.csv' is all that it has"


def add_profile_options(parser: argparse.ArgumentParser, *, files: str | None = "+") -> None:
    """Add the arguments that `profile_of` reads, and FILE... as `files`.

    Args:
        parser: Gets them.
        files: Number of files (argparse's nargs); None for a command that names its files in another way.
    """
    if files is not None:
        parser.add_argument("files", nargs=files, type=Path, metavar="FILE", help=_FILES)
    _add_file_options(parser)
    _add_field_options(parser)
    _add_value_options(parser)


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files", "What isn't said is found out from the file.")
    group.add_argument(
        "--profile", "--preset", metavar="PROFILE",
        help=f"a profile in TOML, or a shipped one: {', '.join(shipped_names())}; the options below change it",
    )  # fmt: skip
    group.add_argument(
        "--format", choices=[*FORMATS, "jsonl"], metavar="|".join(FORMATS), help="if neither content nor name says it"
    )
    group.add_argument("--encoding", metavar="NAME", help="of text, such as cp1252, utf-16, shift_jis")
    group.add_argument("--delimiter", metavar="C", help=r"between the cells of CSV; \t is a tab")
    group.add_argument("--skip", type=whole_number(0), metavar="N", help="leave out N lines before the header")
    group.add_argument("--no-header", action="store_true", help="the first line is a row; columns are @1, @2, ...")
    group.add_argument(
        "--records", metavar="PATH", help="where the array of rows is in a JSON document, such as data.items"
    )
    group.add_argument(
        "--where", metavar="CONDITION", help='take these rows only, such as "State == \'COMPLETED\'" or "`Fee in` > 0"'
    )
    order = group.add_mutually_exclusive_group()
    order.add_argument("--no-sort", action="store_true", help="stop where rows are not in the order of their times")
    order.add_argument("--keep-order", action="store_true", help="leave rows in the order of the file, late ones too")
    group.add_argument(
        "--lookup", type=Path, default=Path("accounts.csv"), metavar="FILE",
        help="write the look-up table of accounts of more than 34 characters, if there are any (%(default)s)",
    )  # fmt: skip


def _add_field_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "fields",
        f"Fields: {', '.join(FIELDS)}; {', '.join(TRUTH)};\n"
        f"for account statements {', '.join(MOVEMENT)}; and those that the contract has besides.\n"
        "A field without --map and --set is taken from the column of its own name. Columns are called by\n"
        "name, by path in JSON (Account.Id, Others[0].Id), by place (@5), or as one of several of a name (Account#2).",
    )
    group.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="FIELD is in this column; Date+Time joins two",
    )
    group.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="FIELD is this in every row")
    group.add_argument(
        "--default", action="append", default=[], metavar="FIELD=VALUE", help="FIELD is this where the cell is empty"
    )
    group.add_argument(
        "--value", action="append", default=[], metavar="FIELD:TEXT=VALUE",
        help="TEXT of the file means VALUE, such as 'currency:US Dollar=USD' or fraud:confirmed=1",
    )  # fmt: skip
    group.add_argument(
        "--prefix", action="append", default=[], metavar="FIELD=TEXT",
        help="put TEXT before each account of source or target, so that customer 7 and shop 7 are two accounts",
    )  # fmt: skip


def _add_value_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("amounts and times")
    group.add_argument(
        "--decimal", choices=[".", ","], metavar=".|,", help="the decimal separator; the other may separate thousands"
    )
    group.add_argument(
        "--signed", choices=[NEGATIVE, POSITIVE],
        help="amounts have a sign: this one is what source pays; the others are paid by target",
    )  # fmt: skip
    group.add_argument(
        "--minor-units",
        action="store_true",
        help="amounts count cents, or whatever the smallest unit of the currency is",
    )
    group.add_argument("--round", action="store_true", help="round amounts with more decimals than the contract has")
    group.add_argument(
        "--time", metavar="FORM", action="append",
        help=f"what created_at is: {', '.join(FORMS)} (default: iso, which also reads 20260131 and 2026/01/31)",
    )  # fmt: skip
    group.add_argument(
        "--time-format", dest="time", metavar="FORMAT", action="append",
        help="or a format such as '%%d.%%m.%%Y %%H:%%M'; if given several times, the first that fits",
    )  # fmt: skip
    group.add_argument("--zone", metavar="ZONE", help="of times that name none, such as Europe/Berlin (default: UTC)")
    group.add_argument("--start", type=moment, metavar="TIME", help="what offset-s and the like count from")


def ordering_of(options: argparse.Namespace) -> Ordering:
    """The treatment of rows out of order that the arguments ask for."""
    if options.keep_order:
        return Ordering.KEEP
    return Ordering.REFUSE if options.no_sort else Ordering.SORT


def profile_of(options: argparse.Namespace) -> Profile:
    """The profile that the arguments describe.

    Raises:
        UsageError: If they contradict each other or name what isn't there.
    """
    base = load_profile(options.profile) if options.profile else Profile()
    changes: dict[str, Any] = {
        "format": options.format, "encoding": options.encoding, "skip": options.skip, "records": options.records,
        "where": options.where, "decimal": options.decimal, "paid_out": options.signed, "zone": options.zone,
        "start": options.start, "times": tuple(options.time) if options.time else None,
        "delimiter": None if options.delimiter is None else options.delimiter.replace("\\t", "\t"),
        "header": False if options.no_header else None, "minor_units": options.minor_units or None,
        "round": options.round or None,
    }  # fmt: skip
    if options.delimiter == "":
        raise UsageError("the delimiter is one character such as ; and not ''")
    return dataclasses.replace(
        base, fields=_fields(base, options), **{name: value for name, value in changes.items() if value is not None}
    )


def _fields(base: Profile, options: argparse.Namespace) -> dict[str, Source]:
    columns, constants = _pairs("--map", options.map), _pairs("--set", options.set)
    twice = sorted(set(columns) & set(constants))
    if twice:
        raise UsageError(f"{', '.join(twice)}: both mapped to a column and set to a constant; choose one")
    fields = dict(base.fields)

    def change(name: str, **changes: Any) -> None:
        fields[name] = dataclasses.replace(fields.get(name, Source()), **changes)

    for name, column in columns.items():
        change(name, columns=(column,), value=None)
    for name, value in constants.items():
        change(name, columns=(), value=value)
    for option, attribute, texts in (("--default", "default", options.default), ("--prefix", "prefix", options.prefix)):
        for name, value in _pairs(option, texts).items():
            change(name, **{attribute: value})
    for text in options.value:
        name, _, rest = text.partition(":")
        cell, equals, value = rest.rpartition("=")
        if not (name and cell and equals):
            raise UsageError(f"--value {text}: expected FIELD:TEXT=VALUE, such as 'currency:US Dollar=USD'")
        change(name, values={**fields.get(name, Source()).values, cell: value})
    # An amount in place of debit and credit, or the other way round, takes the place of what the profile has.
    if "amount" in {*columns, *constants}:
        fields = {name: source for name, source in fields.items() if name not in {"debit", "credit"} or name in columns}
    elif {"debit", "credit"} & set(columns):
        fields.pop("amount", None)
    return fields


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


def expanded(paths: Sequence[Path]) -> list[Path]:
    """Return the files that arguments name: patterns and directories become what they have, in the order of names.

    Raises:
        UsageError: If there is nothing of a pattern, or no file of a known format in a directory.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [file for file in sorted(path.iterdir()) if file.is_file() and _has_format(file)]
            if not inside:
                raise UsageError(f"{path}: not a file, and no CSV, JSON or Parquet in it")
            files += inside
        elif not path.exists() and glob.has_magic(str(path)):
            matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - the path may be absolute
            if not matches:
                raise UsageError(f"{path}: no file of such a name")
            files += map(Path, matches)
        else:
            files.append(path)
    return files


def _has_format(path: Path) -> bool:
    try:
        return bool(format_of(path))
    except UsageError:
        return False
