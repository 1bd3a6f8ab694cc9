"""Steps of a walk, one for each Avro type: a step reads a value of every row and advances the cursor.

A step returns the column of its values, or None if it skips them. It checks skipped values as well: the validity of a
message does not depend on the selected fields. It marks the rows that it does not cover for the fallback.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.contracts.codec.body_validation import INT64_DIGITS, LONG_RANGE
from services.contracts.codec.columns.cursor import WIDEST, Array, Cursor, Ints, Mask

_UUID_SIZE = 36
_HYPHENS = [8, 13, 18, 23]


@dataclass(frozen=True)
class Column:
    """The values that a step has read and, for a nullable field, the mask of nulls."""

    values: Array
    nulls: Mask | None = None


Step = Callable[[Cursor], Column | None]


def null() -> Step:
    """Return the step for a value that takes no bytes."""
    return lambda cursor: None  # noqa: ARG005 - all steps are called alike


def boolean(*, emit: bool) -> Step:
    """Return the step for one byte, 0 or 1."""

    def step(cursor: Cursor) -> Column | None:
        values = cursor.byte()
        cursor.fallback |= values > 1
        return Column(values != 0) if emit else None

    return step


def integer(low: int, high: int, *, emit: bool) -> Step:
    """Return the step for an int or long between two bounds, both included."""
    any_long = (low, high) == LONG_RANGE

    def step(cursor: Cursor) -> Column | None:
        values = cursor.number()
        if not any_long:
            cursor.fallback |= (values < low) | (values > high)
        return Column(values) if emit else None

    return step


def floating(dtype: str, *, emit: bool) -> Step:
    """Return the step for a float (``<f4``) or double (``<f8``)."""
    size = np.dtype(dtype).itemsize

    def step(cursor: Cursor) -> Column | None:
        start = cursor.advance(size)
        return Column(cursor.load(dtype, start).astype(np.float64)) if emit else None

    return step


def enum(symbols: Sequence[str], known: Sequence[str], *, emit: bool) -> Step:
    """Return the step for the index of a symbol; rows with a symbol unknown to the reader fall back."""
    names = np.array([symbol.encode() for symbol in symbols])
    unknown = np.array([symbol not in known for symbol in symbols])

    def step(cursor: Cursor) -> Column | None:
        index = cursor.number()
        wrong = (index < 0) | (index >= len(names))
        cursor.fallback |= wrong
        if not emit:
            return None
        index = np.where(wrong, 0, index)
        cursor.fallback |= unknown[index]
        return Column(names[index])

    return step


def fixed(size: int) -> Step:
    """Return the step that skips a known number of bytes."""

    def step(cursor: Cursor) -> None:
        cursor.advance(min(size, cursor.limit))

    return step


def binary(size: int | None, *, emit: bool) -> Step:
    """Return the step for bytes of a known number, or (None) of a number written before them."""

    def step(cursor: Cursor) -> Column | None:
        length = cursor.length() if size is None else np.full(len(cursor.position), min(size, cursor.limit))
        start = cursor.advance(length)
        if not emit:
            return None
        column = np.full(len(start), b"", object)
        valid = np.flatnonzero(cursor.position <= cursor.end)
        for row, first, last in zip(
            valid.tolist(), start[valid].tolist(), cursor.position[valid].tolist(), strict=True
        ):
            column[row] = cursor.data[first:last]
        return Column(column)

    return step


def text(*, emit: bool) -> Step:
    """Return the step for UTF-8. ASCII of moderate length is checked vectorised, other text on its own."""

    def step(cursor: Cursor) -> Column | None:
        length = cursor.length()
        start = cursor.advance(length)
        widest = int(length.max(initial=0))
        if widest > WIDEST:
            long = length > WIDEST
            if emit:
                cursor.fallback |= long
            else:
                _decode_rows(cursor, np.flatnonzero(long), start)
            length = np.where(long, 0, length)
            widest = int(length.max(initial=0))
        if not widest:
            return Column(np.zeros(len(start), "S1")) if emit else None
        table = cursor.bytes_at(start, widest)
        if length.min() < widest:
            table *= np.arange(widest, dtype=np.uint8) < length.astype(np.uint8)[:, None]
        if table.max() >= 0x80:
            _decode_rows(cursor, np.flatnonzero(table.max(axis=1) >= 0x80), start)
        if not emit:
            return None
        # An S array drops zero bytes at the end of a value.
        cursor.fallback |= (cursor.buffer[start + length - 1] == 0) & (length > 0)
        return Column(table.view(f"S{widest}").reshape(len(start)))

    return step


def _decode_rows(cursor: Cursor, rows: Ints, start: Ints) -> None:
    """Doubt the rows whose text, from ``start`` to the cursor, isn't UTF-8 or reaches beyond the row."""
    starts, stops, ends = start[rows].tolist(), cursor.position[rows].tolist(), cursor.end[rows].tolist()
    for row, first, last, end in zip(rows.tolist(), starts, stops, ends, strict=True):
        try:
            if last > end:
                cursor.fallback[row] = True
            else:
                cursor.data[first:last].decode()
        except UnicodeDecodeError:
            cursor.fallback[row] = True


