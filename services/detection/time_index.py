"""Index from event times to offsets of a partition: where a restore has to start for windows of some length."""

from collections import deque

CHUNK = 10_000  # messages in a range of the index: a restore reads at most that many too many


class TimeIndex:
    """The newest event time of each range of offsets in a partition.

    Ranges noted since the last `commit` can be rolled back.

    Args:
        offset: The first offset that will be noted.
    """

    def __init__(self, offset: int) -> None:
        self._ranges: deque[tuple[int, int, int]] = deque()  # first offset, newest event time in ms, messages
        self._pending: list[tuple[int, int, int]] = []
        self._offset = self._committed_offset = offset

    @property
    def offset(self) -> int:
        """The next offset."""
        return self._offset

    @property
    def newest_ms(self) -> int | None:
        """The newest event time of all ranges; None without any."""
        return max((newest for _, newest, _ in (*self._ranges, *self._pending)), default=None)

    def note(self, first: int, next_offset: int, newest_ms: int | None, messages: int) -> None:
        """Note the range of a batch.

        Args:
            first: Its first offset.
            next_offset: The offset after its last.
            newest_ms: Its newest event time; None if no window includes any of it.
            messages: The number of its messages: a record may have many.
        """
        if newest_ms is not None:
            self._pending.append((first, newest_ms, messages))
        self._offset = next_offset

    def start(self, horizon_ms: int) -> int:
        """Return the start of the first range with an event time after a horizon; the next offset where none has."""
        for first, newest, _ in self._ranges:
            if newest > horizon_ms:
                return first
        for first, newest, _ in self._pending:
            if newest > horizon_ms:
                return first
        return self._offset

    def commit(self, horizon_ms: int) -> None:
        """Keep what was noted, and drop the ranges at the front without an event time after a horizon."""
        for first, newest, messages in self._pending:
            if self._ranges and self._ranges[-1][2] + messages <= CHUNK:
                begun, newest_before, count = self._ranges[-1]
                self._ranges[-1] = begun, max(newest, newest_before), count + messages
            else:
                self._ranges.append((first, newest, messages))
        self._pending.clear()
        self._committed_offset = self._offset
        while self._ranges and self._ranges[0][1] <= horizon_ms:
            self._ranges.popleft()

    def rollback(self) -> None:
        """Undo what was noted since the last commit."""
        self._pending.clear()
        self._offset = self._committed_offset
