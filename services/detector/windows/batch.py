"""The rows of one call, prepared by columns: what the loops over rows need, each made once and shared."""

from functools import cached_property
from typing import Any

import numpy as np

from services.detector.rules.model import EVENT_TIME, Columns, Condition, Mask, Window
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
        watermark: int | None,
        order: int,
    ) -> None:
        self.columns = columns
        self.rows = rows
        self.order = order
        self.times: Ints = columns[EVENT_TIME]
        self._layout = layout
        self._keys: dict[tuple[str, ...], list[Any]] = {}
        self._masks: dict[str, Mask] = {}
        self._since: dict[tuple[int, int], list[bytes]] = {}
        reached = np.maximum.accumulate(self.times if clock is None else clock)
        self.watermarks: Ints = reached if watermark is None else np.maximum(reached, watermark)
        first = _EARLIEST if watermark is None else watermark
        self._watermarks_before = np.concatenate(([first], self.watermarks[:-1]))

    @property
    def watermark(self) -> int:
        """Of all rows read up to the last one."""
        return int(self.watermarks[-1])

    @cached_property
    def ahead(self) -> bool:
        """Whether a row's event time is ahead of the watermark, which the clock may cause."""
        return bool((self.times > self.watermarks).any())

    @cached_property
    def entries(self) -> list[Entry]:
        """What windows keep of each row."""
        return self._layout.pack(self.columns, self.times, self.order)

    def late(self, lateness_ms: int) -> Mask:
        """Which rows are further behind the rows before them than the lateness."""
        late: Mask = self.times < _back(self._watermarks_before, lateness_ms)
        return late

    def holds(self, condition: Condition | None) -> Mask | None:
        """For which rows a condition holds; None for all."""
        if condition is None:
            return None
        if condition.text not in self._masks:
            self._masks[condition.text] = condition.mask(self.columns, self.rows)
        return self._masks[condition.text]

    def alive(self, window: Window, lateness_ms: int) -> Mask | None:
        """Which rows aren't too old for a window to keep; None for all."""
        gone = _back(self.watermarks, window.over_ms + lateness_ms)
        alive: Mask = self.times > gone
        return None if alive.all() else alive

    def since(self, window: Window, lateness_ms: int) -> list[bytes]:
        """For each row from when on entries count for it."""
        span = window.over_ms, lateness_ms
        if span not in self._since:
            interval = _back(self.times, window.over_ms)
            kept = _back(self.watermarks, window.over_ms + lateness_ms)
            self._since[span] = bounds(np.maximum(interval, kept) + 1)
        return self._since[span]

    def back(self, milliseconds: int) -> list[bytes]:
        """For each row the bound behind what is so long before it, or longer."""
        return bounds(_back(self.times, milliseconds) + 1)

    def keys(self, by: tuple[str, ...]) -> list[Any]:
        """For each row its key: equal for equal values of the fields, in whatever batch."""
        if by not in self._keys:
            self._keys[by] = keys([self.columns[name] for name in by])
        return self._keys[by]

    def raw_key(self, by: tuple[str, ...], row: int) -> tuple[Any, ...]:
        """A row's values in some fields."""
        return tuple(self.columns[name][row : row + 1].tolist()[0] for name in by)


def _back(times: Ints, milliseconds: int) -> Ints:
    """So long before, as far as there are numbers."""
    return np.maximum(times, _EARLIEST + milliseconds) - milliseconds
