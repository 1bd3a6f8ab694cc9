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

import structlog
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.streaming.failures import reason
from services.streaming.metrics import PARTITION
from services.streaming.positions import Partition
from services.streaming.progress import LoopProgress

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

    It asks by consumers that never join the group. An admin client would need fewer of them, but some of its requests
    end the whole process when a broker goes away meanwhile (an assertion: librdkafka issues 3663 and 4605).

    Args:
        make_consumer: Makes a consumer with the group's id, with these properties besides.
        progress: Says which partitions are this process's.
        namespace: What every metric's name begins with.
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
        failing = False
        while not self._stop.wait(INTERVAL_SECONDS if self._consumers else 0.5):
            try:
                self.measure()
            except Exception as error:  # noqa: BLE001 - whatever it is, the loop must not suffer, and the next time may do
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
            KafkaException: The brokers don't answer, or refuse.
        """
        if self._consumers is None:
            # Stable offsets would be waited for while a transaction is open that has some.
            group = self._make_consumer(isolation_level="read_uncommitted")
            self._consumers = group, self._make_consumer(enable_partition_eof=True, queued_min_messages=1)
        group, reader = self._consumers
        for consumer in self._consumers:
            consumer.poll(0)  # what they have to say about their connections would pile up
        partitions = self._progress.partitions()
        positions = _positions(group, reader, partitions) if partitions else {}
        lags = {partition: self._tails.lag(reader, partition, position) for partition, position in positions.items()}
        self._tails.keep(positions)
        with self._lock:
            self._lags, self._measured_at = lags, time.time()


class _Tails:
    """Says how many messages are left, where offsets alone would count markers and aborted records as well."""

    def __init__(self) -> None:
        self._begins: dict[Partition, int] = {}  # as of the last measurement
        self._occupied: dict[Partition, int] = {}  # begin of a partition that has a message after it
        self._empty: dict[Partition, Position] = {}  # a range without a message

    def lag(self, reader: Consumer, partition: Partition, position: Position) -> int:
        """Return the messages between a position's begin and end: their offsets, or 0 where there is no message.

        Args:
            reader: A consumer that reports the ends of partitions.
            partition: Which.
            position: How far the group has come in it.

        Raises:
            KafkaException: The brokers don't answer.
        """
        begin, end = position.begin, position.end
        stands_still = self._begins.get(partition) == begin
        self._begins[partition] = begin
        if end > begin and stands_still and self._occupied.get(partition) != begin:
            empty = self._empty.get(partition)
            checked = empty.end if empty and empty.begin == begin else begin
            if end > checked and _has_message(reader, partition, checked):
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


def _positions(group: Consumer, reader: Consumer, partitions: Iterable[Partition]) -> dict[Partition, Position]:
    """Ask how far a group has come.

    Raises:
        KafkaException: The brokers don't answer, or refuse.
    """
    asked = [TopicPartition(*partition) for partition in partitions]
    committed = _offsets(group.committed(asked, _TIMEOUT))
    starts, ends = (
        # A logical offset in place of a time is answered with the offset that it stands for.
        _offsets(reader.offsets_for_times([TopicPartition(*partition, where) for partition in committed], _TIMEOUT))
        for where in (OFFSET_BEGINNING, OFFSET_END)
    )
    # Without a committed offset, or where the messages after it are deleted, the group begins at the first one.
    return {
        partition: Position(max(offset, starts[partition]), ends[partition]) for partition, offset in committed.items()
    }


def _offsets(answers: Iterable[TopicPartition]) -> dict[Partition, int]:
    offsets = {}
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
        offsets[answer.topic, answer.partition] = answer.offset
    return offsets


def _has_message(reader: Consumer, partition: Partition, begin: int) -> bool:
    """Return whether a committed message follows an offset, the one at it included.

    Raises:
        KafkaException: The brokers don't answer.
    """
    reader.assign([TopicPartition(*partition, begin)])
    deadline = time.monotonic() + _TIMEOUT
    try:
        while time.monotonic() < deadline:
            for message in reader.consume(1, 0.5):
                error = message.error()
                if error is None:
                    return True
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    return False
                raise KafkaException(error)
    finally:
        reader.unassign()
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"reading {partition[0]}-{partition[1]}"))  # noqa: SLF001
