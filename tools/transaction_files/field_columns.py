"""Columns of a file that each field of a profile is in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from services.errors import UsageError
from tools.transaction_files.column_names import close_name, find_column
from tools.transaction_files.extra_fields import ExtraField
from tools.transaction_files.formats import open_file
from tools.transaction_files.profile import NAMES, Profile
from tools.transaction_files.rows import File
from tools.transaction_files.where import Where

_SHOWN = 30  # columns in a message


@dataclass(frozen=True)
class OpenFile:
    """A file and the columns that are read of it.

    Attributes:
        path: The file.
        file: Reads it.
        fields: By field the columns that it is in.
        condition: The file's name of each column that the profile's condition needs.
    """

    path: Path
    file: File
    fields: dict[str, tuple[str, ...]]
    condition: dict[str, str]

    @cached_property
    def names(self) -> list[str]:
        """The columns that are read."""
        return sorted({name for columns in self.fields.values() for name in columns} | set(self.condition.values()))


def open_with_columns(
    path: Path, profile: Profile, where: Where | None, extras: Mapping[str, ExtraField] = MappingProxyType({})
) -> OpenFile:
    """Open a file and find the columns of a profile in it.

    Args:
        path: The file.
        profile: The profile.
        where: The profile's condition.
        extras: Further fields that the contract has.

    Raises:
        UsageError: If the file can't be used, or lacks a column; the message names all that are there.
    """
    try:
        file = open_file(path, profile)
        there = file.columns()
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: can't be read: {reason}") from None
    references = _references(profile, extras)
    fields: dict[str, tuple[str, ...]] = {}
    missing = []
    for name, columns in references.items():
        try:
            found = _find(columns, there, references)
        except UsageError as error:
            raise UsageError(f"{path}:1: {error}") from None
        if found is not None:
            fields[name] = found
        elif profile.needs(name) or (name in extras and extras[name].is_required):
            missing.append(_missing(path, name, columns, there or ()))
    condition = {}
    for column in where.columns if where else ():
        match = column if there is None else find_column(column, there)
        if match is None:
            missing.append(f"{path}:1: no column {column!r}, which --where needs")
        else:
            condition[column] = match
    if missing and there is not None:
        shown = [*there[:_SHOWN], *([f"and {len(there) - _SHOWN} more"] if len(there) > _SHOWN else [])]
        guess = "scripts/replay --guess FILE proposes which is which"
        raise UsageError("\n".join([*missing, f"{path}:1: there are {', '.join(shown)}; {guess}"]))
    opened = OpenFile(path, file, fields, condition)
    file.check(opened.names)
    return opened


def _references(profile: Profile, extras: Iterable[str]) -> dict[str, tuple[str, ...]]:
    return {
        name: source.columns
        for name in (*NAMES, *extras)
        if profile.uses(name) and (source := profile.source(name)).columns
    }


def _find(
    columns: tuple[str, ...], there: Sequence[str] | None, references: dict[str, tuple[str, ...]]
) -> tuple[str, ...] | None:
    """Return the file's names of columns; None where one isn't there. Date+Time is two, unless one is called so."""
    if there is None:
        return tuple(part for column in columns for part in column.split("+"))
    others = [column for group in references.values() for column in group]
    found: list[str] = []
    for column in columns:
        match = find_column(column, there, others)
        parts = (
            [match] if match or "+" not in column else [find_column(part, there, others) for part in column.split("+")]
        )
        if None in parts:
            return None
        found += [part for part in parts if part is not None]
    return tuple(found)


def _missing(path: Path, name: str, columns: tuple[str, ...], there: Sequence[str]) -> str:
    column = "+".join(columns)
    close = close_name(column, there)
    hint = f" (or is it {close!r}?)" if close else ""
    constant = ", or --set currency=EUR" if name == "currency" else ""
    constant = ", or debit and credit where these are two columns" if name == "amount" else constant
    return f"{path}:1: no column {column!r}{hint}: say which it is, --map {name}=COLUMN{constant}"
