"""One step of a walk for each Avro type that a batch is decoded by: reads a value from every row, and moves on.

A step returns the column of what it read, or None if it was only to skip it. It checks a skipped value just as much:
a message is as good or bad whatever part of it is wanted. Rows that a step can't vouch for it marks as doubtful.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.contracts.codec.columns.cursor import WIDEST, Array, Cursor, Ints, Mask
from services.contracts.codec.wire import INT64_DIGITS, LONG_RANGE

_UUID_SIZE = 36
_HYPHENS = [8, 13, 18, 23]


@dataclass(frozen=True)
class Column:
    """What a step read: the values and, for a nullable field, which of them are null."""

    values: Array
    nulls: Mask | None = None


Step = Callable[[Cursor], Column | None]


def null() -> Step:
    """A value that takes no bytes."""
    return lambda cursor: None  # noqa: ARG005 - all steps are called alike


def boolean(*, wanted: bool) -> Step:
    """One byte, 0 or 1."""

    def step(cursor: Cursor) -> Column | None:
        octets = cursor.byte()
        cursor.doubt |= octets > 1
        return Column(octets != 0) if wanted else None

    return step


def integer(low: int, high: int, *, wanted: bool) -> Step:
    """An int or long between two bounds, both included."""
    any_long = (low, high) == LONG_RANGE

    def step(cursor: Cursor) -> Column | None:
        values = cursor.number()
        if not any_long:
            cursor.doubt |= (values < low) | (values > high)
        return Column(values) if wanted else None

    return step


def floating(dtype: str, *, wanted: bool) -> Step:
    """A float (``<f4``) or double (``<f8``)."""
    size = np.dtype(dtype).itemsize

    def step(cursor: Cursor) -> Column | None:
        start = cursor.advance(size)
        return Column(cursor.load(dtype, start).astype(np.float64)) if wanted else None

    return step


def enum(symbols: Sequence[str], known: Sequence[str], *, wanted: bool) -> Step:
    """The index of a symbol; one that the reader doesn't know is in doubt where the symbol is wanted."""
    names = np.array([symbol.encode() for symbol in symbols])
    unknown = np.array([symbol not in known for symbol in symbols])

    def step(cursor: Cursor) -> Column | None:
        index = cursor.number()
        wrong = (index < 0) | (index >= len(names))
        cursor.doubt |= wrong
        if not wanted:
            return None
        index = np.where(wrong, 0, index)
        cursor.doubt |= unknown[index]
        return Column(names[index])

    return step


def fixed(size: int) -> Step:
    """Bytes of a known number, to skip."""

    def step(cursor: Cursor) -> None:
        cursor.advance(min(size, cursor.limit))

    return step


def octets(size: int | None, *, wanted: bool) -> Step:
    """Bytes of a known number, or (None) of a number written before them."""

    def step(cursor: Cursor) -> Column | None:
        length = cursor.length() if size is None else np.full(len(cursor.position), min(size, cursor.limit))
        start = cursor.advance(length)
        if not wanted:
            return None
        column = np.full(len(start), b"", object)
        inside = np.flatnonzero(cursor.position <= cursor.end)
        for row, first, last in zip(
            inside.tolist(), start[inside].tolist(), cursor.position[inside].tolist(), strict=True
        ):
            column[row] = cursor.data[first:last]
        return Column(column)

    return step


def text(*, wanted: bool) -> Step:
    """UTF-8. ASCII of moderate length is vouched for side by side, other text on its own."""

    def step(cursor: Cursor) -> Column | None:
        length = cursor.length()
        start = cursor.advance(length)
        widest = int(length.max(initial=0))
        if widest > WIDEST:
            long = length > WIDEST
            if wanted:
                cursor.doubt |= long
            else:
                _decode_alone(cursor, np.flatnonzero(long), start)
            length = np.where(long, 0, length)
            widest = int(length.max(initial=0))
        if not widest:
            return Column(np.zeros(len(start), "S1")) if wanted else None
        table = cursor.bytes_at(start, widest)
        if length.min() < widest:
            table *= np.arange(widest, dtype=np.uint8) < length.astype(np.uint8)[:, None]
        if table.max() >= 0x80:
            _decode_alone(cursor, np.flatnonzero(table.max(axis=1) >= 0x80), start)
        if not wanted:
            return None
        # An S array forgets zero bytes at the end of a value.
        cursor.doubt |= (cursor.octets[start + length - 1] == 0) & (length > 0)
        return Column(table.view(f"S{widest}").reshape(len(start)))

    return step


