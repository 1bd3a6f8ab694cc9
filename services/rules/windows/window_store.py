"""A window's state: what it keeps by key, when it looks at a key again, and what came since the last commit."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, repeat
from typing import Any

import numpy as np

from services.rules.model import Columns, Condition, Mask, Measure, Window
from services.rules.windows import byte_rows
from services.rules.windows.entries import Entry, Layout, Reader, bound, time_of
from services.rules.windows.eviction_schedule import Schedule
from services.rules.windows.key_state import AggregateValue, Count, KeyState, Silence
from services.rules.windows.row_batch import Batch, Part
from services.rules.windows.sliding_state import Average, Distinct, Maximum, Minimum, Sum

_KINDS: dict[Measure, type[KeyState]] = {
    Measure.COUNT: Count,
    Measure.SUM: Sum,
    Measure.MIN: Minimum,
    Measure.MAX: Maximum,
    Measure.AVERAGE: Average,
    Measure.DISTINCT: Distinct,
    Measure.INACTIVITY: Silence,
}

_SAMPLE = 1000
"""Keys that are looked at for the oldest entry."""

Figures = tuple[list[int], list[AggregateValue]]
"""Rows, and for each of them its figure."""


class WindowStore:
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
        self._added: list[tuple[list[Any], list[Entry]]] = []

    @property
    def waiting(self) -> int:
        """How many rows' keys are remembered besides."""
        return 0

    def prepare(self, columns: Columns) -> None:
        """Makes sure that entries hold what this window needs, now that it is known what fields look like.

        Raises:
            ValueError: a window can't be kept on a field of this type, or its condition is not known yet.
        """
        name = self.window.field
        if name is not None and name not in columns:
            raise ValueError(f"{name} is not among the columns, but a window takes its {self.window.measure}")
        if self._ready:
            return
        if self.window.where and self.where is None:
            raise ValueError(f"who counts ({self.window.where}) is not dumped; require() the figures after load()")
        if name is not None:
            whole = self.window.measure is not Measure.DISTINCT
            self._layout.admit(name, columns[name], whole=whole)
            self._read = self._layout.number(name) if whole else self._layout.token(name)
        self._ready = True

    def add(self, batch: Batch) -> None:
        """Keeps the rows of a batch."""
        part, _ = self._keep(batch)
        kept, get, fresh = self.keys, self.keys.get, self._fresh.append
        for key, entry in zip(part.keys(self.window.by), part.entries, strict=True):
            held = get(key)
            if held is None:
                kept[key] = entry
                fresh(key)
            elif type(held) is bytes:
                self.pair(key, held, entry)
            elif entry > held[-1]:
                held.append(entry)
            else:
                held.add(entry, self._read)

    def evaluate(self, batch: Batch, wanted: Mask, at_least: int) -> Figures:
        """Keeps the rows of a batch, and takes the figure for some, each with the rows up to it.

        Args:
            batch: The rows.
            wanted: For which rows a figure is of use.
            at_least: A figure that is less is of no use, and may be left out.
        """
        # Neither how many there are nor how many differ can be more than there are entries from the bound on.
        needed = at_least if self.window.measure in (Measure.COUNT, Measure.DISTINCT) else 0
        kept, get, fresh, kind, read = self.keys, self.keys.get, self._fresh.append, self._kind, self._read
        part, adding, wanting = self.rows(batch, wanted)
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
            if held is entry:
                if needed <= 1:
                    rows.append(row)
                    aggregations.append(kind.alone(entry, read))
                continue
            if held is None or type(held) is bytes:
                held = kind((held,) if held else ())
            if len(held) < needed:
                continue
            bounds = bounds or part.since(self.window.over_ms)
            if needed and held[-needed] < bounds[row]:
                continue
            rows.append(row)
            aggregations.append(held.aggregate(bounds[row], entry, read))
        return part.numbers(rows), aggregations

    def contributors(self, batch: Batch, row: int, most: int) -> list[bytes]:
        """The ids of the latest entries that count for a row of the batch that was judged last."""
        only = np.array([row])
        (key,) = byte_rows.keys([batch.columns[name][only] for name in self.window.by])
        (entry,), (since,) = batch.entries(only), batch.clocks.of(only).since(self.window.over_ms)
        held = self.held(key)
        found = held.latest(self.since(batch, row, entry, held, since), entry, most)
        return [self._layout.id_of(one) for one in found]

    def commit(self, watermark: int) -> None:
        """What was added stays; what is too old goes."""
        if self._fresh:
            self.schedule.plan(self._fresh, watermark)
        self._forget()
        alive = watermark - self.window.over_ms - self._lateness + 1
        self._evict(self.schedule.due(alive), bound(alive), watermark)

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

    def restore(self, contents: Mapping[Any, Sequence[Entry]], watermark: int) -> None:
        """Begins with these entries by key."""
        for key, entries in contents.items():
            self.keys[key] = entries[0] if len(entries) == 1 else self._kind(entries)
            self.entries += len(entries)
        self.schedule.plan_each(contents, (entries[0] for entries in contents.values()), watermark)

    def oldest(self) -> Iterator[Entry]:
        """Entries among which is the oldest one, but for what came out of order; of very many keys a sample's."""
        for keys in (self.schedule.first(), self._fresh):
            for held in map(self.keys.__getitem__, keys[:: len(keys) // _SAMPLE + 1]):
                yield held if type(held) is bytes else held[0]

    def held(self, key: Any) -> KeyState:
        """The entries of a key."""
        held = self.keys.get(key, ())
        return held if isinstance(held, KeyState) else self._kind((held,) if held else ())

    def since(self, batch: Batch, row: int, entry: Entry, held: KeyState, since: bytes) -> bytes:  # noqa: ARG002
        """From when on entries of its key count for a row, if from a bound on those of any key may."""
        return since

    def rows(self, batch: Batch, wanted: Mask) -> tuple[Part, Iterable[bool], list[bool]]:
        """Keeps the rows of a batch, but by key.

        Returns:
            The rows that are kept or wanted, and for each of them whether it is kept and whether it is wanted.
        """
        part, mask = self._keep(batch)
        adds: Iterable[bool] = repeat(True)
        if mask is not None and (wanted & ~mask).any():
            part = batch.cut(mask | wanted)
            adds = part.of(mask)
        return part, adds, part.of(wanted)

    def pair(self, key: Any, held: Entry, entry: Entry) -> KeyState:
        """Keeps a second entry of a key."""
        several = self.keys[key] = self._kind((held, entry) if held < entry else (entry, held))
        return several

    def alive(self, held: KeyState, until: bytes, watermark: int | None) -> list[Entry]:  # noqa: ARG002 - silence needs it
        """The entries of a key that aren't gone by definition."""
        return held[bisect_left(held, until) :]

    def _evict(self, keys: Iterable[Any], until: bytes, watermark: int) -> None:
        kept, read = self.keys, self._read
        left: list[Any] = []
        oldest: list[Entry] = []
        for key in keys:
            held = kept[key]
            if type(held) is bytes:
                if held < until:
                    del kept[key]
                    self.entries -= 1
                    continue
            else:
                self.entries -= held.evict(until, read)
                if not held:
                    del kept[key]
                    continue
                first = held[0]
                if len(held) == 1:
                    kept[key] = first
                held = first
            left.append(key)
            oldest.append(held)
        self.schedule.plan_each(left, oldest, watermark)

    def _forget(self) -> None:
        self._fresh.clear()
        self._added.clear()

    def _keep(self, batch: Batch) -> tuple[Part, Mask | None]:
        """The rows of a batch that are kept, remembered until the commit; and which they are, None for all."""
        where, alive = batch.holds(self.where), batch.alive(self.window.over_ms)
        mask = alive if where is None else where if alive is None else where & alive
        name = "" if mask is None else f"{self.window.where} {'' if alive is None else self.window.over_ms}"
        part = batch.part(name, mask)
        self._added.append((part.keys(self.window.by), part.entries))
        self.entries += len(part.entries)
        return part, mask
