"""The rows of one call, prepared by columns: what the loops over rows need, each made once and shared by windows."""

from typing import Any

import numpy as np

from services.rules.model import EVENT_TIME, Columns, Condition, Mask
from services.rules.windows.byte_rows import key_objects
from services.rules.windows.entries import Entry, EntryLayout, Ints
from services.rules.windows.lateness import RowTimes, late_rows, watermarks


class RowBatch:
    """Rows in the order of the log.

    Args:
        columns: Their fields.
        rows: Their number; not 0.
        clock: Source of the watermark; None for the event time.
        layout: The layout of entries.
        lateness_ms: Allowed lateness of a row behind the watermark.
        watermark: The watermark before these rows; None if there were none.
        order: The position of the first row in the order of reading.
        of_labels: Whether the rows are labels of transactions, and no transactions.
    """

    def __init__(
        self,
        columns: Columns,
        rows: int,
        clock: Ints | None,
        layout: EntryLayout,
        *,
        lateness_ms: int,
        watermark: int | None,
        order: int,
        of_labels: bool = False,
    ) -> None:
        self.of_labels = of_labels
        self.columns = columns
        self.rows = rows
        self.times: Ints = np.asarray(columns[EVENT_TIME], np.int64)
        self._layout = layout
        self._order = order
        self._entries = np.empty(rows, object)
        self._packed = np.zeros(rows, np.bool_)
        self._masks: dict[str, Mask] = {}
        self._selections: dict[str, RowSelection] = {}
        self.watermarks = watermarks(self.times if clock is None else np.asarray(clock, np.int64), watermark)
        self.row_times = RowTimes(self.times, self.watermarks, lateness_ms)
        self.late = late_rows(self.row_times, watermark)

    @property
    def watermark(self) -> int:
        """The watermark after the last row."""
        return int(self.watermarks[-1])

    def mask(self, condition: Condition | None) -> Mask | None:
        """Return the rows for which a condition holds; None for all."""
        if condition is None:
            return None
        if condition.text not in self._masks:
            self._masks[condition.text] = condition.mask(self.columns, self.rows)
        return self._masks[condition.text]

    def unexpired(self, over_ms: int) -> Mask | None:
        """Return the rows that aren't too old for a window of some length to keep; None for all."""
        unexpired: Mask = self.times > self.row_times.expired(over_ms)
        return None if unexpired.all() else unexpired

    def counted(self, condition: Condition | None, over_ms: int) -> Mask | None:
        """Return the rows that are in their own window of some length, given its condition; None for all."""
        mask, unexpired = self.mask(condition), self.unexpired(over_ms)
        return unexpired if mask is None else mask if unexpired is None else mask & unexpired

    def entries(self, rows: Ints | None) -> list[Entry]:
        """Return the entries of some rows, the same objects for all windows; None for all rows."""
        selected = np.arange(self.rows) if rows is None else rows
        missing = selected[~self._packed[selected]]
        if len(missing):
            self._entries[missing] = self._pack(missing)
            self._packed[missing] = True
        entries: list[Entry] = self._entries[selected].tolist()
        return entries

    def select(self, mask: Mask | None) -> "RowSelection":
        """Return the rows of a mask; None for all rows."""
        rows = None if mask is None else np.flatnonzero(mask)
        return RowSelection(rows, self.entries(rows), self.columns, self.row_times)

    def select_shared(self, name: str, mask: Mask | None) -> "RowSelection":
        """Return the rows of a mask, as an object that windows share.

        Args:
            name: The same for the same mask.
            mask: The rows; None for all.
        """
        if name not in self._selections:
            self._selections[name] = self.select(mask)
        return self._selections[name]

    def _pack(self, rows: Ints) -> list[Entry]:
        if len(rows) == self.rows:
            return self._layout.pack(self.columns, self.times, self._order + rows)
        columns = {name: self.columns[name][rows] for name in self._layout.needs if name in self.columns}
        return self._layout.pack(columns, self.times[rows], self._order + rows)


class RowSelection:
    """Some rows of a batch. It has no reference to the batch, which is freed as soon as it is used no more.

    Args:
        rows: Their numbers; None for all.
        entries: Their entries.
        columns: The batch's.
        row_times: The batch's.
    """

    def __init__(self, rows: Ints | None, entries: list[Entry], columns: Columns, row_times: RowTimes) -> None:
        self.rows = rows
        self.entries = entries
        self._columns = columns
        self._row_times = row_times
        self._keys: dict[tuple[str, ...], list[Any]] = {}
        self._since: dict[int, list[bytes]] = {}
        self._values: dict[str, list[Any]] = {}

    def values(self, column: Any) -> list[Any]:
        """Return a column's values."""
        values: list[Any] = (column if self.rows is None else column[self.rows]).tolist()
        return values

    def read_values(self, name: str) -> list[Any]:
        """Return a field's values, as readers read them from entries."""
        if name not in self._values:
            column = self._columns[name]
            whole = column.dtype.kind in "iub"
            self._values[name] = self.values(column.astype(np.int64, copy=False) if whole else column)
        return self._values[name]

    def values_or_zeros(self, name: str) -> list[Any]:
        """Return a field's values as `read_values`; zeros where there is none, as labels are none of transactions."""
        return self.read_values(name) if name in self._columns else [0] * len(self.entries)

    def row_numbers(self, positions: list[int]) -> list[int]:
        """Return the row numbers in the batch of some positions in the selection."""
        if self.rows is None:
            return positions
        numbers: list[int] = self.rows[positions].tolist() if positions else []
        return numbers

    def keys(self, by: tuple[str, ...]) -> list[Any]:
        """Return the key of each row: equal for equal values of the fields, also in different batches."""
        if by not in self._keys:
            columns = [self._columns[name] for name in by]
            self._keys[by] = key_objects(columns if self.rows is None else [column[self.rows] for column in columns])
        return self._keys[by]

    def since(self, over_ms: int) -> list[bytes]:
        """Return the lower bound of each row's window of some length."""
        if over_ms not in self._since:
            self._since[over_ms] = self._row_times.of(self.rows).since(over_ms)
        return self._since[over_ms]
