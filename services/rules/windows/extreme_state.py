"""The state of a key with a minimum or maximum: besides the entries, a monotonic queue of them.

Nothing is read of what leaves the interval. Out of order the first candidate may be later than the interval; a
`SlidingState` answers then.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, ClassVar

from services.rules.rule_match import AggregateValue
from services.rules.windows.aggregates import Max, Min
from services.rules.windows.entries import Entry, Reader
from services.rules.windows.monotonic_queue import MonotonicQueue
from services.rules.windows.sliding_state import SlidingState


class ExtremeState(SlidingState):
    """The entries of one key, and the candidates for the extreme of some of them.

    Attributes:
        queue: The candidates.
    """

    __slots__ = ("queue",)
    aggregate_type: ClassVar[type[Any]] = Min

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        super().__init__(entries)
        self.queue = MonotonicQueue()

    def insert_at(self, index: int, entry: Entry, read: Reader) -> None:
        """Add an entry before others."""
        super().insert_at(index, entry, read)
        if index < self.queue.covered:
            self.queue.cover_within(entry, self.aggregate_type.sign * read(entry))

    def undo_add(self, entry: Entry) -> None:
        """Remove an entry that was added since the last commit."""
        self.queue.clear()
        super().undo_add(entry)

    def evict(self, until: bytes, read: Reader) -> int:
        """Evict the entries before a bound (from the watermark: `WindowStore.commit`); return their number."""
        evicted = super().evict(until, read)
        self.queue.evict(evicted, until)
        return evicted

    def aggregate(self, since: bytes, to: Entry, read: Reader, value: Any = None) -> AggregateValue:  # noqa: ARG002
        """Return the extreme of the entries in [since, to]; `to` need not be among them."""
        queue, sign = self.queue, self.aggregate_type.sign
        if queue.covered < len(self):
            entries = self[queue.covered :]
            queue.cover(entries, [sign * read(entry) for entry in entries])
        first = bisect_left(queue, since)
        if first == len(queue):
            return None
        return sign * queue.values[first] if queue[first] <= to else super().aggregate(since, to, read)


class MinState(ExtremeState):
    """The entries of one key, and the minimum of those in an interval."""

    __slots__ = ()
    aggregate_type = Min


class MaxState(ExtremeState):
    """The entries of one key, and the maximum of those in an interval."""

    __slots__ = ()
    aggregate_type = Max