def uuid(*, emit: bool) -> Step:
    """Return the step for a UUID as text in its canonical form, in lower case."""

    def step(cursor: Cursor) -> Column | None:
        length = cursor.length()
        cursor.fallback |= length != _UUID_SIZE
        table = cursor.bytes_at(cursor.advance(length), _UUID_SIZE)
        good = are_uuids(table)
        if not good.all():
            cursor.fallback |= ~good
        return Column(table.view(f"S{_UUID_SIZE}").reshape(len(table))) if emit else None

    return step


def are_uuids(table: npt.NDArray[np.uint8]) -> Mask:
    """Return the mask of the rows of 36 bytes that are UUIDs in their canonical form, in lower case."""
    # Unsigned differences: characters below a range wrap around to values above it.
    good = (table - np.uint8(ord("0")) < 10) | (table - np.uint8(ord("a")) < 6)
    good[:, _HYPHENS] = table[:, _HYPHENS] == ord("-")
    rows: Mask = np.ones(len(table), np.bool_)
    return rows if good.all() else np.logical_and.reduce(good, axis=1)


def decimal(size: int | None, precision: int, *, emit: bool) -> Step:
    """Return the step for an unscaled decimal of up to 64 bits, in bytes (``size`` None) or a fixed.

    Rows with a longer one fall back.
    """
    limit = 10**precision if precision <= INT64_DIGITS else LONG_RANGE[1]

    def step(cursor: Cursor) -> Column | None:
        if size is None:
            length = cursor.length()
            cursor.fallback |= (length == 0) | (length > 8)
            values = cursor.load(">i8", cursor.advance(length)) >> np.clip(64 - 8 * length, 0, 63)
        elif size <= 8:
            values = cursor.load(">i8", cursor.advance(size)) >> (64 - 8 * size)
        else:
            lead = cursor.bytes_at(cursor.advance(size - 8), size - 8)
            values = cursor.load(">i8", cursor.advance(8))
            cursor.fallback |= (lead != ((values >> 63) & 0xFF)[:, None]).any(axis=1)
        cursor.fallback |= (values >= limit) | (values <= -limit)
        return Column(values.astype(np.int64)) if emit else None

    return step


def record(steps: Sequence[Step]) -> Step:
    """Return the step that skips the fields of a record."""

    def step(cursor: Cursor) -> None:
        for field in steps:
            field(cursor)

    return step


def union(branches: Sequence[Step]) -> Step:
    """Return the step that skips a value of one of several types."""

    def step(cursor: Cursor) -> None:
        for branch, rows in _by_branch(cursor, len(branches)):
            if rows is None:
                branches[branch](cursor)
            else:
                part = cursor.select(rows)
                branches[branch](part)
                cursor.merge(rows, part)

    return step


def nullable(value: Step, null_branch: int, empty: Callable[[int], Array]) -> Step:
    """Return the step for a value or null: a union of two types. ``empty`` makes a column of null rows."""

    def step(cursor: Cursor) -> Column:
        count = len(cursor.position)
        column, nulls = None, np.ones(count, np.bool_)
        for branch, rows in _by_branch(cursor, 2):
            if branch == null_branch:
                continue
            if rows is None:
                read = value(cursor)
                return Column(read.values if read else empty(count), np.zeros(count, np.bool_))
            part = cursor.select(rows)
            read = value(part)
            cursor.merge(rows, part)
            if read:
                column = empty(count).astype(read.values.dtype)
                column[rows] = read.values
            nulls[rows] = False
        return Column(empty(count) if column is None else column, nulls)

    return step


def present(value: Step) -> Step:
    """Return the step for a value that can't be null, for a reader that allows null."""

    def step(cursor: Cursor) -> Column | None:
        read = value(cursor)
        return Column(read.values, np.zeros(len(read.values), np.bool_)) if read else None

    return step


def _by_branch(cursor: Cursor, count: int) -> list[tuple[int, Ints | None]]:
    """Return the occurring branches of a union, each with its rows, or None where all rows have the same."""
    branch = cursor.number()
    if len(branch) and (branch == branch[0]).all() and 0 <= branch[0] < count:
        return [(int(branch[0]), None)]
    cursor.fallback |= (branch < 0) | (branch >= count)
    rows_by_branch = [(number, np.flatnonzero(branch == number).astype(np.int64)) for number in range(count)]
    return [(number, rows) for number, rows in rows_by_branch if len(rows)]
