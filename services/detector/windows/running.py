"""Figures that move on: what came into the interval is put into them and what fell out is dropped, each once.

Where a row is out of order its interval ends further back, and what lies in between is dropped and put in again.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Any, ClassVar, Protocol

from services.detector.windows.entries import Entry, Reader
from services.detector.windows.keyed import Kept, Raw


class Aggregate(Protocol):
    """A figure over some values."""

    def put(self, value: Any) -> None:
        """It counts, too."""

    def drop(self, value: Any) -> None:
        """It counts no longer."""

    def figure(self, count: int) -> Raw:
        """What it is over the values that count now; how many these are is known."""


class Running(Kept):
    """The entries of one key, and a figure over some that follow each other.

    Attributes:
        figure: None until there are enough entries.
        first: Of the entries that are in the figure.
        last: Behind those.
    """

    __slots__ = ("figure", "first", "last")
    kind: ClassVar[type[Aggregate]]
    few: ClassVar[int] = 12
    """A figure over no more entries than these is taken anew each time: to keep it would cost more than it saves."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        super().__init__(entries)
        self.figure: Aggregate | None = None
        self.first = self.last = 0

    @classmethod
    def alone(cls, entry: Entry, read: Reader) -> Raw:
        """The figure over a single entry."""
        figure = cls.kind()
        figure.put(read(entry))
        return figure.figure(1)

    def place(self, index: int, entry: Entry, read: Reader) -> None:
        """Keeps an entry in front of others."""
        self.insert(index, entry)
        if index < self.last and self.figure is not None:
            self.last += 1
            if index < self.first:
                self.first += 1
            else:
                self.figure.put(read(entry))

    def take_back(self, entry: Entry) -> None:
        """Undoes keeping an entry."""
        self.figure = None
        super().take_back(entry)

    def evict(self, until: bytes, read: Reader) -> None:
        """Lets go of the entries in front of a bound."""
        gone = bisect_left(self, until)
        if self.figure is not None:
            if len(self) - gone <= self.few or gone >= self.last:
                self.figure = None
            else:
                for entry in self[self.first : gone]:
                    self.figure.drop(read(entry))
                self.first = max(self.first - gone, 0)
                self.last -= gone
        del self[:gone]

    def aggregate(self, since: bytes, to: Entry, read: Reader) -> Raw:
        """The figure over the entries from a bound on, up to and including one."""
        last = len(self)
        if last and self[-1] > to:
            last = bisect_right(self, to)
        figure, first = self.figure, self.first
        if figure is None or first >= last:
            first = bisect_left(self, since, 0, last)
        elif self[first] < since:
            first = bisect_left(self, since, first, last)
        elif first and self[first - 1] >= since:
            first = bisect_left(self, since, 0, first)
        count = last - first
        if count <= self.few or figure is None or abs(first - self.first) + abs(last - self.last) >= count:
            figure = self.kind()
            for entry in self[first:last]:
                figure.put(read(entry))
            if count <= self.few:
                return figure.figure(count)
            self.figure = figure
        elif first != self.first or last != self.last:
            for entry in self[self.last : last]:
                figure.put(read(entry))
            for entry in self[first : self.first]:
                figure.put(read(entry))
            for entry in self[self.first : first]:
                figure.drop(read(entry))
            for entry in self[last : self.last]:
                figure.drop(read(entry))
        self.first, self.last = first, last
        return figure.figure(count)


class Total:
    """The sum of whole numbers, exact."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0

    def put(self, value: int) -> None:
        """It counts, too."""
        self.total += value

    def drop(self, value: int) -> None:
        """It counts no longer."""
        self.total -= value

    def figure(self, count: int) -> Raw:  # noqa: ARG002 - an average needs it
        """The sum."""
        return self.total


class Mean(Total):
    """The average of whole numbers, exact."""

    __slots__ = ()

    def figure(self, count: int) -> Raw:
        """Sum and count."""
        return (self.total, count) if count else None


class Different(dict[Any, int]):
    """How many different values there are: how often each one is among them."""

    __slots__ = ()

    def put(self, value: Any) -> None:
        """It counts, too."""
        self[value] = self.get(value, 0) + 1

    def drop(self, value: Any) -> None:
        """It counts no longer."""
        often = self[value]
        if often == 1:
            del self[value]
        else:
            self[value] = often - 1

    def figure(self, count: int) -> Raw:  # noqa: ARG002 - an average needs it
        """How many."""
        return len(self)


class Least(Different):
    """The smallest of whole numbers: a heap of those that were put in, from which dropped ones go when they come up."""

    __slots__ = ("heap",)
    sign: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()
        self.heap: list[int] = []

    def put(self, value: int) -> None:
        """It counts, too."""
        signed = self.sign * value
        often = self.get(signed, 0)
        if not often:
            heappush(self.heap, signed)
        self[signed] = often + 1

    def drop(self, value: int) -> None:
        """It counts no longer."""
        super().drop(self.sign * value)

    def figure(self, count: int) -> Raw:
        """The smallest."""
        if not count:
            return None
        heap = self.heap
        if len(heap) > 2 * len(self) + Running.few:
            heap = self.heap = list(self)
            heapify(heap)
        while heap[0] not in self:
            heappop(heap)
        return self.sign * heap[0]


class Greatest(Least):
    """The greatest of whole numbers."""

    __slots__ = ()
    sign = -1


class Sum(Running):
    """The sum of a field."""

    __slots__ = ()
    kind = Total
    few = 3


class Average(Running):
    """The average of a field."""

    __slots__ = ()
    kind = Mean
    few = 3


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
