"""The state of a window for one key: its entries in order of event time and then of the log.

A row that comes in that order is appended; the position of any other is found by bisection. Entries are compared as
bytes (see `entries`).
"""

from bisect import bisect_left, bisect_right
from typing import Any

from services.rules.rule_match import AggregateValue
from services.rules.windows.entries import ORDER, TIME, Entry, Reader, order_of, time_of


class KeyState(list[Entry]):
    """The entries of one key. What is aggregated is up to the subclasses."""

    __slots__ = ()

    @classmethod
    def of_single(cls, entry: Entry, read: Reader) -> AggregateValue:
        """Return the aggregate over a single entry."""
        raise NotImplementedError

    def add(self, entry: Entry, read: Reader) -> None:
        """Add an entry."""
        if not self or entry > self[-1]:
            self.append(entry)
        else:
            self.insert_at(bisect_left(self, entry), entry, read)

    def insert_at(self, index: int, entry: Entry, read: Reader) -> None:  # noqa: ARG002 - a running aggregate reads it
        """Add an entry before others."""
        self.insert(index, entry)

    def undo_add(self, entry: Entry) -> None:
        """Remove an entry that was added since the last commit."""
        if self[-1] == entry:
            self.pop()
        else:
            del self[bisect_left(self, entry)]

    def evict(self, until: bytes, read: Reader) -> int:  # noqa: ARG002 - a running aggregate reads what it retracts
        """Evict the entries before a bound (from the watermark: `WindowStore.commit`); return their number."""
        evicted = bisect_left(self, until)
        del self[:evicted]
        return evicted

    def aggregate(self, since: bytes, to: Entry, read: Reader, value: Any = None) -> AggregateValue:
        """Return the aggregate over the entries in [since, to]; `to` need not be among them.

        Args:
            since: A bound.
            to: An entry.
            read: Reads the value that is aggregated.
            value: What it reads from `to`, where that is known.
        """
        raise NotImplementedError

    def latest(self, since: bytes, to: Entry, limit: int) -> list[Entry]:
        """Return the last entries in [since, to] that were read no later than `to`, in order."""
        order, end = to[ORDER], bisect_right(self, to)
        first = bisect_left(self, since, 0, end)
        latest = self[max(first, end - limit) : end]
        selected = [entry for entry in latest if entry[ORDER] <= order]
        if len(selected) < len(latest):  # some were read later, out of order: others further back take their places
            for index in range(end - len(latest) - 1, first - 1, -1):
                if len(selected) == limit:
                    break
                if self[index][ORDER] <= order:
                    selected.insert(0, self[index])
        return selected

    def settled_bound(self, until: bytes, by: Entry) -> bytes:
        """Return the event time of the latest entry before a bound that was read before another entry, as a bound."""
        order = order_of(by)
        for index in range(bisect_left(self, until) - 1, -1, -1):
            if order_of(self[index]) < order:
                return self[index][:TIME]
        return b""


class CountState(KeyState):
    """Aggregates to the number of entries: the distance between two positions."""

    __slots__ = ()

    @classmethod
    def of_single(cls, entry: Entry, read: Reader) -> AggregateValue:  # noqa: ARG003 - the values make no difference
        """Return 1."""
        return 1

    def aggregate(self, since: bytes, to: Entry, read: Reader, value: Any = None) -> AggregateValue:  # noqa: ARG002
        """Return the number of entries in [since, to]."""
        end = len(self)
        if end and self[-1] > to:
            end = bisect_right(self, to)
        return end - bisect_left(self, since, 0, end)


class InactivityState(KeyState):
    """Aggregates to the time between an entry and the latest other one before it."""

    __slots__ = ()

    @classmethod
    def of_single(cls, entry: Entry, read: Reader) -> AggregateValue:  # noqa: ARG003 - the values make no difference
        """Return None: there is no other entry."""
        return None

    def aggregate(self, since: bytes, to: Entry, read: Reader, value: Any = None) -> AggregateValue:  # noqa: ARG002
        """Return the milliseconds from the latest entry before `to` up to `to`; None if it is before `since`."""
        index = bisect_left(self, to) - 1
        return time_of(to) - time_of(self[index]) if index >= 0 and self[index] >= since else None
