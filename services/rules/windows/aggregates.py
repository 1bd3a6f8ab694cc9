"""Aggregates over values that are added and retracted in any order; all are exact, as they are of whole numbers."""

from heapq import heapify, heappop, heappush
from typing import Any, ClassVar, Protocol

from services.rules.rule_match import AggregateValue


class Aggregate(Protocol):
    """An aggregate over the values that were added and not retracted."""

    recompute_up_to: ClassVar[int]
    """Over no more values than these it is computed from scratch: to maintain it would cost more than it saves."""

    @staticmethod
    def of(values: list[Any]) -> AggregateValue:
        """Return the aggregate of some values."""

    def add(self, value: Any) -> None:
        """Include a value."""

    def retract(self, value: Any) -> None:
        """Exclude a value that was added."""

    def result(self, count: int) -> AggregateValue:
        """Return the aggregate of the values that are included, given how many these are."""


class Sum:
    """The sum of whole numbers."""

    __slots__ = ("total",)
    recompute_up_to: ClassVar[int] = 2

    def __init__(self) -> None:
        self.total = 0

    @staticmethod
    def of(values: list[int]) -> AggregateValue:
        """Return the sum of some values."""
        return sum(values)

    def add(self, value: int) -> None:
        """Include a value."""
        self.total += value

    def retract(self, value: int) -> None:
        """Exclude a value that was added."""
        self.total -= value

    def result(self, count: int) -> AggregateValue:  # noqa: ARG002 - an average needs it
        """Return the sum."""
        return self.total


class Average(Sum):
    """The average of whole numbers, as sum and count."""

    __slots__ = ()

    @staticmethod
    def of(values: list[int]) -> AggregateValue:
        """Return the average of some values; None without any."""
        return (sum(values), len(values)) if values else None

    def result(self, count: int) -> AggregateValue:
        """Return the average; None without values."""
        return (self.total, count) if count else None


class DistinctCount(dict[Any, int]):
    """The number of distinct values: a dictionary from each value to its number of occurrences."""

    __slots__ = ()
    recompute_up_to: ClassVar[int] = 6

    @staticmethod
    def of(values: list[Any]) -> AggregateValue:
        """Return the number of distinct values among some."""
        return len(set(values))

    def add(self, value: Any) -> None:
        """Include a value."""
        self[value] = self.get(value, 0) + 1

    def retract(self, value: Any) -> None:
        """Exclude a value that was added; `DistinctState.aggregate` does so inline where only one entry is new."""
        occurrences = self[value]
        if occurrences == 1:
            del self[value]
        else:
            self[value] = occurrences - 1

    def result(self, count: int) -> AggregateValue:  # noqa: ARG002 - an average needs it
        """Return the number of distinct values."""
        return len(self)


class Min(DistinctCount):
    """The smallest of whole numbers: a heap, from which retracted values are removed when they come to its top."""

    __slots__ = ("heap",)
    sign: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()
        self.heap: list[int] = []

    @staticmethod
    def of(values: list[int]) -> AggregateValue:
        """Return the smallest of some values; None without any."""
        return min(values, default=None)

    def add(self, value: int) -> None:
        """Include a value."""
        signed = self.sign * value
        occurrences = self.get(signed)
        if occurrences is None:
            heappush(self.heap, signed)
            self[signed] = 1
        else:
            self[signed] = occurrences + 1

    def retract(self, value: int) -> None:
        """Exclude a value that was added."""
        signed = self.sign * value  # not by super(): a call for each entry that leaves costs too much
        occurrences = self[signed]
        if occurrences == 1:
            del self[signed]
        else:
            self[signed] = occurrences - 1

    def result(self, count: int) -> AggregateValue:
        """Return the smallest value; None without values."""
        if not count:
            return None
        heap = self.heap
        if len(heap) > 2 * len(self) + 16:
            heap = self.heap = list(self)
            heapify(heap)
        while heap[0] not in self:
            heappop(heap)
        return self.sign * heap[0]


class Max(Min):
    """The greatest of whole numbers: the smallest of their negatives."""

    __slots__ = ()
    sign = -1

    @staticmethod
    def of(values: list[int]) -> AggregateValue:
        """Return the greatest of some values; None without any."""
        return max(values, default=None)
