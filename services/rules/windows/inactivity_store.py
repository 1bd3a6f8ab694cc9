"""The state of a window of silence, of which an entry a key is enough once the lateness has passed."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from services.rules.model import Mask, Measure, Window
from services.rules.windows.entries import TIME, Entry, Layout, bound
from services.rules.windows.key_state import AggregateValue, KeyState
from services.rules.windows.row_batch import Batch
from services.rules.windows.window_store import Figures, WindowStore

_LAST = b"\xff" * 14
"""Behind every entry."""


class InactivityStore(WindowStore):
    """By key the latest of the entries that are settled, and those that aren't.

    An entry is settled when it is as old as the lateness. No row that isn't late can tell whether there was one in
    front of the latest settled entry.
    """

    def __init__(self, window: Window, lateness_ms: int, layout: Layout) -> None:
        super().__init__(window, lateness_ms, layout)
        self._paired: list[Any] = []
        self._settling: deque[tuple[int, list[Any]]] = deque()

    @property
    def waiting(self) -> int:
        """How many keys with several entries are remembered besides."""
        return sum(len(keys) for _, keys in self._settling)

    def pair(self, key: Any, held: Entry, entry: Entry) -> KeyState:
        """Keeps a second entry of a key, and remembers to settle them."""
        self._paired.append(key)
        return super().pair(key, held, entry)

    def evaluate(self, batch: Batch, wanted: Mask, at_least: int) -> Figures:
        """Keeps the rows of a batch, and takes the silence before some of them."""
        # Where an entry is as recent as this, no row of the batch finds a silence that is long enough.
        recent = bound(int(batch.times.max()) - at_least + 1)
        kept, get, fresh, kind, read = self.keys, self.keys.get, self._fresh.append, self._kind, self._read
        part, adding, wanting = self.rows(batch, wanted)
        late = part.of(batch.late)
        bounds: list[bytes] = []
        rows: list[int] = []
        aggregations: list[AggregateValue] = []
        for row, key, entry, adds, wants in zip(count(), part.keys(self.window.by), part.entries, adding, wanting):
            held = get(key)
            if adds:
                if held is None:
                    held = kept[key] = entry
                    fresh(key)
                elif type(held) is bytes:
                    held = self.pair(key, held, entry)
                elif entry > held[-1]:
                    held.append(entry)
                else:
                    held.add(entry, read)
            if not wants:
                continue
            if held is None or type(held) is bytes:
                if at_least and (held is None or held is entry):
                    continue
                held = kind((held,) if held else ())
            elif at_least and held[-1] is entry and held[-2] >= recent:
                continue
            bounds = bounds or part.since(self.window.over_ms)
            since = bounds[row]
            if late[row]:
                since = self.since(batch, part.numbers([row])[0], entry, held, since)
            rows.append(row)
            aggregations.append(held.aggregate(since, entry, read))
        return part.numbers(rows), aggregations

    def commit(self, watermark: int) -> None:
        """What was added stays; what is too old, or settled and not the latest, goes."""
        settled = watermark - self._lateness
        left: list[Any] = []
        while self._settling and self._settling[0][0] <= settled:
            left += self._settle(self._settling.popleft()[1], bound(settled + 1))
        if self._paired or left:
            self._settling.append((watermark, self._paired + left))
        super().commit(watermark)

    def restore(self, contents: Mapping[Any, Sequence[Entry]], watermark: int) -> None:
        """Begins with these entries by key."""
        super().restore(contents, watermark)
        self._settling.append((watermark, [key for key, entries in contents.items() if len(entries) > 1]))

    def since(self, batch: Batch, row: int, entry: Entry, held: KeyState, since: bytes) -> bytes:
        """From when on entries of its key count for a row: as the base says, and not what is settled but the latest."""
        settled = bound(int(batch.watermarks[row]) - self._lateness + 1)
        return max(since, held.settled(settled, entry))

    def alive(self, held: KeyState, until: bytes, watermark: int | None) -> list[Entry]:
        """The entries of a key that aren't gone by definition."""
        settled = b"" if watermark is None else held.settled(bound(watermark - self._lateness + 1), _LAST)
        return super().alive(held, max(until, settled), watermark)

    def _settle(self, keys: Iterable[Any], until: bytes) -> list[Any]:
        """Keeps the latest entry in front of a bound only; returns the keys that have several all the same."""
        kept = self.keys
        left: list[Any] = []
        for key in keys:
            held = kept.get(key)
            if held is None or type(held) is bytes:
                continue
            if held[1] < until:
                settled = len(held) if held[-1] < until else bisect_left(held, until)
                latest = held[settled - 1]
                gone = settled - 1 if held[settled - 2] < latest[:TIME] else bisect_left(held, latest[:TIME])
                self.entries -= gone
                if gone == len(held) - 1:
                    kept[key] = latest
                    continue
                del held[:gone]
            left.append(key)
        return left

    def _forget(self) -> None:
        super()._forget()
        self._paired = []


def keep(window: Window, lateness_ms: int, layout: Layout) -> WindowStore:
    """The state for a window, empty."""
    kept = InactivityStore if window.measure is Measure.INACTIVITY else WindowStore
    return kept(window, lateness_ms, layout)
