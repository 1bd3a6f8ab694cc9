"""The state of a key with an aggregate that slides: what enters the interval is added and what leaves it is retracted.

Where a row is out of order its interval ends further back: what lies in between is retracted, and added again later.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, ClassVar

from services.rules.rule_match import AggregateValue
from services.rules.windows.aggregates import Aggregate, Average, DistinctCount, Sum
from services.rules.windows.entries import Entry, Reader
from services.rules.windows.key_state import KeyState


class SlidingState(KeyState):
    """The entries of one key, and an aggregate over consecutive ones.

    Attributes:
        running: The aggregate over entries [first:end]; None until there are enough entries.
        first: Position of the first entry that it includes.
        end: Position after the last one.
    """

    __slots__ = ("end", "first", "running")
    aggregate_type: ClassVar[type[Aggregate]]

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        super().__init__(entries)
        self.running: Any = None
        self.first = self.end = 0

    @classmethod
    def of_single(cls, entry: Entry, read: Reader) -> AggregateValue:
        """Return the aggregate over a single entry."""
        return cls.aggregate_type.of([read(entry)])

    def insert_at(self, index: int, entry: Entry, read: Reader) -> None:
        """Add an entry before others."""
        self.insert(index, entry)
        if index < self.end and self.running is not None:
            self.end += 1
            if index < self.first:
                self.first += 1
            else:
                self.running.add(read(entry))

    def undo_add(self, entry: Entry) -> None:
        """Remove an entry that was added since the last commit."""
        self.running = None
        super().undo_add(entry)

    def evict(self, until: bytes, read: Reader) -> int:
        """Evict the entries before a bound, and retract those that are included; return their number."""
        evicted = bisect_left(self, until)
        if self.running is not None:
            if len(self) - evicted <= self.aggregate_type.recompute_up_to or evicted >= self.end:
                self.running = None
            else:
                for entry in self[self.first : evicted]:
                    self.running.retract(read(entry))
                self.first = max(self.first - evicted, 0)
                self.end -= evicted
        del self[:evicted]
        return evicted

    def aggregate(self, since: bytes, to: Entry, read: Reader, value: Any = None) -> AggregateValue:  # noqa: ARG002
        """Return the aggregate over the entries in [since, to]; `to` need not be among them."""
        end = len(self)
        running, first = self.running, self.first
        if end and self[-1] > to:
            end = bisect_right(self, to)
        if running is None or first >= end or end < self.end or (first and self[first - 1] >= since):
            return self._jump(bisect_left(self, since, 0, end), end, read)
        for index in range(self.end, end):
            running.add(read(self[index]))
        while first < end and self[first] < since:
            running.retract(read(self[first]))
            first += 1
        self.first, self.end = first, end
        result: AggregateValue = running.result(end - first)
        return result

    def _jump(self, first: int, end: int, read: Reader) -> AggregateValue:
        """Return the aggregate over entries [first:end], wherever it was before."""
        count = end - first
        if count <= self.aggregate_type.recompute_up_to:
            return self.aggregate_type.of([read(entry) for entry in self[first:end]])
        if self.running is None or abs(first - self.first) + abs(end - self.end) >= count:
            self.running = self.aggregate_type()
            self.first = self.end = first
        running = self.running
        for entry in self[self.end : end]:
            running.add(read(entry))
        for entry in self[first : self.first]:
            running.add(read(entry))
        for entry in self[self.first : first]:
            running.retract(read(entry))
        for entry in self[end : self.end]:
            running.retract(read(entry))
        self.first, self.end = first, end
        result: AggregateValue = running.result(count)
        return result


class SumState(SlidingState):
    """The entries of one key, and a sum over consecutive ones."""

    __slots__ = ()
    aggregate_type: ClassVar[type[Aggregate]] = Sum

    def aggregate(self, since: bytes, to: Entry, read: Reader, value: int | None = None) -> AggregateValue:
        """Return the sum over the entries in [since, to]; without calls where only `to` is new, as nearly always."""
        running, first, end = self.running, self.first, len(self)
        if running is None or self.end != end - 1 or self[-1] is not to or (first and self[first - 1] >= since):
            return super().aggregate(since, to, read)
        total: int = running.total + (read(to) if value is None else value)
        while self[first] < since:
            total -= read(self[first])
            first += 1
        running.total = total
        self.first, self.end = first, end
        return total


class AverageState(SumState):
    """The entries of one key, and an average over consecutive ones."""

    __slots__ = ()
    aggregate_type: ClassVar[type[Aggregate]] = Average

    def aggregate(self, since: bytes, to: Entry, read: Reader, value: int | None = None) -> AggregateValue:
        """Return the average over the entries in [since, to]; `to` need not be among them."""
        total = super().aggregate(since, to, read, value)
        return (total, self.end - self.first) if isinstance(total, int) else total


class DistinctState(SlidingState):
    """The entries of one key, and the occurrences of distinct values in consecutive ones."""

    __slots__ = ()
    aggregate_type: ClassVar[type[Aggregate]] = DistinctCount

    def aggregate(self, since: bytes, to: Entry, read: Reader, value: Any = None) -> AggregateValue:
        """Return the number of distinct values in [since, to]; without calls where only `to` is new."""
        running, first, end = self.running, self.first, len(self)
        if running is None or self.end != end - 1 or self[-1] is not to or (first and self[first - 1] >= since):
            return super().aggregate(since, to, read)
        entering = read(to) if value is None else value
        running[entering] = running.get(entering, 0) + 1
        while self[first] < since:
            leaving = read(self[first])
            first += 1
            occurrences = running[leaving]
            if occurrences == 1:
                del running[leaving]
            else:
                running[leaving] = occurrences - 1
        self.first, self.end = first, end
        return len(running)
