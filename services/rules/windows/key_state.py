"""What a window keeps of one key: the seam behind which another engine can hold it.

The entries of a key are in order of event time and then of the log. A row that comes in that order is appended; the
place of any other is found by bisection.
"""

from bisect import bisect_left, bisect_right
from typing import Protocol

from services.rules.windows.entries import Entry, Reader, order_of, time_of

AggregateValue = int | tuple[int, int] | None
"""A figure; an average as its sum and count."""


class Keyed(Protocol):
    """What a window needs of one key. What is in front of what is decided by comparing bytes."""

    def add(self, entry: Entry, read: Reader) -> None:
        """Keeps an entry."""

    def evict(self, until: bytes, read: Reader) -> int:
        """Lets go of the entries in front of a bound, and says how many these were."""

    def aggregate(self, since: bytes, to: Entry, read: Reader) -> AggregateValue:
        """The figure over the entries from a bound on, up to and including one that need not be among them."""


class KeyState(list[Entry]):
    """The entries of one key, without a figure."""

    __slots__ = ()

    def add(self, entry: Entry, read: Reader) -> None:
        """Keeps an entry."""
        if not self or entry > self[-1]:
            self.append(entry)
        else:
            self.place(bisect_left(self, entry), entry, read)

    @classmethod
    def alone(cls, entry: Entry, read: Reader) -> AggregateValue:
        """The figure over a single entry."""
        return cls((entry,)).aggregate(b"", entry, read)

    def place(self, index: int, entry: Entry, read: Reader) -> None:  # noqa: ARG002 - for those that keep a figure
        """Keeps an entry in front of others."""
        self.insert(index, entry)

    def take_back(self, entry: Entry) -> None:
        """Undoes keeping an entry."""
        if self[-1] == entry:
            self.pop()
        else:
            del self[bisect_left(self, entry)]

    def evict(self, until: bytes, read: Reader) -> int:  # noqa: ARG002 - for those that keep a figure
        """Lets go of the entries in front of a bound, and says how many these were."""
        gone = bisect_left(self, until)
        del self[:gone]
        return gone

    def aggregate(self, since: bytes, to: Entry, read: Reader) -> AggregateValue:
        """The figure over the entries from a bound on, up to and including one that need not be among them."""
        raise NotImplementedError

    def latest(self, since: bytes, to: Entry, most: int) -> list[Entry]:
        """Of the entries from a bound on up to and including one, those read no later than it; the last of them."""
        order = order_of(to)
        found: list[Entry] = []
        for index in range(bisect_right(self, to) - 1, -1, -1):
            entry = self[index]
            if entry < since or len(found) == most:
                break
            if order_of(entry) <= order:
                found.append(entry)
        return found[::-1]

    def settled(self, until: bytes, by: Entry) -> bytes:
        """What is in front of this is gone: the event time of the latest entry in front of a bound, read before one."""
        order = order_of(by)
        for index in range(bisect_left(self, until) - 1, -1, -1):
            if order_of(self[index]) < order:
                return self[index][:8]
        return b""


class Count(KeyState):
    """How many there are: the distance of two places."""

    __slots__ = ()

    @classmethod
    def alone(cls, entry: Entry, read: Reader) -> AggregateValue:  # noqa: ARG003 - what is read doesn't matter
        """One."""
        return 1

    def aggregate(self, since: bytes, to: Entry, read: Reader) -> AggregateValue:  # noqa: ARG002 - what is read doesn't matter
        """How many entries there are from a bound on, up to and including one."""
        last = len(self)
        if last and self[-1] > to:
            last = bisect_right(self, to)
        return last - bisect_left(self, since, 0, last)


class Silence(KeyState):
    """How long before an entry the latest other one was."""

    __slots__ = ()

    def aggregate(self, since: bytes, to: Entry, read: Reader) -> AggregateValue:  # noqa: ARG002 - what is read doesn't matter
        """Milliseconds from the latest entry in front of one to that one; None if it is in front of the bound."""
        index = bisect_left(self, to) - 1
        return time_of(to) - time_of(self[index]) if index >= 0 and self[index] >= since else None
