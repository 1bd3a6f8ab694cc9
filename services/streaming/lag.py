"""Measurement of consumer lag in a thread apart from the loop: lag grows also while the loop commits nothing.

The thread fetches the group's committed offsets and the end offsets of the assigned partitions every few seconds. The
end is the last stable offset, the limit of a consumer at `read_committed`.

Offsets are no count of records: transaction markers and aborted records take offsets too. A partition whose last record
is committed and whose log ends with markers would have a lag for ever. Where the committed offset stands still, a
consumer checks whether any record follows it.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread

import structlog
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.streaming.failures import reason
from services.streaming.metrics import PARTITION
from services.streaming.positions import Partition
from services.streaming.progress import LoopProgress
from services.streaming.record_lookup import first_record

log = structlog.get_logger()

INTERVAL_SECONDS = 3.0
_TIMEOUT = 10.0


@dataclass(frozen=True)
class UncommittedRange:
    """Offsets of a partition that a group has not committed.

    Attributes:
        start: Offset of the first message that is not committed.
        end: The last stable offset.
    """

    start: int
    end: int


class LagMonitor(Collector):
    """Collector that measures the lag of the assigned partitions in a thread, and exports it at each scrape.

    It uses consumers that never join the group. Some requests of an admin client end the whole process when a broker
    goes away meanwhile (an assertion: librdkafka issues 3663 and 4605).

    Args:
        make_consumer: Makes a consumer with the group's id and further properties.
        progress: Knows the assigned partitions.
        namespace: Prefix of the metrics.
        stop: Ends the thread when set.
    """

    def __init__(
        self, make_consumer: Callable[..., Consumer], *, progress: LoopProgress, namespace: str, stop: Event
    ) -> None:
        self._make_consumer = make_consumer
        self._progress = progress
        self._namespace = namespace
        self._stop = stop
        self._consumers: tuple[Consumer, Consumer] | None = None
        self._tails = _Tails()
        self._lock = Lock()
        self._lags: Mapping[Partition, int] = {}
        self._measured_at = math.nan

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._run, name="lag", daemon=True).start()

    def collect(self) -> Iterable[Metric]:
        """Return the last measured lag: a series for each partition that is assigned now."""
        with self._lock:
            lags, measured_at = self._lags, self._measured_at
        family = GaugeMetricFamily(
            f"{self._namespace}_consumer_lag_messages",
            "Messages that can be read and whose offsets are not committed yet; NaN: not measured yet.",
            labels=PARTITION,
        )
        for topic, number in self._progress.partitions():
            family.add_metric((topic, str(number)), lags.get((topic, number), math.nan))
        measured = GaugeMetricFamily(
            f"{self._namespace}_consumer_lag_measured_timestamp_seconds",
            "When the lag was last measured, in seconds since the epoch; NaN: not yet. Older: the brokers are away.",
            value=measured_at,
        )
        return family, measured

    def _run(self) -> None:
        failing = False
        while not self._stop.wait(INTERVAL_SECONDS if self._consumers else 0.5):
            try:
                self.measure()
            except Exception as error:  # noqa: BLE001 - no error of the measurement may end the thread
                if not failing:
                    log.warning("lag not measured", reason=reason(error))
                failing = True
            else:
                if failing:
                    log.info("lag measured again")
                failing = False
        for consumer in self._consumers or ():
            with suppress(KafkaException, RuntimeError):
                consumer.close()

    def measure(self) -> None:
        """Measure once.

        Raises:
            KafkaException: A broker refuses, or does not answer.
            Unavailable: A broker does not answer.
        """
        if self._consumers is None:
            # At read_committed the request would wait for open transactions that commit offsets.
            group = self._make_consumer(isolation_level="read_uncommitted")
            self._consumers = group, self._make_consumer(enable_partition_eof=True, queued_min_messages=1)
        group, reader = self._consumers
        for consumer in self._consumers:
            consumer.poll(0)  # serves their queued error events
        partitions = self._progress.partitions()
        ranges = _uncommitted(group, reader, partitions) if partitions else {}
        lags = {partition: self._tails.lag(reader, partition, pending) for partition, pending in ranges.items()}
        self._tails.retain(ranges)
        with self._lock:
            self._lags, self._measured_at = lags, time.time()


class _Tails:
    """Detection of partitions without an uncommitted message, whose offsets end with markers or aborted records."""

    def __init__(self) -> None:
        self._starts: dict[Partition, int] = {}  # as of the last measurement
        self._occupied: dict[Partition, int] = {}  # start of a range that has a message
        self._empty: dict[Partition, UncommittedRange] = {}  # a range without a message

    def lag(self, reader: Consumer, partition: Partition, pending: UncommittedRange) -> int:
        """Return the lag of a partition: the number of uncommitted offsets, or 0 where no message has one of them.

        Args:
            reader: A consumer that reports the ends of partitions.
            partition: The partition.
            pending: Its uncommitted offsets.

        Raises:
            KafkaException: A broker refuses.
            Unavailable: A broker does not answer.
        """
        start, end = pending.start, pending.end
        stands_still = self._starts.get(partition) == start
        self._starts[partition] = start
        if end > start and stands_still and self._occupied.get(partition) != start:
            empty = self._empty.get(partition)
            checked = empty.end if empty and empty.start == start else start
            if end > checked and first_record(reader, partition, checked, _TIMEOUT):
                self._occupied[partition] = start
            else:
                self._empty[partition] = pending
                return 0
        return max(0, end - start)

    def retain(self, partitions: Iterable[Partition]) -> None:
        """Remove the state of all other partitions."""
        retained = set(partitions)
        for by_partition in (self._starts, self._occupied, self._empty):
            for partition in set(by_partition) - retained:
                by_partition.pop(partition)


def _uncommitted(
    group: Consumer, reader: Consumer, partitions: Iterable[Partition]
) -> dict[Partition, UncommittedRange]:
    """Fetch the uncommitted offsets of partitions.

    Raises:
        KafkaException: A broker refuses, or does not answer.
    """
    committed = _offsets(group.committed([TopicPartition(*partition) for partition in partitions], _TIMEOUT))
    starts, ends = (
        # In place of a time a logical offset resolves to the actual one.
        _offsets(reader.offsets_for_times([TopicPartition(*partition, logical) for partition in committed], _TIMEOUT))
        for logical in (OFFSET_BEGINNING, OFFSET_END)
    )
    # Without a committed offset, or where the messages after it are deleted, the group starts at the first offset.
    return {
        partition: UncommittedRange(max(offset, starts[partition]), ends[partition])
        for partition, offset in committed.items()
    }


def _offsets(answers: Iterable[TopicPartition]) -> dict[Partition, int]:
    offsets = {}
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
        offsets[answer.topic, answer.partition] = answer.offset
    return offsets
