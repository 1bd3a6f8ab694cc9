"""Consumer lag, measured apart from the loop: it grows also while the loop commits nothing.

A thread asks the brokers every few seconds for the group's committed offsets and for the ends of the partitions that
are this process's. The end is the last stable offset: what a consumer at `read_committed` can read up to.

Offsets are no count of records: the markers of Kafka transactions and aborted records take offsets too. A partition
whose last record is committed and whose offsets end with markers would have a lag for ever; where the committed offset
stands still, a consumer looks whether any record is left.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.streaming.failures import reason
from services.streaming.handler import Partition
from services.streaming.metrics import PARTITION
from services.streaming.progress import LoopProgress

if TYPE_CHECKING:
    from concurrent.futures import Future

log = structlog.get_logger()

INTERVAL_SECONDS = 3.0
_TIMEOUT = 10.0


@dataclass(frozen=True)
class Position:
    """How far a group has come in a partition.

    Attributes:
        begin: Offset of the first message that is not committed.
        end: The last stable offset.
    """

    begin: int
    end: int


class LagMonitor(Collector):
    """Measures the lag of a process's partitions in a thread of its own, and is asked for it at each scrape.

    Args:
        make_admin: Makes the admin client.
        make_consumer: Makes a consumer that reports the ends of partitions; it never joins the group.
        group: Whose committed offsets count.
        progress: Says which partitions are this process's.
        namespace: What every metric's name begins with.
        stop: Ends the thread when set.
    """

    def __init__(
        self,
        make_admin: Callable[[], AdminClient],
        make_consumer: Callable[[], Consumer],
        *,
        group: str,
        progress: LoopProgress,
        namespace: str,
        stop: Event,
    ) -> None:
        self._make_admin = make_admin
        self._group = group
        self._progress = progress
        self._namespace = namespace
        self._stop = stop
        self._tails = _Tails(make_consumer)
        self._lock = Lock()
        self._lags: Mapping[Partition, int] = {}
        self._measured_at = math.nan

    def start(self) -> None:
        """Begin to measure."""
        Thread(target=self._run, name="lag", daemon=True).start()

    def collect(self) -> Iterable[Metric]:
        """Return the lag as it was last measured: one series for each partition that is assigned now."""
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
        admin: AdminClient | None = None
        failing = False
        while not self._stop.wait(INTERVAL_SECONDS if admin else 0.5):
            try:
                admin = admin or self._make_admin()
                self.measure(admin)
            except Exception as error:  # noqa: BLE001 - whatever it is, the loop must not suffer, and the next time may do
                if not failing:
                    log.warning("lag not measured", reason=reason(error))
                failing = True
            else:
                if failing:
                    log.info("lag measured again")
                failing = False
        self._tails.close()

    def measure(self, admin: AdminClient) -> None:
        """Measure once.

        Raises:
            KafkaException: The brokers don't answer, or refuse.
        """
        admin.poll(0)  # what it has to say about its connections would pile up
        partitions = self._progress.partitions()
        positions = self._positions(admin, partitions) if partitions else {}
        lags = {partition: self._tails.lag(partition, position) for partition, position in positions.items()}
        self._tails.keep(positions)
        with self._lock:
            self._lags, self._measured_at = lags, time.time()

    def _positions(self, admin: AdminClient, partitions: Iterable[Partition]) -> dict[Partition, Position]:
        wanted = [TopicPartition(topic, number) for topic, number in partitions]
        request = ConsumerGroupTopicPartitions(self._group, wanted)
        answer = admin.list_consumer_group_offsets([request], request_timeout=_TIMEOUT)[self._group]
        starts = _offsets(admin, wanted, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = _offsets(admin, wanted, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        committed = {(one.topic, one.partition): one.offset for one in answer.result().topic_partitions}
        # Without a committed offset, or where the messages after it are deleted, the group begins at the first one.
        return {
            partition: Position(max(committed.get(partition, -1), start), ends[partition])
            for partition, start in starts.items()
        }


class _Tails:
    """Says how many messages are left, where offsets alone would count markers and aborted records as well.

    Args:
        make_consumer: Makes a consumer that reports the ends of partitions; made when first needed.
    """

    def __init__(self, make_consumer: Callable[[], Consumer]) -> None:
        self._make_consumer = make_consumer
        self._consumer: Consumer | None = None
        self._begins: dict[Partition, int] = {}  # as of the last measurement
        self._occupied: dict[Partition, int] = {}  # begin of a partition that has a message after it
        self._empty: dict[Partition, Position] = {}  # a range without a message

    def lag(self, partition: Partition, position: Position) -> int:
        """Return the messages between a position's begin and end: their offsets, or 0 where there is no message.

        Raises:
            KafkaException: The brokers don't answer.
        """
        begin, end = position.begin, position.end
        stands_still = self._begins.get(partition) == begin
        self._begins[partition] = begin
        if end > begin and stands_still and self._occupied.get(partition) != begin:
            empty = self._empty.get(partition)
            checked = empty.end if empty and empty.begin == begin else begin
            if end > checked and self._has_message(partition, checked):
                self._occupied[partition] = begin
            else:
                self._empty[partition] = position
                return 0
        return max(0, end - begin)

    def keep(self, partitions: Iterable[Partition]) -> None:
        """Forget every other partition."""
        mine = set(partitions)
        for by_partition in (self._begins, self._occupied, self._empty):
            for partition in set(by_partition) - mine:
                by_partition.pop(partition)

    def close(self) -> None:
        """Close the consumer."""
        if self._consumer:
            with suppress(KafkaException, RuntimeError):
                self._consumer.close()
            self._consumer = None

    def _has_message(self, partition: Partition, begin: int) -> bool:
        """Return whether a committed message follows an offset, the one at it included."""
        if self._consumer is None:
            self._consumer = self._make_consumer()
        consumer = self._consumer
        consumer.assign([TopicPartition(*partition, begin)])
        deadline = time.monotonic() + _TIMEOUT
        try:
            while time.monotonic() < deadline:
                for message in consumer.consume(1, 0.5):
                    error = message.error()
                    if error is None:
                        return True
                    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                        return False
                    raise KafkaException(error)
        finally:
            consumer.unassign()
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"reading {partition[0]}-{partition[1]}"))  # noqa: SLF001


def _offsets(admin: AdminClient, partitions: Iterable[TopicPartition], spec: OffsetSpec) -> dict[Partition, int]:
    request = dict.fromkeys(partitions, spec)
    answers: Mapping[TopicPartition, Future[TopicPartition]] = admin.list_offsets(
        request, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_TIMEOUT
    )
    return {(where.topic, where.partition): answer.result().offset for where, answer in answers.items()}
