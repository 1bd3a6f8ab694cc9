"""The state of a key for several windows: its entries once, and sums and extremes over any range of them."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from services.rules.windows.entries import Entry, Reader
from services.rules.windows.key_state import KeyState
from services.rules.windows.monotonic_queue import MonotonicQueue


class SharedState(KeyState):
    """The entries of one key, with prefix sums and monotonic queues that go as far as they were needed.

    The sum over a range of entries is the difference of two prefix sums. Its extreme is the first candidate in it.

    Attributes:
        prefix_sums: For each summed field the sums of the values before each entry; the first may be any number.
        queues: For each field and extreme the candidates for it.
    """

    __slots__ = ("prefix_sums", "queues")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        super().__init__(entries)
        self.prefix_sums: Sequence[list[int]] = ()
        self.queues: Sequence[MonotonicQueue] = ()

    def begin_sums(self, count: int) -> Sequence[list[int]]:
        """Return the prefix sums of fields, given their number, when there are none yet."""
        self.prefix_sums = [[0] for _ in range(count)]
        return self.prefix_sums

    def begin_queues(self, count: int) -> Sequence[MonotonicQueue]:
        """Return the queues, given their number, when there are none yet."""
        self.queues = [MonotonicQueue() for _ in range(count)]
        return self.queues

    def extend_sums(self, sums: list[int], end: int, read: Reader) -> None:
        """Extend prefix sums up to a position, given what reads the values."""
        values = map(read, self[len(sums) - 1 : end])
        sums += accumulate(values, initial=sums.pop())

    def insert_values(self, index: int, entry: Entry, summed: Iterable[int], signed: Iterable[int]) -> None:
        """Add an entry before others.

        Args:
            index: Its position.
            entry: The entry.
            summed: Its value for each of the prefix sums.
            signed: Its value for each of the queues, of a maximum the negative.
        """
        self.insert(index, entry)
        for sums, value in zip(self.prefix_sums, summed, strict=False):  # there may be none yet
            sums[index + 1 :] = [total + value for total in sums[index:]]
        for queue, value in zip(self.queues, signed, strict=False):
            if index < queue.covered:
                queue.cover_within(entry, value)

    def insert_at(self, index: int, entry: Entry, read: Reader) -> None:  # noqa: ARG002 - values are read when needed
        """Add an entry before others."""
        self._forget_from(index)
        self.insert(index, entry)

    def undo_add(self, entry: Entry) -> None:
        """Remove an entry that was added since the last commit."""
        index = len(self) - 1 if self[-1] == entry else bisect_left(self, entry)
        self._forget_from(index)
        del self[index]

    def evict(self, until: bytes, read: Reader) -> int:
        """Evict the entries before a bound (from the watermark: `WindowStore.commit`); return their number."""
        evicted = super().evict(until, read)
        for sums in self.prefix_sums:
            del sums[: min(evicted, len(sums) - 1)]
        for queue in self.queues:
            queue.evict(evicted, until)
        return evicted

    def forget(self) -> None:
        """Forget all prefix sums and queues."""
        self.prefix_sums = self.queues = ()

    def _forget_from(self, index: int) -> None:
        """Forget the prefix sums and queues of entries from a position on."""
        for sums in self.prefix_sums:
            del sums[index + 1 :]
        for queue in self.queues:
            if index < queue.covered:
                queue.clear()
