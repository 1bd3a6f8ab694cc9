"""The state store of a window of inactivity, which needs one entry of a key once the lateness has passed."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.rules.model import Window
from services.rules.windows.entries import TIME, Entry, EntryLayout, bound
from services.rules.windows.key_state import KeyState
from services.rules.windows.row_batch import RowBatch, RowSelection
from services.rules.windows.window_store import WindowStore

_AFTER_ALL = b"\xff" * 14
"""Sorts after every entry."""


class InactivityStore(WindowStore):
    """Latest settled entry and all entries that are not settled, by key.

    An entry is settled when it is as old as the lateness. No row that isn't late depends on whether there was one
    before the latest settled entry.
    """

    def __init__(self, window: Window, lateness_ms: int, layout: EntryLayout) -> None:
        super().__init__(window, lateness_ms, layout)
        self._paired: list[Any] = []
        self._settling: deque[tuple[int, list[Any]]] = deque()

    @property
    def unsettled(self) -> int:
        """The number of keys with several entries, which are to be settled."""
        return sum(len(keys) for _, keys in self._settling)

    def pair(self, key: Any, single: Entry, entry: Entry) -> KeyState:
        """Add a second entry of a key, which is to be settled."""
        self._paired.append(key)
        return super().pair(key, single, entry)

    def shortcuts(self, batch: RowBatch, at_least: int) -> tuple[int, bytes]:
        """Return that one entry is needed, and since when another one makes each row's inactivity too short."""
        return (1, bound(int(batch.times.max()) - at_least + 1)) if at_least else (0, b"")

    def rows_with_own_bound(self, batch: RowBatch, selection: RowSelection) -> list[bool]:
        """Return which rows are late: settled entries that are evicted by definition may still be there."""
        return selection.values(batch.late)

    def commit(self, watermark: int, *, written: bool = False) -> None:
        """Keep what was added, and evict what is too old, or settled and not the latest."""
        settled = watermark - self._lateness
        remaining: list[Any] = []
        while self._settling and self._settling[0][0] <= settled:
            remaining += self._settle(self._settling.popleft()[1], bound(settled + 1))
        if self._paired or remaining:
            self._settling.append((watermark, self._paired + remaining))
        super().commit(watermark, written=written)

    def take(self, contents: Mapping[Any, Sequence[Entry]]) -> None:
        """Take entries of keys that have none; of several some may be settled."""
        super().take(contents)
        if several := [key for key, entries in contents.items() if len(entries) > 1]:
            self._settling.append((self._watermark, several))

    def lower_bound(self, batch: RowBatch, row: int, entry: Entry, state: KeyState, since: bytes) -> bytes:
        """Return the lower bound of the window of a row for its own key: not before its latest settled entry."""
        settled = bound(int(batch.watermarks[row]) - self._lateness + 1)
        return max(since, state.settled_bound(settled, entry))

    def unexpired(self, state: KeyState, until: bytes, watermark: int | None) -> list[Entry]:
        """Return the entries of a key that are not expired by definition, given a bound."""
        settled = b"" if watermark is None else state.settled_bound(bound(watermark - self._lateness + 1), _AFTER_ALL)
        return super().unexpired(state, max(until, settled), watermark)

    def _settle(self, keys: Iterable[Any], until: bytes) -> list[Any]:
        """Evict all but the latest entry before a bound; return the keys that still have several."""
        states = self.keys
        remaining: list[Any] = []
        for key in keys:
            state = states.get(key)
            if state is None or type(state) is bytes:
                continue
            if state[1] < until:
                settled = len(state) if state[-1] < until else bisect_left(state, until)
                latest = state[settled - 1]
                evicted = settled - 1 if state[settled - 2] < latest[:TIME] else bisect_left(state, latest[:TIME])
                self.entries -= evicted
                if evicted == len(state) - 1:
                    states[key] = latest
                    continue
                del state[:evicted]
            remaining.append(key)
        return remaining

    def _forget_changes(self) -> None:
        super()._forget_changes()
        self._paired = []
