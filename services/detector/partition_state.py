"""What is kept of one partition: its windows, and from where they can be restored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from services.detector.time_index import TimeIndex
from services.rules.model import EVENT_TIME, Aggregation, Rule
from services.rules.windows import WindowState
from services.streaming.restore_point import RestorePoint, Skipped


@dataclass(frozen=True)
class StateRequirements:
    """What the rules need of a topic.

    Attributes:
        figures: What is taken over windows; nothing is kept where there are none.
        fields: What has to be decoded for them.
        reach_ms: The longest window and the allowed lateness.
    """

    aggregations: tuple[Aggregation, ...]
    fields: tuple[str, ...]
    reach_ms: int


def requirements_of(rules: Iterable[Rule], lateness_ms: int) -> StateRequirements:
    """What some rules need of their stage's topic."""
    rules = tuple(rules)
    aggregations = tuple(aggregation for rule in rules for aggregation in rule.aggregations)
    fields = {EVENT_TIME} | {field for rule in rules if rule.aggregations for field in rule.fields}
    longest = max((aggregation.window.over_ms for aggregation in aggregations), default=0)
    return StateRequirements(aggregations, tuple(sorted(fields)), longest + lateness_ms)


def bounded_event_times(event_times: NDArray[np.int64], messages: Sequence[Message]) -> NDArray[np.int64]:
    """The event time of each message, but no later than its record's timestamp, in milliseconds since the epoch.

    Windows forget by it: one transaction dated years ahead must not empty the windows of every key. The input topic's
    timestamps are its brokers' (`message.timestamp.type=LogAppendTime`), so that no producer can date a record ahead.
    """
    written = np.array([message.timestamp()[1] for message in messages], np.int64)
    return np.where(written > 0, np.minimum(event_times, written), event_times)


class PartitionState:
    """One partition's windows.

    Args:
        state: The windows.
        offset: The first offset that will be noted.
        reach_ms: How long the longest window is, lateness included.
        skipped: What of the partition is left out when it is restored.
    """

    def __init__(self, state: WindowState, offset: int, reach_ms: int, skipped: Skipped | None = None) -> None:
        self.state = state
        self.index = TimeIndex(offset)
        self.reach_ms = reach_ms
        self.skipped = skipped
        self.dead_letter_end = 0  # the offset after the last record that went to the dead-letter topic

    @property
    def horizon_ms(self) -> int:
        """Event time up to which nothing is needed any more."""
        return (self.state.watermark_ms or 0) - self.reach_ms

    @property
    def restore_point(self) -> RestorePoint:
        """What to commit with the partition's offset."""
        start = self.index.start(self.horizon_ms)
        skipped = self.skipped if self.skipped and self.skipped.before > start else None
        return RestorePoint(start, self.reach_ms, dead_letters=self.dead_letter_end > start, skipped=skipped)

    def start_index(self, reach_ms: int) -> None:
        """Begin the time index anew: what it knew was for shorter windows."""
        self.index, self.reach_ms = TimeIndex(0), reach_ms

    def commit(self) -> None:
        """What was read since the last commit stands."""
        self.state.commit()
        self.index.commit(self.horizon_ms)

    def rollback(self) -> None:
        """What was read since the last commit is undone."""
        self.state.rollback()
        self.index.rollback()
