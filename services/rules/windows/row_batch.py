"""The rows of one call, prepared by columns: what the loops over rows need, each made once and shared by windows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from services.rules.model import EVENT_TIME, Columns, Condition, Mask
from services.rules.windows.byte_rows import keys
from services.rules.windows.entries import Entry, Ints, Layout, bounds

_EARLIEST = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Clocks:
    """When rows happened, and what time it was then.

    Attributes:
        times: For each row its event time.
        watermarks: For each row the largest clock up to it.
        lateness_ms: How far behind the watermark a row may be without being late.
    """

    times: Ints
    watermarks: Ints
    lateness_ms: int

    def of(self, rows: Ints | None) -> "Clocks":
        """Those of some rows; None for all."""
        return self if rows is None else Clocks(self.times[rows], self.watermarks[rows], self.lateness_ms)

    def gone(self, over_ms: int) -> Ints:
        """For each row until when entries are too old for a window of some length to keep."""
        return back(self.watermarks, over_ms + self.lateness_ms)

    def since(self, over_ms: int) -> list[bytes]:
        """For each row from when on entries of a window of some length count for it."""
        return bounds(np.maximum(back(self.times, over_ms), self.gone(over_ms)) + 1)


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
        self.times: Ints = np.asarray(columns[EVENT_TIME], np.int64)
        self._layout = layout
        self._order = order
        self._entries = np.empty(rows, object)
        self._packed = np.zeros(rows, np.bool_)
        self._masks: dict[str, Mask] = {}
        self._parts: dict[str, Part] = {}
        reached = np.maximum.accumulate(self.times if clock is None else np.asarray(clock, np.int64))
        self.watermarks: Ints = reached if watermark is None else np.maximum(reached, watermark)
        self.clocks = Clocks(self.times, self.watermarks, lateness_ms)
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
        alive: Mask = self.times > self.clocks.gone(over_ms)
        return None if alive.all() else alive

    def entries(self, rows: Ints | None) -> list[Entry]:
        """What windows keep of some rows; None for all rows. The same objects for all windows."""
        wanted = np.arange(self.rows) if rows is None else rows
        missing = wanted[~self._packed[wanted]]
        if len(missing):
            self._entries[missing] = self._pack(missing)
            self._packed[missing] = True
        found: list[Entry] = self._entries[wanted].tolist()
        return found

    def part(self, name: str, mask: Mask | None) -> "Part":
        """The rows of a mask; None for all rows.

        Args:
            name: The same for the same mask: such parts are one.
            mask: Which rows.
        """
        if name not in self._parts:
            self._parts[name] = self.cut(mask)
        return self._parts[name]

    def cut(self, mask: Mask | None) -> "Part":
        """The rows of a mask that nobody else asks for; None for all rows."""
        rows = None if mask is None else np.flatnonzero(mask)
        return Part(rows, self.entries(rows), self.columns, self.clocks)

    def _pack(self, rows: Ints) -> list[Entry]:
        if len(rows) == self.rows:
            return self._layout.pack(self.columns, self.times, self._order + rows)
        columns = {name: self.columns[name][rows] for name in self._layout.needs if name in self.columns}
        return self._layout.pack(columns, self.times[rows], self._order + rows)


class Part:
    """Some rows of a batch. It doesn't know the batch, which is gone at once when nobody needs it any more.

    Args:
        rows: Their numbers; None for all.
        entries: What windows keep of them.
        columns: Of the batch.
        clocks: Of the batch.
    """

    def __init__(self, rows: Ints | None, entries: list[Entry], columns: Columns, clocks: Clocks) -> None:
        self.rows = rows
        self.entries = entries
        self._columns = columns
        self._clocks = clocks
        self._keys: dict[tuple[str, ...], list[Any]] = {}
        self._since: dict[int, list[bytes]] = {}

    def of(self, column: Any) -> list[Any]:
        """A column's values."""
        values: list[Any] = (column if self.rows is None else column[self.rows]).tolist()
        return values

    def numbers(self, places: list[int]) -> list[int]:
        """The numbers in the batch of those in some places."""
        if self.rows is None:
            return places
        found: list[int] = self.rows[places].tolist() if places else []
        return found

    def keys(self, by: tuple[str, ...]) -> list[Any]:
        """For each row its key: equal for equal values of the fields, in whatever batch."""
        if by not in self._keys:
            columns = [self._columns[name] for name in by]
            self._keys[by] = keys(columns if self.rows is None else [column[self.rows] for column in columns])
        return self._keys[by]

    def since(self, over_ms: int) -> list[bytes]:
        """For each row from when on entries of a window of some length count for it."""
        if over_ms not in self._since:
            self._since[over_ms] = self._clocks.of(self.rows).since(over_ms)
        return self._since[over_ms]


def back(times: Ints, milliseconds: int) -> Ints:
    """So long before some times, as far as there are numbers."""
    return np.maximum(times, _EARLIEST + milliseconds) - milliseconds
