"""Schedule of the keys to look at again, so that evictions need no scan of all keys; `WindowStore.commit` evicts."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from services.rules.windows.entries import Entry, times_of

_BUCKETS = 32
"""Buckets in a horizon: a key that is due waits for no more than one of them."""


class DueKeys:
    """Schedule with each key once, in a bucket by the event time of its oldest entry.

    Args:
        horizon_ms: Time that entries are kept.
    """

    def __init__(self, horizon_ms: int) -> None:
        self._width = max(horizon_ms // _BUCKETS, 1)
        self._buckets: dict[int, list[Any]] = {}
        self._numbers: list[int] = []

    def schedule(self, keys: Sequence[Any], time: int) -> None:
        """Schedule keys that are not scheduled yet, all for the moment when an event time is too old."""
        self._bucket(time // self._width).extend(keys)

    def schedule_each(self, keys: Sequence[Any], oldest: Sequence[Entry], watermark: int) -> None:
        """Schedule keys that are not scheduled yet, each for the moment when its oldest entry is too old.

        A key whose oldest entry is ahead of the watermark is scheduled as if it were not: others may come before it.
        """
        get = self._buckets.get
        numbers = np.minimum(times_of(oldest), watermark) // self._width
        for key, number in zip(keys, numbers.tolist(), strict=True):
            bucket = get(number)
            if bucket is None:
                bucket = self._bucket(number)
            bucket.append(key)

    def due(self, time: int) -> Iterator[Any]:
        """Yield and unschedule the keys of all buckets that lie before an event time."""
        number = time // self._width
        while self._numbers and self._numbers[0] < number:
            yield from self._buckets.pop(heappop(self._numbers))

    def next_keys(self) -> Sequence[Any]:
        """Return the keys that are due next."""
        return self._buckets[self._numbers[0]] if self._numbers else ()

    def sample(self, size: int) -> list[Any]:
        """Return about `size` keys, evenly from old to new."""
        step = max(sum(map(len, self._buckets.values())) // size, 1)
        sampled: list[Any] = []
        skip = 0
        for number in sorted(self._buckets):
            bucket = self._buckets[number]
            sampled += bucket[skip::step]
            skip = (skip - len(bucket)) % step
        return sampled

    def _bucket(self, number: int) -> list[Any]:
        if number not in self._buckets:
            self._buckets[number] = []
            heappush(self._numbers, number)
        return self._buckets[number]
