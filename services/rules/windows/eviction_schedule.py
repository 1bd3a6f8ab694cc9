"""When to look at which key again, so that what is too old goes without looking at all keys."""

from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any

from services.rules.windows.entries import Entry, time_of

_PARTS = 32
"""What is too old stays for no more than this part of the time that it was kept for."""


class Schedule:
    """Each key once, in a bucket by the event time of its oldest entry.

    Args:
        horizon_ms: How long entries are kept.
    """

    def __init__(self, horizon_ms: int) -> None:
        self._width = max(horizon_ms // _PARTS, 1)
        self._buckets: dict[int, list[Any]] = {}
        self._names: list[int] = []

    def plan(self, keys: Sequence[Any], time: int) -> None:
        """Looks at keys, none of which is planned already, when an event time is too old."""
        self._bucket(time // self._width).extend(keys)

    def plan_each(self, keys: Iterable[Any], oldest: Iterable[Entry], watermark: int) -> None:
        """Looks at keys, none of which is planned already, when their oldest entries are too old.

        A key whose oldest entry is ahead of the watermark is looked at as if it were not: others may come before it.
        """
        width, get = self._width, self._buckets.get
        last = watermark // width
        for key, entry in zip(keys, oldest, strict=True):
            name = min(time_of(entry) // width, last)
            bucket = get(name)
            if bucket is None:
                bucket = self._bucket(name)
            bucket.append(key)

    def due(self, time: int) -> Iterator[Any]:
        """The keys of all buckets that lie in front of an event time; they are planned no longer."""
        name = time // self._width
        while self._names and self._names[0] < name:
            yield from self._buckets.pop(heappop(self._names))

    def first(self) -> Sequence[Any]:
        """The keys that are looked at next."""
        return self._buckets[self._names[0]] if self._names else ()

    def sample(self, most: int) -> list[Any]:
        """Some keys, evenly from old to new, about as many as asked for."""
        step = max(sum(map(len, self._buckets.values())) // most, 1)
        found: list[Any] = []
        skip = 0
        for name in sorted(self._buckets):
            bucket = self._buckets[name]
            found += bucket[skip::step]
            skip = (skip - len(bucket)) % step
        return found

    def _bucket(self, name: int) -> list[Any]:
        if name not in self._buckets:
            self._buckets[name] = []
            heappush(self._names, name)
        return self._buckets[name]
