"""A window's state: what it keeps by key, when it looks at a key again, and what came since the last commit."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from services.detector.rules.model import Columns, Condition, Mask, Measure, Window
from services.detector.windows.batch import Batch
from services.detector.windows.entries import Entry, Layout, Reader, bound, time_of
from services.detector.windows.keyed import Count, Kept, Raw, Silence
from services.detector.windows.running import Average, Distinct, Maximum, Minimum, Sum
from services.detector.windows.schedule import Schedule

_KINDS: dict[Measure, type[Kept]] = {
    Measure.COUNT: Count,
    Measure.SUM: Sum,
    Measure.MIN: Minimum,
    Measure.MAX: Maximum,
    Measure.AVERAGE: Average,
    Measure.DISTINCT: Distinct,
    Measure.SILENCE: Silence,
}

Figures = tuple[list[int], list[Raw]]
"""Rows, and for each of them its figure."""


class KeptWindow:
    """The entries of a window by key: a single one as it is, several as an object of the measure's.

    Args:
        window: What is kept.
        lateness_ms: How much longer than the window's length entries are kept.
        layout: How entries are read.
    """

    def __init__(self, window: Window, lateness_ms: int, layout: Layout) -> None:
        self.window = window
        self.where: Condition | None = None
        self.keys: dict[Any, Any] = {}
        self.entries = 0
        self.schedule = Schedule(window.over_ms + lateness_ms)
        self._kind = _KINDS[window.measure]
        self._lateness = lateness_ms
        self._layout = layout
        self._read: Reader = time_of
        self._ready = False
        self._fresh: list[Any] = []
        self._ahead = False
        self._added: list[tuple[list[Any], list[Entry]]] = []

    def prepare(self, columns: Columns) -> None:
        """Makes sure that entries hold what this window needs, now that it is known what fields look like.

        Raises:
            ValueError: a window can't be kept on a field of this type, or its condition is not known yet.
        """
        if self._ready:
            return
        if self.window.where and self.where is None:
            raise ValueError(f"who counts ({self.window.where}) is not dumped; require() the figures after load()")
        name = self.window.field
        if name is not None:
            self._layout.admit(name, columns[name])
            reader = self._layout.token if self.window.measure is Measure.DISTINCT else self._layout.number
            self._read = reader(name)
        self._ready = True

    def add(self, batch: Batch) -> None:
        """Keeps the rows of a batch."""
        keys, entries = self._keep(batch, self._mask(batch))
        kept, get, fresh, kind = self.keys, self.keys.get, self._fresh.append, self._kind
        for key, entry in zip(keys, entries, strict=True):
            held = get(key)
            if held is None:
                kept[key] = entry
                fresh(key)
            elif type(held) is bytes:
                kept[key] = kind((held, entry) if held < entry else (entry, held))
            elif entry > held[-1]:
                held.append(entry)
            else:
                held.add(entry, self._read)

    def judge(self, batch: Batch, wanted: Mask, at_least: int) -> Figures:
        """Keeps the rows of a batch, and takes the figure for some, each with the rows up to it.

        Args:
            batch: The rows.
            wanted: For which rows a figure is of use.
            at_least: A figure that is less is of no use, and may be left out.
        """
        # Neither how many there are nor how many differ can be more than there are entries from the bound on.
        needed = at_least if self.window.measure in (Measure.COUNT, Measure.DISTINCT) else 0
        since = batch.since(self.window, self._lateness)
        kept, get, fresh, kind, read = self.keys, self.keys.get, self._fresh.append, self._kind, self._read
        rows: list[int] = []
        figures: list[Raw] = []
        for row, key, entry, adds, wants in self._rows(batch, wanted):
            held = get(key)
            if adds:
                if held is None:
                    held = kept[key] = entry
                    fresh(key)
                elif type(held) is bytes:
                    held = kept[key] = kind((held, entry) if held < entry else (entry, held))
                elif entry > held[-1]:
                    held.append(entry)
                else:
                    held.add(entry, read)
            if not wants:
                continue
            if held is entry:
                if needed <= 1:
                    rows.append(row)
                    figures.append(kind.alone(entry, read))
                continue
            if held is None or type(held) is bytes:
                held = kind((held,) if held else ())
            if needed and (len(held) < needed or held[-needed] < since[row]):
                continue
            rows.append(row)
            figures.append(held.aggregate(since[row], entry, read))
        return rows, figures

    def contributors(self, batch: Batch, row: int, most: int) -> list[bytes]:
        """The ids of the latest entries that count for a row of the batch that was judged last."""
        held = self.held(batch.keys(self.window.by)[row])
        since = self.since(batch, row, held)
        return [self._layout.id_of(entry) for entry in held.latest(since, batch.entries[row], most)]

    def commit(self, watermark: int) -> None:
        """What was added stays; what is too old goes."""
        if self._ahead:
            for key in self._fresh:
                self.schedule.plan((key,), max(time_of(self.held(key)[0]), watermark))
        elif self._fresh:
            self.schedule.plan(self._fresh, watermark)
        self._forget()
        alive = watermark - self.window.over_ms - self._lateness + 1
        self._evict(self.schedule.due(alive), bound(alive))

    def rollback(self) -> None:
        """What was added since the last commit goes."""
        for keys, entries in reversed(self._added):
            for key, entry in zip(reversed(keys), reversed(entries), strict=True):
                held = self.keys[key]
                if type(held) is bytes:
                    del self.keys[key]
                    continue
                held.take_back(entry)
                if len(held) == 1:
                    self.keys[key] = held[0]
            self.entries -= len(entries)
        self._ready = False
        self._forget()

    def counting(self, watermark: int | None) -> dict[Any, list[Entry]]:
        """By key the entries that may count for a later row."""
        until = b"" if watermark is None else bound(watermark - self.window.over_ms - self._lateness + 1)
        found = {key: self.alive(self.held(key), until, watermark) for key in self.keys}
        return {key: entries for key, entries in found.items() if entries}

    def restore(self, contents: Mapping[Any, Sequence[Entry]]) -> None:
        """Begins with these entries by key."""
        for key, entries in contents.items():
            self.keys[key] = entries[0] if len(entries) == 1 else self._kind(entries)
            self.schedule.plan((key,), time_of(entries[0]))
            self.entries += len(entries)

    def oldest(self) -> Iterator[Entry]:
        """Entries among which is the oldest one, but for what came out of order."""
        for keys in (self.schedule.first(), self._fresh):
            yield from (self.held(key)[0] for key in keys)

    def held(self, key: Any) -> Kept:
        """The entries of a key."""
        held = self.keys.get(key, ())
        return held if isinstance(held, Kept) else self._kind((held,) if held else ())

    def since(self, batch: Batch, row: int, held: Kept) -> bytes:  # noqa: ARG002 - silence needs it
        """From when on entries of its key count for a row."""
        return batch.since(self.window, self._lateness)[row]

    def alive(self, held: Kept, until: bytes, watermark: int | None) -> list[Entry]:  # noqa: ARG002 - silence needs it
        """The entries of a key that aren't gone by definition."""
        return held[bisect_left(held, until) :]

    def shrink(self, key: Any, held: Kept, until: bytes) -> None:
        """Lets go of the entries of a key in front of a bound; it may be left with none."""
        before = len(held)
        held.evict(until, self._read)
        self.entries -= before - len(held)
        if len(held) == 1:
            self.keys[key] = held[0]

    def _evict(self, keys: Iterable[Any], until: bytes) -> None:
        for key in keys:
            held = self.keys[key]
            if type(held) is bytes:
                if held < until:
                    del self.keys[key]
                    self.entries -= 1
                    continue
                oldest = held
            else:
                self.shrink(key, held, until)
                if not held:
                    del self.keys[key]
                    continue
                oldest = held[0]
            self.schedule.plan((key,), time_of(oldest))

    def _forget(self) -> None:
        self._fresh.clear()
        self._added.clear()
        self._ahead = False

    def _mask(self, batch: Batch) -> Mask | None:
        """Which rows are kept; None for all."""
        where, alive = batch.holds(self.where), batch.alive(self.window, self._lateness)
        if where is None or alive is None:
            return alive if where is None else where
        return where & alive

    def _keep(self, batch: Batch, mask: Mask | None) -> tuple[list[Any], list[Entry]]:
        """Keys and entries of the rows that are kept; remembers them until the commit."""
        keys, entries = batch.keys(self.window.by), batch.entries
        if mask is not None:
            rows = np.flatnonzero(mask).tolist()
            keys, entries = [keys[row] for row in rows], [entries[row] for row in rows]
        self._added.append((keys, entries))
        self._ahead |= batch.ahead
        self.entries += len(entries)
        return keys, entries

    def _rows(self, batch: Batch, wanted: Mask) -> Iterable[tuple[int, Any, Entry, bool, bool]]:
        """For the rows that are kept or wanted: number, key, entry, whether kept, whether wanted."""
        mask = self._mask(batch)
        self._keep(batch, mask)
        keys, entries = batch.keys(self.window.by), batch.entries
        if mask is None:
            return zip(range(batch.rows), keys, entries, repeat(True), wanted.tolist(), strict=False)
        rows = np.flatnonzero(mask | wanted)
        return [
            (row, keys[row], entries[row], adds, wants)
            for row, adds, wants in zip(rows.tolist(), mask[rows].tolist(), wanted[rows].tolist(), strict=True)
        ]
