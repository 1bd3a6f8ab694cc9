"""Reads from the topics what a daily report is about."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import date, datetime

from confluent_kafka import Consumer, KafkaException, Message

from services.contracts import MessageRecords, Registry
from services.errors import PoisonError, Unavailable
from services.notifier.model import Report
from services.notifier.report.figures import Figures, verdicts_of
from services.notifier.schedule import DAY
from services.notifier.topics import NotifierRecords, NotifierTopics
from services.streaming.failures import raise_if_refused, reason
from services.streaming.offset_lookup import limits_of, offsets_at
from services.streaming.partition_reader import PartitionReader
from services.streaming.positions import Partition

SAMPLE = 1000
"""Messages of a partition that are read to tell how many of its offsets are messages."""


class Gatherer:
    """Gathers the figures of reports.

    Args:
        make_consumer: Makes a consumer with further properties, that joins no group.
        topics: The topics.
        records: Decodes records.
        registry: Knows the schema of decisions.
    """

    def __init__(
        self,
        make_consumer: Callable[..., Consumer],
        topics: NotifierTopics,
        records: NotifierRecords,
        registry: Registry,
    ) -> None:
        self._make_consumer = make_consumer
        self._topics = topics
        self._records = records
        self._registry = registry
        self._decisions = topics.decisions

    def gather(self, report: Report, day: str) -> Figures:
        """Return the figures of the 24 hours before a day's report.

        Args:
            report: Says at which time it is made.
            day: The day on which it is made, such as 2026-01-31.

        Raises:
            Unavailable: Brokers or registry do not answer.
        """
        until = end_of(report, day)
        figures = Figures(until - DAY, until, self._verdicts())
        for topic, name in zip(self._topics.counted, ("legit", "fraud"), strict=True):
            figures.transactions[name] = self._count(topic.name, figures.since, until)
        for message in self._between(self._topics.alerts.name, figures.since, until):
            try:
                figures.add_alert(self._records.alert(message), message.timestamp()[1] / 1000)
            except PoisonError:
                continue  # has an outcome of its own
        for message in self._between(self._topics.notifications.name, figures.since, until):
            figures.add_event(self._records.event(message))
        return figures

    def _verdicts(self) -> Mapping[str, str]:
        if self._decisions is None:
            return {}
        records = MessageRecords(self._registry, self._decisions.required_schema)
        messages = sorted(self._between(self._decisions.name, 0.0, None), key=lambda message: message.timestamp()[1])
        return verdicts_of(records.decode(message.value(), None) for message in messages)

    def _count(self, topic: str, since: float, until: float) -> int:
        """Return about how many messages a topic has of a time: some offsets are markers of transactions.

        A sample of each partition tells how many. Partitions with few messages are counted exactly.
        """
        count = 0
        for partition, (start, end) in self._ranges(topic, since, until).items():
            stop = min(end, start + SAMPLE)
            sample = sum(1 for _ in self._read({partition: (start, stop)}))
            count += round(sample * (end - start) / max(1, stop - start))
        return count

    def _between(self, topic: str, since: float, until: float | None) -> Iterator[Message]:
        return self._read(self._ranges(topic, since, until))

    def _ranges(self, topic: str, since: float, until: float | None) -> dict[Partition, tuple[int, int]]:
        try:
            with closing(self._make_consumer()) as consumer:
                limits = limits_of(consumer, topic)
                starts = offsets_at(consumer, limits, since)
                ends = {part: high for part, (_low, high) in limits.items()}
                if until is not None:
                    ends = offsets_at(consumer, limits, until)
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(f"the report can't be made: {topic}: {reason(error)}") from error
        return {part: (starts[part], ends[part]) for part in limits}

    def _read(self, ranges: Mapping[Partition, tuple[int, int]]) -> Iterator[Message]:
        with closing(PartitionReader(lambda: self._make_consumer(enable_partition_eof=True))) as reader:
            yield from reader.messages(ranges)


def end_of(report: Report, day: str) -> float:
    """Return the end of the 24 hours that a day's report is about, in seconds since the epoch."""
    return datetime.combine(date.fromisoformat(day), report.at.times[0], report.at.zone).timestamp()
