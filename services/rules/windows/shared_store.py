"""The state store of windows that have key, condition and delay in common, and whose results are needed of every row.

The entries of the longest window are kept, once; those of the others are parts of them.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from itertools import count, islice

import numpy as np

from services.rules.features.evaluation import WindowResults
from services.rules.model import Mask, Window
from services.rules.windows.entries import EntryLayout, bound
from services.rules.windows.evaluation_plan import WindowUse
from services.rules.windows.label_store import LabelStore
from services.rules.windows.range_lookup import RangeLookup
from services.rules.windows.row_batch import RowBatch, RowSelection
from services.rules.windows.shared_state import SharedState
from services.rules.windows.window_store import WindowStore


class SharedStore(WindowStore):
    """The entries of some windows by key.

    Args:
        windows: The windows.
        lateness_ms: Allowed lateness.
        layout: The layout of entries.
    """

    def __init__(self, windows: Collection[Window], lateness_ms: int, layout: EntryLayout) -> None:
        super().__init__(_longest(windows), lateness_ms, layout)
        self.windows = tuple(windows)
        self._state_type = SharedState

    def retain(self, windows: Collection[Window]) -> None:
        """Drop all other windows, and keep no more entries than the others need."""
        remaining = tuple(window for window in self.windows if window in windows)
        if remaining == self.windows:
            return
        self.windows, self.window = remaining, _longest(remaining)
        self._prepared = False
        for state in self.keys.values():
            if type(state) is not bytes:
                state.forget()  # its prefix sums and queues are those of other windows

    def entries_of(self, window: Window) -> int:
        """Return about how many entries are those of a window."""
        return self.entries * (window.over_ms + self._lateness) // (self.window.over_ms + self._lateness)

    def bound_of(self, window: Window) -> bytes:
        """Return a bound before the entries of a window."""
        return bound(self._watermark - window.over_ms - self._lateness + 1) if window != self.window else b""

    def results_of_every_row(self, batch: RowBatch, uses: Sequence[WindowUse]) -> dict[Window, WindowResults]:
        """Add the rows of a batch, and return the results of each row.

        Args:
            batch: The rows.
            uses: All windows of this store, and which of their results are needed.
        """
        selection, adding, _ = self._select(batch, np.ones(batch.rows, np.bool_))
        counted = {window.over_ms: self._counted(batch, window.over_ms) for window in self.windows}
        adds = list(islice(adding, batch.rows))
        lookup = RangeLookup(self.windows, selection, adds, counted, self._layout.number_reader)
        self._add_rows(selection, adds, lookup)
        return lookup.results(uses)

    def _add_rows(self, selection: RowSelection, adding: Sequence[bool], lookup: RangeLookup) -> None:
        """Add rows, and look up what each sees.

        The position before which a row's range ends is noted when it is added, and stays right as long as entries come
        in order: so the ranges of many rows are looked up at once.
        """
        row_keys = selection.keys(self.window.by)
        self._unpack(row_keys)
        keys, get, note_new = self.keys, self.keys.get, self._new_keys.append
        nothing = SharedState()
        states: list[SharedState] = []
        ends: list[int] = []
        for row, key, entry, adds in zip(count(), row_keys, selection.entries, adding, strict=False):
            state = get(key)
            if state is None:
                states.append(nothing)
                ends.append(0)
                if adds:
                    keys[key] = entry
                    note_new(key)
                continue
            if type(state) is bytes:
                state = SharedState((state,))
                if adds:
                    keys[key] = state
            if entry > state[-1]:
                states.append(state)
                ends.append(len(state))
                if adds:
                    state.append(entry)
                continue
            end = bisect_left(state, entry)
            if adds:
                lookup.look_up(states, ends)
                lookup.look_up([state], [end], in_order=False)
                lookup.insert(state, end, row)
                states, ends = [], []
            else:
                states.append(state)
                ends.append(end)
        lookup.look_up(states, ends)

    def _counted(self, batch: RowBatch, over_ms: int) -> Mask | None:
        """Return the rows that are in their own window of some length; None for all."""
        return batch.counted(self.where, over_ms)


class SharedLabelStore(LabelStore, SharedStore):
    """The labels of some windows by the key of their transactions."""

    def _counted(self, batch: RowBatch, over_ms: int) -> Mask | None:  # noqa: ARG002 - none is, whatever the length
        """Return that no transaction is in a window over labels."""
        return np.zeros(batch.rows, np.bool_)


def _longest(windows: Iterable[Window]) -> Window:
    return max(windows, key=lambda window: window.over_ms)
