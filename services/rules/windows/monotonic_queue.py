"""The monotonic queue of a key's entries, from which the extreme of any interval that ends with the newest is read."""

from bisect import bisect_left
from collections.abc import Iterable

from services.rules.windows.entries import Entry


class MonotonicQueue(list[Entry]):
    """The candidates for an extreme, in order: the entries that are more extreme than all later ones.

    They are few. The first of them in an interval that ends with the newest entry is its extreme.

    Attributes:
        values: The values of the candidates, of a maximum the negatives: ascending.
        covered: The number of entries, from the first one on, that the candidates are chosen from.
    """

    __slots__ = ("covered", "values")

    def __init__(self) -> None:
        super().__init__()
        self.values: list[int] = []
        self.covered = 0

    def cover(self, entries: Iterable[Entry], values: Iterable[int]) -> None:
        """Add the next entries, given their values, of a maximum the negatives."""
        known = self.values
        for entry, value in zip(entries, values, strict=True):
            while known and known[-1] >= value:
                del self[-1], known[-1]
            self.append(entry)
            known.append(value)
            self.covered += 1

    def cover_within(self, entry: Entry, value: int) -> None:
        """Add an entry before some that are covered, given its value, of a maximum the negative."""
        self.covered += 1
        values = self.values
        end = bisect_left(self, entry)
        if values[end] <= value:  # the last entry is always a candidate, so there is a later one
            return
        first = end
        while first and values[first - 1] >= value:
            first -= 1
        self[first:end] = [entry]
        values[first:end] = [value]

    def evict(self, evicted: int, until: bytes) -> None:
        """Remove entries at the beginning: their number, and the bound that they are before."""
        if evicted >= self.covered:
            self.clear()
        elif evicted:
            self.covered -= evicted
            first = bisect_left(self, until)
            del self[:first], self.values[:first]

    def clear(self) -> None:
        """Cover no entry."""
        super().clear()
        self.values.clear()
        self.covered = 0
