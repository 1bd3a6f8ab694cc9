"""From which offset on a partition holds what windows still need: the newest event time of each stretch of it."""

from collections import deque

CHUNK = 10_000  # offsets that are told apart no further: a restore reads at most that many too many


class TimeIndex:
    """Remembers the newest event time of each stretch of a partition.

    What was noted since the last `commit` can be undone.

    Args:
        offset: The first offset that will be noted.
    """

    def __init__(self, offset: int) -> None:
        self._stretches: deque[tuple[int, int]] = deque()  # first offset, newest event time in ms
        self._pending: list[tuple[int, int]] = []
        self._offset = self._committed_offset = offset

    @property
    def offset(self) -> int:
        """The next offset."""
        return self._offset

    def note(self, first: int, next_offset: int, newest_ms: int | None) -> None:
        """Notes a batch.

        Args:
            first: Its first offset.
            next_offset: The offset after its last.
            newest_ms: Its newest event time; None if nothing of it counts.
        """
        if newest_ms is not None:
            self._pending.append((first, newest_ms))
        self._offset = next_offset

    def start(self, horizon_ms: int) -> int:
        """The first offset with anything newer than the horizon; the next one if there is none."""
        for first, newest in self._stretches:
            if newest > horizon_ms:
                return first
        for first, newest in self._pending:
            if newest > horizon_ms:
                return first
        return self._offset

    def commit(self, horizon_ms: int) -> None:
        """What was noted stands; stretches that are no newer than the horizon are forgotten."""
        for first, newest in self._pending:
            if self._stretches and first - self._stretches[-1][0] < CHUNK:
                begun, newest_before = self._stretches[-1]
                self._stretches[-1] = begun, max(newest, newest_before)
            else:
                self._stretches.append((first, newest))
        self._pending.clear()
        self._committed_offset = self._offset
        while self._stretches and self._stretches[0][1] <= horizon_ms:
            self._stretches.popleft()

    def rollback(self) -> None:
        """What was noted since the last commit is undone."""
        self._pending.clear()
        self._offset = self._committed_offset
