"""The state of a key with a minimum or maximum: besides the entries, those that no later one is as extreme as.

These are few, and the first of them in an interval that ends with the newest entry is its extreme: nothing is read of
what leaves the interval. Out of order the first may be later than the interval; a `SlidingState` answers then.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, ClassVar

from services.rules.rule_match import AggregateValue
from services.rules.windows.aggregates import Max, Min
from services.rules.windows.entries import Entry, Reader
from services.rules.windows.sliding_state import SlidingState


class ExtremeState(SlidingState):
    """The entries of one key, and its candidates: entries that are more extreme than all later ones.

    Attributes:
        candidates: These entries, in order.
        values: Their values, of a maximum the negatives: ascending.
        noted: The number of entries that the candidates are chosen from.
    """

    __slots__ = ("candidates", "noted", "values")
    aggregate_type: ClassVar[type[Any]] = Min

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        super().__init__(entries)
        self.candidates: list[Entry] = []
        self.values: list[int] = []
        self.noted = 0

    def insert_at(self, index: int, entry: Entry, read: Reader) -> None:
        """Add an entry before others."""
        super().insert_at(index, entry, read)
        if index >= self.noted:
            return
        self.noted += 1
        candidates, values = self.candidates, self.values
        value = self.aggregate_type.sign * read(entry)
        end = bisect_left(candidates, entry)
        if values[end] <= value:  # the last entry is always a candidate, so there is a later one
            return
        first = end
        while first and values[first - 1] >= value:
            first -= 1
        candidates[first:end] = [entry]
        values[first:end] = [value]

    def undo_add(self, entry: Entry) -> None:
        """Remove an entry that was added since the last commit."""
        self._forget_candidates()
        super().undo_add(entry)

    def evict(self, until: bytes, read: Reader) -> int:
        """Evict the entries before a bound (from the watermark: `WindowStore.commit`); return their number."""
        evicted = super().evict(until, read)
        if evicted >= self.noted:
            self._forget_candidates()
        elif evicted:
            self.noted -= evicted
            left = bisect_left(self.candidates, until)
            del self.candidates[:left], self.values[:left]
        return evicted

    def aggregate(self, since: bytes, to: Entry, read: Reader, value: Any = None) -> AggregateValue:  # noqa: ARG002
        """Return the extreme of the entries in [since, to]; `to` need not be among them."""
        candidates, values, sign = self.candidates, self.values, self.aggregate_type.sign
        for index in range(self.noted, len(self)):
            entry = self[index]
            signed = sign * read(entry)
            while values and values[-1] >= signed:
                del candidates[-1], values[-1]
            candidates.append(entry)
            values.append(signed)
        self.noted = len(self)
        first = bisect_left(candidates, since)
        if first == len(candidates):
            return None
        return sign * values[first] if candidates[first] <= to else super().aggregate(since, to, read)

    def _forget_candidates(self) -> None:
        self.candidates.clear()
        self.values.clear()
        self.noted = 0


class MinState(ExtremeState):
    """The entries of one key, and the minimum of those in an interval."""

    __slots__ = ()
    aggregate_type = Min


class MaxState(ExtremeState):
    """The entries of one key, and the maximum of those in an interval."""

    __slots__ = ()
    aggregate_type = Max
