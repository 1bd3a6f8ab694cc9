"""The rows of one call, prepared by columns: what the loops over rows need, each made once and shared by windows."""

from typing import Any

import numpy as np

from services.detector.rules.model import EVENT_TIME, Columns, Condition, Mask
from services.detector.windows.entries import Entry, Ints, Layout, bounds
from services.detector.windows.octets import keys

_EARLIEST = np.iinfo(np.int64).min


class Batch:
    """Rows in the order of the log.

    Args:
        columns: Their fields.
        rows: How many there are; not 0.
        clock: What the watermark is taken from; None for the event time.
        layout: What entries look like.
        lateness_ms: How far behind the watermark a row may be without being late.
        watermark: Of the rows read before; None if there are none.
        order: Of the first row.
    """

    def __init__(
        self,
        columns: Columns,
        rows: int,
        clock: Ints | None,
        layout: Layout,
        *,
        lateness_ms: int,
        watermark: int | None,
        order: int,
    ) -> None:
        self.columns = columns
        self.rows = rows
        self.lateness = lateness_ms
        self.times: Ints = np.asarray(columns[EVENT_TIME], np.int64)
        self._layout = layout
        self._order = order
        self._entries: list[Entry] = [b""] * rows
        self._packed = np.zeros(rows, np.bool_)
        self._masks: dict[str, Mask] = {}
        self._parts: dict[str, Part] = {}
        reached = np.maximum.accumulate(self.times if clock is None else np.asarray(clock, np.int64))
        self.watermarks: Ints = reached if watermark is None else np.maximum(reached, watermark)
        before = np.concatenate(([_EARLIEST if watermark is None else watermark], self.watermarks[:-1]))
        self.late: Mask = self.times < back(before, lateness_ms)

    @property
    def watermark(self) -> int:
        """Of all rows read up to the last one."""
        return int(self.watermarks[-1])

    def holds(self, condition: Condition | None) -> Mask | None:
        """For which rows a condition holds; None for all."""
        if condition is None:
            return None
        if condition.text not in self._masks:
            self._masks[condition.text] = condition.mask(self.columns, self.rows)
        return self._masks[condition.text]

    def alive(self, over_ms: int) -> Mask | None:
        """Which rows aren't too old for a window of some length to keep; None for all."""
        alive: Mask = self.times > back(self.watermarks, over_ms + self.lateness)
        return None if alive.all() else alive

    def since(self, over_ms: int, rows: Ints | None) -> list[bytes]:
        """From when on entries of a window of some length count for some rows; None for all rows."""
        times, watermarks = (self.times, self.watermarks) if rows is None else (self.times[rows], self.watermarks[rows])
        return bounds(np.maximum(back(times, over_ms), back(watermarks, over_ms + self.lateness)) + 1)

    def entries(self, rows: Ints | None) -> list[Entry]:
        """What windows keep of some rows; None for all rows. The same objects for all windows."""
        if rows is None and not self._packed.any():
            self._entries = self._pack(np.arange(self.rows))
            self._packed[:] = True
            return self._entries
        wanted = np.arange(self.rows) if rows is None else rows
        missing = wanted[~self._packed[wanted]]
        for row, entry in zip(missing.tolist(), self._pack(missing) if len(missing) else (), strict=True):
            self._entries[row] = entry
        self._packed[missing] = True
        return self._entries if rows is None else [self._entries[row] for row in rows.tolist()]

    def part(self, name: str, mask: Mask | None) -> "Part":
        """The rows of a mask; None for all rows.

        Args:
            name: The same for the same mask: such parts are one.
            mask: Which rows.
        """
        if name not in self._parts:
            self._parts[name] = Part(self, mask)
        return self._parts[name]

    def _pack(self, rows: Ints) -> list[Entry]:
        if len(rows) == self.rows:
            return self._layout.pack(self.columns, self.times, self._order + rows)
        columns = {name: self.columns[name][rows] for name in self._layout.needs if name in self.columns}
        return self._layout.pack(columns, self.times[rows], self._order + rows)


class Part:
    """Some rows of a batch, by columns.

    Args:
        batch: The batch.
        mask: Which rows; None for all.
    """

    def __init__(self, batch: Batch, mask: Mask | None) -> None:
        self.rows = None if mask is None else np.flatnonzero(mask)
        self.entries = batch.entries(self.rows)
        self._batch = batch
        self._keys: dict[tuple[str, ...], list[Any]] = {}
        self._since: dict[int, list[bytes]] = {}

    def of(self, column: Any) -> list[Any]:
        """A column's values."""
        values: list[Any] = (column if self.rows is None else column[self.rows]).tolist()
        return values

    def keys(self, by: tuple[str, ...]) -> list[Any]:
        """For each row its key: equal for equal values of the fields, in whatever batch."""
        if by not in self._keys:
            columns = [self._batch.columns[name] for name in by]
            self._keys[by] = keys(columns if self.rows is None else [column[self.rows] for column in columns])
        return self._keys[by]

    def since(self, over_ms: int) -> list[bytes]:
        """For each row from when on entries of a window of some length count for it."""
        if over_ms not in self._since:
            self._since[over_ms] = self._batch.since(over_ms, self.rows)
        return self._since[over_ms]


def back(times: Ints, milliseconds: int) -> Ints:
    """So long before some times, as far as there are numbers."""
    return np.maximum(times, _EARLIEST + milliseconds) - milliseconds
