"""The state of one partition: its windows, and the point that they can be restored from."""

import numpy as np
from numpy.typing import NDArray

from services.detection.time_index import CHUNK, TimeIndex
from services.rules.windows import WindowState
from services.streaming.restore_point import RestorePoint, Skipped


def bounded_event_times(event_times: NDArray[np.int64], timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the event time of each message, but no later than its record's timestamp, in milliseconds since the epoch.

    The watermark is taken from it: one transaction dated years ahead must not empty the windows of every key. The input
    topic's timestamps are its brokers' (`message.timestamp.type=LogAppendTime`): no producer can date a record ahead.
    """
    return np.where(timestamps > 0, np.minimum(event_times, timestamps), event_times)


class PartitionState:
    """The windows of one partition, and its time index.

    Args:
        state: The windows.
        offset: The first offset that will be noted.
        reach_ms: The length of the longest window, lateness included.
        skipped: The records that are left out when it is restored.
    """

    def __init__(self, state: WindowState, offset: int, reach_ms: int, skipped: Skipped | None = None) -> None:
        self.state = state
        self.index = TimeIndex(offset)
        self.reach_ms = reach_ms
        self.skipped = skipped
        self.dead_letter_end = 0  # the offset after the last record that went to the dead-letter topic

    @property
    def horizon_ms(self) -> int:
        """The event time up to which nothing is needed any more."""
        return (self.state.watermark_ms or 0) - self.reach_ms

    @classmethod
    def of_written(cls, state: WindowState, point: RestorePoint, newest_ms: int | None) -> "PartitionState":
        """Return a state that was restored from the state topic.

        Args:
            state: The windows.
            point: The restore point that named the written state.
            newest_ms: The newest event time that may still count.

        Raises:
            ValueError: The restore point names no written state.
        """
        if point.state is None:
            raise ValueError("no written state")
        restored = cls(state, point.state.next_offset, point.reach_ms, point.skipped)
        # One range for everything before: should the topic itself be read again, no more than that is.
        restored.index.note(point.start, point.state.next_offset, newest_ms, CHUNK)
        restored.dead_letter_end = point.state.next_offset if point.dead_letters else 0
        restored.commit()
        return restored

    @property
    def restore_point(self) -> RestorePoint:
        """The restore point, to be committed with the partition's offset."""
        start = self.index.start(self.horizon_ms)
        skipped = self.skipped if self.skipped and self.skipped.before > start else None
        return RestorePoint(start, self.reach_ms, dead_letters=self.dead_letter_end > start, skipped=skipped)

    def start_index(self, reach_ms: int) -> None:
        """Start the time index again: it was for shorter windows."""
        self.index, self.reach_ms = TimeIndex(0), reach_ms

    def commit(self, *, written: bool = False) -> None:
        """Keep what was read since the last commit.

        Args:
            written: Whether the state with it is written to the state topic.
        """
        self.state.commit(written=written)
        self.index.commit(self.horizon_ms)

    def rollback(self) -> None:
        """Undo what was read since the last commit."""
        self.state.rollback()
        self.index.rollback()
