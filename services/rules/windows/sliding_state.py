"""Figures that move on: what came into the interval is put into them and what fell out is dropped, each once.

Where a row is out of order its interval ends further back, and what lies in between is dropped and put in again.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, ClassVar, Protocol

from services.rules.windows.aggregates import Different, Greatest, Least, Mean, Total
from services.rules.windows.entries import Entry, Reader
from services.rules.windows.key_state import AggregateValue, KeyState


class Values(Protocol):
    """A figure over some values."""

    @staticmethod
    def anew(values: list[Any]) -> AggregateValue:
        """What it is over these."""

    def put(self, value: Any) -> None:
        """One more counts."""

    def drop(self, value: Any) -> None:
        """One counts no longer."""

    def aggregation(self, count: int) -> AggregateValue:
        """What it is over the values that count now; how many these are is known."""


class Running(KeyState):
    """The entries of one key, and a figure over some that follow each other.

    Attributes:
        values: What counts; None until there are enough entries.
        first: Of the entries that count.
        last: Behind those.
    """

    __slots__ = ("first", "last", "values")
    kind: ClassVar[type[Values]]
    few: ClassVar[int] = 6
    """A figure over no more entries than these is taken anew each time: to keep it would cost more than it saves."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        super().__init__(entries)
        self.values: Any = None
        self.first = self.last = 0

    @classmethod
    def alone(cls, entry: Entry, read: Reader) -> AggregateValue:
        """The figure over a single entry."""
        return cls.kind.anew([read(entry)])

    def place(self, index: int, entry: Entry, read: Reader) -> None:
        """Keeps an entry in front of others."""
        self.insert(index, entry)
        if index < self.last and self.values is not None:
            self.last += 1
            if index < self.first:
                self.first += 1
            else:
                self.values.put(read(entry))

    def take_back(self, entry: Entry) -> None:
        """Undoes keeping an entry."""
        self.values = None
        super().take_back(entry)

    def evict(self, until: bytes, read: Reader) -> int:
        """Lets go of the entries in front of a bound, and says how many these were."""
        gone = bisect_left(self, until)
        if self.values is not None:
            if len(self) - gone <= self.few or gone >= self.last:
                self.values = None
            else:
                for entry in self[self.first : gone]:
                    self.values.drop(read(entry))
                self.first = max(self.first - gone, 0)
                self.last -= gone
        del self[:gone]
        return gone

    def aggregate(self, since: bytes, to: Entry, read: Reader) -> AggregateValue:
        """The figure over the entries from a bound on, up to and including one."""
        last = len(self)
        if last and self[-1] > to:
            last = bisect_right(self, to)
        values, first = self.values, self.first
        if values is None or first >= last or last < self.last or (first and self[first - 1] >= since):
            return self._jump(bisect_left(self, since, 0, last), last, read)
        for index in range(self.last, last):
            values.put(read(self[index]))
        while first < last and self[first] < since:
            values.drop(read(self[first]))
            first += 1
        self.first, self.last = first, last
        aggregation: AggregateValue = values.aggregation(last - first)
        return aggregation

    def _jump(self, first: int, last: int, read: Reader) -> AggregateValue:
        """The figure over some entries, wherever they are."""
        count = last - first
        if count <= self.few:
            return self.kind.anew([read(entry) for entry in self[first:last]])
        if self.values is None or abs(first - self.first) + abs(last - self.last) >= count:
            self.values = self.kind()
            self.first = self.last = first
        values = self.values
        for entry in self[self.last : last]:
            values.put(read(entry))
        for entry in self[first : self.first]:
            values.put(read(entry))
        for entry in self[self.first : first]:
            values.drop(read(entry))
        for entry in self[last : self.last]:
            values.drop(read(entry))
        self.first, self.last = first, last
        aggregation: AggregateValue = values.aggregation(count)
        return aggregation


class Sum(Running):
    """The sum of a field."""

    __slots__ = ()
    kind = Total
    few = 2


class Average(Running):
    """The average of a field."""

    __slots__ = ()
    kind = Mean
    few = 2


class Distinct(Running):
    """How many values a field has."""

    __slots__ = ()
    kind = Different


class Minimum(Running):
    """The smallest value of a field."""

    __slots__ = ()
    kind = Least


class Maximum(Running):
    """The greatest value of a field."""

    __slots__ = ()
    kind = Greatest