def _decode_alone(cursor: Cursor, rows: Ints, start: Ints) -> None:
    """Doubt the rows whose text, from ``start`` to the cursor, isn't UTF-8 or reaches beyond the row."""
    starts, stops, ends = start[rows].tolist(), cursor.position[rows].tolist(), cursor.end[rows].tolist()
    for row, first, last, end in zip(rows.tolist(), starts, stops, ends, strict=True):
        try:
            if last > end:
                cursor.doubt[row] = True
            else:
                cursor.data[first:last].decode()
        except UnicodeDecodeError:
            cursor.doubt[row] = True


def uuid(*, wanted: bool) -> Step:
    """A UUID as text in its canonical form, in lower case."""

    def step(cursor: Cursor) -> Column | None:
        length = cursor.length()
        cursor.doubt |= length != _UUID_SIZE
        table = cursor.bytes_at(cursor.advance(length), _UUID_SIZE)
        good = are_uuids(table)
        if not good.all():
            cursor.doubt |= ~good
        return Column(table.view(f"S{_UUID_SIZE}").reshape(len(table))) if wanted else None

    return step


def are_uuids(table: npt.NDArray[np.uint8]) -> Mask:
    """Which rows of 36 bytes are UUIDs in their canonical form, in lower case."""
    # Unsigned differences: whatever is below the first character of a range comes out above its last.
    good = (table - np.uint8(ord("0")) < 10) | (table - np.uint8(ord("a")) < 6)
    good[:, _HYPHENS] = table[:, _HYPHENS] == ord("-")
    rows: Mask = np.ones(len(table), np.bool_)
    return rows if good.all() else np.logical_and.reduce(good, axis=1)


def decimal(size: int | None, precision: int, *, wanted: bool) -> Step:
    """A decimal of up to 64 bits, unscaled, in bytes (``size`` None) or in a fixed; longer ones are in doubt."""
    limit = 10**precision if precision <= INT64_DIGITS else LONG_RANGE[1]

    def step(cursor: Cursor) -> Column | None:
        if size is None:
            length = cursor.length()
            cursor.doubt |= (length == 0) | (length > 8)
            values = cursor.load(">i8", cursor.advance(length)) >> np.clip(64 - 8 * length, 0, 63)
        elif size <= 8:
            values = cursor.load(">i8", cursor.advance(size)) >> (64 - 8 * size)
        else:
            lead = cursor.bytes_at(cursor.advance(size - 8), size - 8)
            values = cursor.load(">i8", cursor.advance(8))
            cursor.doubt |= (lead != ((values >> 63) & 0xFF)[:, None]).any(axis=1)
        cursor.doubt |= (values >= limit) | (values <= -limit)
        return Column(values.astype(np.int64)) if wanted else None

    return step


def record(steps: Sequence[Step]) -> Step:
    """Fields one after the other, all skipped."""

    def step(cursor: Cursor) -> None:
        for one in steps:
            one(cursor)

    return step


def union(branches: Sequence[Step]) -> Step:
    """A value of one of several types, skipped."""

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
    """A value or null: a union of two types. ``empty`` makes a column for rows that are null."""

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
    """A value that can't be null, for a reader that would allow null."""

    def step(cursor: Cursor) -> Column | None:
        read = value(cursor)
        return Column(read.values, np.zeros(len(read.values), np.bool_)) if read else None

    return step


def _by_branch(cursor: Cursor, count: int) -> list[tuple[int, Ints | None]]:
    """The branches of a union that occur, each with its rows, or None where all rows have the same."""
    branch = cursor.number()
    if len(branch) and (branch == branch[0]).all() and 0 <= branch[0] < count:
        return [(int(branch[0]), None)]
    cursor.doubt |= (branch < 0) | (branch >= count)
    found = [(one, np.flatnonzero(branch == one).astype(np.int64)) for one in range(count)]
    return [(one, rows) for one, rows in found if len(rows)]
