"""Order of rows by their times: noticed before anything is done with the rows, and put right where it is wrong.

Windows go forward in event time. A row that is older than one before it by more than the allowed lateness finds its
windows gone, so that a file that is newest first gives no match of any rule over time, without an error.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.detection.settings import DetectorSettings
from services.errors import UsageError
from tools.transaction_files.blocks import Block
from tools.transaction_files.external_sort import ExternalSort
from tools.transaction_files.row_reader import BLOCK, RowReader

LATENESS_MS = round(DetectorSettings.model_fields["allowed_lateness"].default * 1000)
"""Milliseconds that a transaction may be older than one before it, unless the detector is told otherwise."""


class Ordering(enum.Enum):
    """Treatment of rows that are not in the order of their times."""

    SORT = "sort"
    REFUSE = "refuse"
    KEEP = "keep"


@dataclass
class RowOrder:
    """Order of the rows of some files.

    Attributes:
        rows: Number of rows with a time.
        late: Number of rows that are older than one before them by more than the lateness.
        first: File and line of the first of these; None if there is none.
        most_ms: The most that a row is older than one before it, in milliseconds.
        newest_first: The files, by their place, whose rows go from the newest to the oldest.
        at_midnight: Number of rows whose time is at midnight, in UTC.
    """

    rows: int = 0
    late: int = 0
    first: tuple[Path, int] | None = None
    most_ms: int = 0
    newest_first: frozenset[int] = frozenset()
    at_midnight: int = 0

    @property
    def is_sorted(self) -> bool:
        """True where every row finds its windows."""
        return not self.late

    def __str__(self) -> str:
        if self.is_sorted:
            return "in the order of their times"
        path, line = self.first or (Path(), 0)
        if self.newest_first:
            return "newest first"
        return (
            f"not in the order of their times: {self.late:,} of {self.rows:,} rows are older than one before them by "
            f"more than the lateness, the first in {path.name}:{line}, by up to {_duration(self.most_ms)}"
        )


def order_of(reader: RowReader, lateness_ms: int) -> RowOrder:
    """Return the order of the rows, by reading their times alone.

    Args:
        reader: Reads the files.
        lateness_ms: How much older than one before it a row may be.

    Raises:
        UnreadableFile: If a file can't be read to its end.
    """
    order = RowOrder()
    newest: int | None = None
    ups = np.zeros(len(reader.paths), np.int64)
    downs = np.zeros(len(reader.paths), np.int64)
    last: tuple[int, int] = (-1, 0)
    for place, lines, times, _ in reader.times():
        if not len(times):
            continue
        before = times[0] if last[0] != place else last[1]
        steps = np.diff(times, prepend=before)
        ups[place] += int((steps > 0).sum())
        downs[place] += int((steps < 0).sum())
        last = place, int(times[-1])
        latest = np.maximum.accumulate(np.maximum(times, times[0] if newest is None else newest))
        lag = latest - times
        late = np.flatnonzero(lag > lateness_ms)
        order.rows += len(times)
        order.late += len(late)
        order.most_ms = max(order.most_ms, int(lag.max()))
        order.at_midnight += int((times % 86_400_000 == 0).sum())
        if len(late) and order.first is None:
            order.first = reader.paths[place], int(lines[late[0]])
        newest = int(latest[-1])
    # A newest-first export of several accounts one after the other goes up a few times.
    reverse = np.flatnonzero((downs > 0) & (ups * 20 <= downs))
    order.newest_first = frozenset(reverse.tolist()) if order.late else frozenset()
    return order


def in_time_order(
    reader: RowReader, order: RowOrder | None, ordering: Ordering = Ordering.SORT, rows: int = BLOCK
) -> Iterator[Block]:
    """Yield the transactions of files in the order of their times.

    Rows that are in order are passed on as they are read. Otherwise blocks without rows come first, with the rows that
    don't fit, and then all rows sorted by time; equal times stay in the order of the file, or are turned in a file that
    is newest first.

    Args:
        reader: Reads the files.
        order: The order of its rows; None to pass them on as they come.
        ordering: What to do if they are not in order.
        rows: The most rows of a block.

    Raises:
        UsageError: If they are not in order, and that is to be refused.
        UnreadableFile: If a file can't be read to its end.
    """
    if order is None or order.is_sorted or ordering is Ordering.KEEP:
        yield from reader.blocks(rows)
        return
    if ordering is Ordering.REFUSE:
        path, line = order.first or (Path(), 0)
        raise UsageError(f"{path}:{line}: rows are {order}; leave out --no-sort to have them sorted")
    with ExternalSort() as sort:
        for block in reader.blocks(rows):
            sort.add(block, newest_first=block.file in order.newest_first)
            yield block.without_rows(block.read / 2)
        yield from sort.blocks(rows)


def _duration(milliseconds: int) -> str:
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if milliseconds >= size:
            return f"{milliseconds / size:,.0f} {unit}"
    return f"{milliseconds / 1000:,.0f} s"
