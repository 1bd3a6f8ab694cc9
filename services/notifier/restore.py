"""Restore: the state of a notifier is made from the topics.

1. silences: all of the topic
2. events of notifications: from the time of the oldest alert without an outcome, or so far back as groups stay open
3. alerts: from the committed offsets; older ones that suppress others are only observed
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import structlog
from confluent_kafka import Consumer, KafkaException, Message

from services.errors import PoisonError, Unavailable
from services.notifier.dispatcher import Dispatcher
from services.notifier.topics import NotifierRecords
from services.streaming.failures import raise_if_refused, reason
from services.streaming.offset_lookup import limits_of, offsets_at
from services.streaming.partition_reader import PartitionReader
from services.streaming.positions import Partition
from services.streaming.start_offsets import StartFrom

log = structlog.get_logger()

SKEW_SECONDS = 600.0
"""By how much the clocks of detectors, notifiers and brokers may differ."""


@dataclass(frozen=True)
class Restored:
    """The result of a restore.

    Attributes:
        positions: Where to go on reading, of alerts and silences.
        committed: Offsets that are committed; without partitions that have none.
    """

    positions: Mapping[Partition, int]
    committed: Mapping[Partition, int]


class Restorer:
    """Restores a dispatcher.

    Args:
        make_consumer: Makes a consumer with the group's id and further properties, that does not join.
        records: Decodes records.
        alerts: Name of the topic of alerts.
        notifications: Name of the topic of notifications.
        silences: Name of the topic of silences.
        start: Where a group without committed offsets begins.
    """

    def __init__(
        self,
        make_consumer: Callable[..., Consumer],
        records: NotifierRecords,
        *,
        alerts: str,
        notifications: str,
        silences: str,
        start: Callable[[], StartFrom],
    ) -> None:
        self._make_consumer = make_consumer
        self._records = records
        self._alerts = alerts
        self._notifications = notifications
        self._silences = silences
        self._start = start

    def restore(self, dispatcher: Dispatcher, now: float) -> Restored:
        """Bring a new dispatcher to the state that the topics say; `Dispatcher.restored` is still to be called.

        Raises:
            Unavailable: Brokers or registry do not answer.
            NotAuthorised: They refuse.
        """
        try:
            with closing(self._make_consumer()) as consumer:
                ends = {
                    topic: limits_of(consumer, topic) for topic in (self._alerts, self._notifications, self._silences)
                }
                alerts = ends[self._alerts]
                committed = self._committed(list(alerts))
                starts = self._starts(consumer, alerts, committed)
                since = min(self._oldest(starts, alerts), now - dispatcher.notifications.memory) - SKEW_SECONDS
                events = offsets_at(consumer, ends[self._notifications], since)
                observed = offsets_at(consumer, alerts, now - dispatcher.notifications.memory)
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(f"the state can't be restored: {reason(error)}") from error
        count = 0
        for message in self._read({part: (low, high) for part, (low, high) in ends[self._silences].items()}):
            dispatcher.silences.put(self._records.silence(message))
        for message in self._read(
            {part: (events[part], high) for part, (_low, high) in ends[self._notifications].items()}
        ):
            dispatcher.restore(self._records.event(message))
            count += 1
        dispatcher.offsets.start(starts)
        ranges = {part: (min(starts[part], observed[part]), high) for part, (_low, high) in alerts.items()}
        for message in self._read(ranges):
            take(dispatcher, self._records, message, starts)
        log.info("restored", events=count, unsettled_alerts=dispatcher.unsettled, notifications=len(dispatcher.outbox),
                 groups=len(dispatcher.groups))  # fmt: skip
        positions = {part: high for part, (_low, high) in (alerts | ends[self._silences]).items()}
        # A group that has committed offsets goes on from there, a new one from its start.
        return Restored({part: max(offset, starts.get(part, 0)) for part, offset in positions.items()}, committed)

    def _committed(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        reader = PartitionReader(self._make_consumer)
        with closing(reader):
            committed = reader.committed(partitions)
        return {part: entry.offset for part, entry in committed.items() if entry.offset is not None}

    def _starts(
        self, consumer: Consumer, alerts: Mapping[Partition, tuple[int, int]], committed: Mapping[Partition, int]
    ) -> dict[Partition, int]:
        """Return the first offset that matters of each partition of alerts."""
        new = {part: limits for part, limits in alerts.items() if part not in committed}
        since_ms = self._start().since_ms
        if since_ms is None:
            first = {part: high for part, (_low, high) in new.items()}
        else:
            first = (
                offsets_at(consumer, new, since_ms / 1000)
                if since_ms
                else {part: low for part, (low, _) in new.items()}
            )
        for part, (low, _high) in alerts.items():
            if committed.get(part, low) < low:
                log.error("alerts were deleted by retention before anybody was told", partition=f"{part[0]}-{part[1]}",
                          committed=committed[part], first=low)  # fmt: skip
        return first | {part: max(offset, alerts[part][0]) for part, offset in committed.items()}

    def _oldest(self, starts: Mapping[Partition, int], alerts: Mapping[Partition, tuple[int, int]]) -> float:
        """Return the time of the oldest alert from the starts on; infinity where there is none."""
        ranges = {part: (start, min(start + 1, alerts[part][1])) for part, start in starts.items()}
        times = [message.timestamp()[1] / 1000 for message in self._read(ranges)]
        return min(times, default=float("inf"))

    def _read(self, ranges: Mapping[Partition, tuple[int, int]]) -> Iterator[Message]:
        """Yield the messages of offset ranges, each partition's in order."""
        with closing(PartitionReader(lambda: self._make_consumer(enable_partition_eof=True))) as reader:
            yield from reader.messages(ranges)


def take(dispatcher: Dispatcher, records: NotifierRecords, message: Message, starts: Mapping[Partition, int]) -> None:
    """Hand the alert in a message to a dispatcher.

    Args:
        dispatcher: Takes it.
        records: Decodes it.
        message: The message.
        starts: The first offset of each partition whose alerts have no outcome; older ones are only observed.
    """
    partition, offset = (message.topic() or "", int(message.partition() or 0)), int(message.offset() or 0)
    at = message.timestamp()[1] / 1000
    try:
        alert = records.alert(message)
    except PoisonError as error:
        if offset >= starts.get(partition, 0):
            dispatcher.unreadable(partition, offset, str(error), at)
        return
    if offset >= starts.get(partition, 0):
        dispatcher.receive(alert, partition, offset, at)
    else:
        dispatcher.inhibitions.observe(alert, at)
