"""The loop of the projection: reads alerts and decisions, and writes them with their offsets in one transaction."""

from collections.abc import Callable, Sequence
from threading import Condition, Event, Thread

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from services.console.decoding import RecordReader, read_alert, read_decision
from services.console.projection.alert_rows import CaseOptions, apply_alerts
from services.console.projection.decision_rows import apply_decisions
from services.console.projection.topic_offsets import Overtaken, Partition, advance, read_offsets
from services.console.records import Alert, Decision, Position
from services.console.storage.database import writing
from services.errors import ContractError, PoisonError, RetryableError
from services.streaming.failures import raise_if_refused
from services.streaming.lifecycle import backoff
from services.streaming.progress import Progress

log = structlog.get_logger()

BATCH = 500
"""Records of a database transaction. SQLite takes 32,766 parameters of a statement, an alert has 19."""

_WAIT_SECONDS = 0.1


class Projector:
    """Projection of the topics of alerts and decisions into the database, in a thread of its own.

    Args:
        engine: The database.
        make_consumer: Makes a consumer without a group that reads committed records.
        topics: The topic of alerts, and that of decisions.
        readers: Decodes the records of each.
        options: Settings of cases.
        progress: Progress of the service.
        stop: Ends the loop when set.
        on_alerts: Called with the new alerts of a batch before they are written, such as to find their contributors.
    """

    def __init__(
        self,
        engine: Engine,
        make_consumer: Callable[[], Consumer],
        topics: tuple[str, str],
        readers: tuple[RecordReader, RecordReader],
        *,
        options: CaseOptions,
        progress: Progress,
        stop: Event,
        on_alerts: Callable[[Sequence[Alert]], None] = lambda _alerts: None,
    ) -> None:
        self._engine = writing(engine)
        self._make_consumer = make_consumer
        self._alerts, self._decisions = topics
        self._readers = readers
        self._options = options
        self._progress = progress
        self._stop = stop
        self._on_alerts = on_alerts
        self._offsets: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}
        self._changed = Condition()
        self._version = 0
        self.skipped = 0

    @property
    def version(self) -> int:
        """A number that grows with each projected batch."""
        return self._version

    def position(self, partition: Partition) -> int:
        """Return the offset up to which a partition is projected; markers of transactions are no records."""
        return max(self._offsets.get(partition, 0), self._ends.get(partition, 0))

    def start(self) -> None:
        """Start the loop in its thread."""
        Thread(target=self._run, name="projector", daemon=True).start()

    def await_decision(self, position: Position, timeout: float) -> bool:
        """Wait until a decision is projected; return whether it is."""
        partition = self._decisions, position.partition
        with self._changed:
            return self._changed.wait_for(lambda: self._offsets.get(partition, 0) > position.offset, timeout)

    def _run(self) -> None:
        attempt = 0
        while not self._stop.is_set():
            consumer = self._make_consumer()
            try:
                self._follow(consumer)
                attempt = 0
            except (Overtaken, DBAPIError, KafkaException, RetryableError) as error:
                if not isinstance(error, Overtaken):
                    log.warning("projection interrupted", reason=str(error).splitlines()[0])
                    self._progress.waiting(f"projection: {str(error).splitlines()[0]}")
                    self._stop.wait(backoff(attempt))
                    attempt += 1
            finally:
                consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        """Project from the offsets in the database on, until a stop or a failure."""
        with self._engine.connect() as connection:
            self._set_offsets(read_offsets(connection))
        partitions = [
            TopicPartition(topic, number, self._offsets.get((topic, number), 0))
            for topic in (self._alerts, self._decisions)
            for number in sorted(_partitions(consumer, topic))
        ]
        consumer.assign(partitions)
        while not self._stop.is_set():
            self._progress.step()
            messages, ends = _good(consumer.consume(BATCH, _WAIT_SECONDS))
            if messages:
                self._project(messages)
            self._ends |= ends
            self._progress.waiting(None)

    def _project(self, messages: Sequence[Message]) -> None:
        alerts: list[Alert] = []
        decisions: list[Decision] = []
        after: dict[Partition, int] = {}
        for message in messages:
            topic = str(message.topic())
            after[topic, int(message.partition() or 0)] = int(message.offset() or 0) + 1
            try:
                if topic == self._alerts:
                    alerts.append(read_alert(self._readers[0], message, self._options.scale))
                else:
                    decisions.append(read_decision(self._readers[1], message))
            except (PoisonError, ContractError) as error:
                self._skip(message, error)
        with self._engine.begin() as connection:
            # First the offsets: where two consoles project the same, the second one waits here and then gives way.
            advance(connection, self._offsets, after)
            apply_alerts(connection, alerts, self._options)
            apply_decisions(connection, decisions, self._options)
        self._set_offsets(self._offsets | after)
        if alerts:
            self._on_alerts(alerts)

    def _skip(self, message: Message, error: Exception) -> None:
        self.skipped += 1
        where = f"{message.topic()}-{message.partition()} offset {message.offset()}"
        log.error("record skipped", record=where, reason=str(error))
        self._progress.degraded(
            "skipped-records", f"{self.skipped} records can't be read, the last is {where}: {error}"
        )

    def _set_offsets(self, offsets: dict[Partition, int]) -> None:
        with self._changed:
            self._offsets = offsets
            self._version += 1
            self._changed.notify_all()


def _partitions(consumer: Consumer, topic: str) -> Sequence[int]:
    metadata = consumer.list_topics(topic, 10).topics[topic]
    if metadata.error is not None:
        raise KafkaException(metadata.error)
    return list(metadata.partitions)


def _good(messages: Sequence[Message]) -> tuple[list[Message], dict[Partition, int]]:
    """Return the messages, and the offset of each partition whose end they reach.

    Other errors of the client are left out: it recovers from them by itself.

    Raises:
        NotAuthorised: The brokers refuse access.
        KafkaException: The client can't go on.
    """
    good, ends = [], {}
    for message in messages:
        error: KafkaError | None = message.error()
        if error is None:
            good.append(message)
            continue
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            ends[str(message.topic()), int(message.partition() or 0)] = int(message.offset() or 0)
            continue
        raise_if_refused(KafkaException(error))
        if error.fatal():
            raise KafkaException(error)
    return good, ends
