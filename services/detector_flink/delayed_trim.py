"""Deletes what is needed no more of the state topic, once no job can need it."""

import time
from collections import deque
from collections.abc import Callable, Mapping

from services.detection.state_writer import Trim
from services.streaming.positions import Partition


class DelayedTrim:
    """Hands on what may be deleted after a delay.

    A worker is not told when a checkpoint is complete. A job that starts again from an earlier one needs older records;
    where they are gone, it restores from the topics of transactions.

    Args:
        trim: Deletes.
        delay: Seconds: after the transaction timeout a job can't continue from a checkpoint of before.
        clock: Returns seconds.
    """

    def __init__(self, trim: Trim, delay: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._trim = trim
        self._delay = delay
        self._clock = clock
        self._pending: deque[tuple[float, Mapping[Partition, int]]] = deque()

    def __call__(self, offsets: Mapping[Partition, int]) -> None:
        """Note that partitions are unneeded before an offset, and delete what was so a delay ago."""
        now = self._clock()
        self._pending.append((now, offsets))
        due = None
        while self._pending and self._pending[0][0] <= now - self._delay:
            due = self._pending.popleft()[1]
        if due:
            self._trim(due)
