"""Figures over values that come and go in any order. All are exact: sums are of whole numbers."""

from heapq import heapify, heappop, heappush
from typing import Any, ClassVar

from services.rules.windows.key_state import AggregateValue


class Total:
    """The sum of whole numbers."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0

    @staticmethod
    def anew(values: list[int]) -> AggregateValue:
        """The sum of these."""
        return sum(values)

    def put(self, value: int) -> None:
        """One more counts."""
        self.total += value

    def drop(self, value: int) -> None:
        """One counts no longer."""
        self.total -= value

    def aggregation(self, count: int) -> AggregateValue:  # noqa: ARG002 - an average needs it
        """The sum."""
        return self.total


class Mean(Total):
    """The average of whole numbers, as sum and count."""

    __slots__ = ()

    @staticmethod
    def anew(values: list[int]) -> AggregateValue:
        """The average of these."""
        return (sum(values), len(values)) if values else None

    def aggregation(self, count: int) -> AggregateValue:
        """The average."""
        return (self.total, count) if count else None


class Different(dict[Any, int]):
    """How many different values there are: by value how often it is there."""

    __slots__ = ()

    @staticmethod
    def anew(values: list[Any]) -> AggregateValue:
        """How many of these differ."""
        return len(set(values))

    def put(self, value: Any) -> None:
        """One more counts."""
        self[value] = self.get(value, 0) + 1

    def drop(self, value: Any) -> None:
        """One counts no longer."""
        often = self[value]
        if often == 1:
            del self[value]
        else:
            self[value] = often - 1

    def aggregation(self, count: int) -> AggregateValue:  # noqa: ARG002 - an average needs it
        """How many differ."""
        return len(self)


class Least(Different):
    """The smallest of whole numbers: a heap of what was put in, from which what was dropped goes when it comes up."""

    __slots__ = ("heap",)
    sign: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()
        self.heap: list[int] = []

    @staticmethod
    def anew(values: list[int]) -> AggregateValue:
        """The smallest of these."""
        return min(values, default=None)

    def put(self, value: int) -> None:
        """One more counts."""
        signed = self.sign * value
        often = self.get(signed)
        if often is None:
            heappush(self.heap, signed)
            self[signed] = 1
        else:
            self[signed] = often + 1

    def drop(self, value: int) -> None:
        """One counts no longer."""
        signed = self.sign * value
        often = self[signed]
        if often == 1:
            del self[signed]
        else:
            self[signed] = often - 1

    def aggregation(self, count: int) -> AggregateValue:
        """The smallest."""
        if not count:
            return None
        heap = self.heap
        if len(heap) > 2 * len(self) + 16:
            heap = self.heap = list(self)
            heapify(heap)
        while heap[0] not in self:
            heappop(heap)
        return self.sign * heap[0]


class Greatest(Least):
    """The greatest of whole numbers."""

    __slots__ = ()
    sign = -1

    @staticmethod
    def anew(values: list[int]) -> AggregateValue:
        """The greatest of these."""
        return max(values, default=None)
