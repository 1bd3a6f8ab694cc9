"""Remarks on files that were read: what was found out, put right or left out, in words."""

from collections.abc import Iterator
from pathlib import Path

from tools.transaction_files.row_reader import RowReader
from tools.transaction_files.time_order import Ordering, RowOrder

_TIME_WORDS = ("time", "hour", "zeit", "uhr", "heure", "hora", "ora")


def notes_of(reader: RowReader, order: RowOrder, ordering: Ordering, left_out: int) -> list[str]:
    """Return remarks once all rows were read.

    Args:
        reader: Has read them.
        order: The order of the rows.
        ordering: What was done about it.
        left_out: Number of rows that were left out.
    """
    return [
        *_encodings(reader), *_order(order, ordering), *_midnight(reader, order), *_amounts(reader),
        *_accounts(reader), *_left_out(reader, left_out),
    ]  # fmt: skip


def lookup_note(path: Path, count: int) -> str:
    """Return the remark on a look-up table that was written."""
    return f"{count:,} accounts of more than 34 characters were shortened; {path} has what they were"


def _encodings(reader: RowReader) -> Iterator[str]:
    if not reader.profile.encoding:
        for path, file in reader.files:
            if not file.encoding.startswith("utf"):
                yield f"{path.name} was read as {file.encoding}; --encoding says otherwise"


def _order(order: RowOrder, ordering: Ordering) -> Iterator[str]:
    if not order.is_sorted:
        done = "they were left so, and late rows find no windows" if ordering is Ordering.KEEP else "they were sorted"
        yield f"rows are {order}: {done}"


def _midnight(reader: RowReader, order: RowOrder) -> Iterator[str]:
    if order.rows > 1 and order.at_midnight == order.rows:
        columns = reader.files[0][1].columns() or ()
        used = reader.columns_of("created_at")
        names = [name for name in columns if name not in used and any(word in name.lower() for word in _TIME_WORDS)]
        hint = (
            f"; is the time of day in {names[0]!r}? then --map 'created_at={'+'.join(used)}+{names[0]}'"
            if names
            else ""
        )
        yield f"all times are at midnight: windows of minutes and hours mean nothing{hint}"


def _amounts(reader: RowReader) -> Iterator[str]:
    amounts = reader.readers.amounts
    if amounts.floats:
        cell, amount = amounts.floats
        yield f"amounts that a program wrote as binary floats are those they stand for: {cell} is {amount}"
    if amounts.rounded:
        cell, amount = amounts.rounded
        yield f"amounts with more than {amounts.scale} decimals were rounded: {cell} is {amount}"


def _accounts(reader: RowReader) -> Iterator[str]:
    if floats := reader.readers.accounts.floats:
        yield f"accounts that a program wrote as floats are the whole numbers: {floats} is {floats.partition('.')[0]}"


def _left_out(reader: RowReader, left_out: int) -> Iterator[str]:
    if left_out:
        reason = f" by {reader.profile.where}" if reader.profile.where else ": the header again"
        yield f"{left_out:,} rows were left out{reason}"
