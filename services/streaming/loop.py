"""Consume, handle, produce: exactly once, one Kafka transaction per commit interval.

The loop owns the clients and the transaction; a handler owns what the messages mean. All that a handler writes, its
dead letters, and the offsets of what it read are committed together or not at all (KIP-98, KIP-447):

    consume ─▶ handler ─▶ sink ─▶ ... until the interval is over ─▶ offsets ─▶ commit
                  │                                                    │
                  └─ RetryableError, abortable error ─▶ abort ─▶ rewind to the committed offsets

What happens when something fails:

    the handler raises RetryableError     abort, rewind, wait with backoff, read the same messages again
    an abortable error (delivery failed,  abort, rewind, go on
      coordinator moved, group generation over)
    partitions are revoked                commit what is open before they go to somebody else
    partitions are lost                   abort: somebody else has them already
    a fatal error (fenced, timed out      new clients: the new producer's epoch fences the old one, and
      while paused)                         a new member joins the group; nothing of the old is committed
    nothing committed for `patience` s    give up with the last error, for the orchestrator to see
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from services.errors import NotAuthorised, RetryableError, Unavailable
from services.streaming.lifecycle import backoff
from services.streaming.metrics import LoopMetrics
from services.streaming.sink import Sink

log = structlog.get_logger()

# What a broker answers when waiting can't help; without these the loop would retry for nothing.
_NOT_AUTHORISED = {
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
    "SASL_AUTHENTICATION_FAILED",
}


class Handler(Protocol):
    """What the loop calls. State that a handler keeps must follow `committed` and `aborted`."""

    def handle(self, messages: Sequence[Message], sink: Sink) -> None:
        """Judges one batch and writes the results to the sink.

        Raises:
            RetryableError: the batch can't be handled now; it will be read again.
        """

    def committed(self) -> None:
        """Everything handled since the last call of `committed` or `aborted` is now committed."""

    def aborted(self) -> None:
        """Everything handled since then is undone and will be read again, by this process or another."""


@dataclass(frozen=True)
class LoopSettings:
    """How the loop paces itself.

    Attributes:
        topics: What it reads.
        dead_letter_topic: Where poison messages go.
        commit_interval: Seconds from a transaction's first message to its commit.
        batch_size: The most messages that a handler gets at once.
        patience: Seconds without a commit, while something keeps failing, before the loop gives up.
        stop_timeout: Seconds that the last commit may take when the loop is asked to stop.
    """

    topics: tuple[str, ...]
    dead_letter_topic: str
    commit_interval: float
    batch_size: int = 5000
    patience: float = 300
    stop_timeout: float = 5


class TransactionalLoop:
    """Runs a handler over topics, exactly once.

    Args:
        settings: How to pace.
        make_consumer: Makes a consumer of the group; called again after a fatal error.
        make_producer: Makes a producer with a transactional.id; called again after a fatal error.
        handler: What to do with the messages.
        metrics: Counts what happens.
        stop: Ends the loop after the open transaction when set.
    """

    def __init__(
        self,
        settings: LoopSettings,
        *,
        make_consumer: Callable[[], Consumer],
        make_producer: Callable[[], Producer],
        handler: Handler,
        metrics: LoopMetrics,
        stop: Event,
    ) -> None:
        self._settings = settings
        self._make_consumer = make_consumer
        self._make_producer = make_producer
        self._handler = handler
        self._metrics = metrics
        self._stop = stop
        self._last_progress = 0.0

    def run(self) -> None:
        """Runs until `stop` is set.

        Raises:
            RetryableError: nothing could be committed for `patience` seconds.
            NotAuthorised: the brokers refuse access.
        """
        self._last_progress = time.monotonic()
        failures = 0
        while not self._stop.is_set():
            session = _Session(self._settings, self._make_consumer(), self._make_producer(), self._handler,
                               self._metrics, self._stop, self._progress)  # fmt: skip
            try:
                session.run()
            except KafkaException as error:
                _raise_if_refused(error)
                self._check_patience(error)
                failures = failures + 1 if time.monotonic() - self._last_progress > 10 else 0
                self._metrics.restarts.inc()
                log.warning("making new Kafka clients", reason=_reason(error), failures=failures)
                self._stop.wait(backoff(failures))
            finally:
                session.close()

    def _progress(self, error: Exception | None) -> None:
        """Notes a commit (None), or that `error` stands in the way of one."""
        if error is None:
            self._last_progress = time.monotonic()
        else:
            self._check_patience(error)

    def _check_patience(self, error: Exception) -> None:
        waited = time.monotonic() - self._last_progress
        if waited <= self._settings.patience:
            return
        if isinstance(error, RetryableError):
            raise error
        raise Unavailable(f"nothing could be committed for {waited:.0f} s: {_reason(error)}") from error


class _Session:
    """One pair of clients, from subscribing to the first fatal error or the end."""

    def __init__(
        self,
        settings: LoopSettings,
        consumer: Consumer,
        producer: Producer,
        handler: Handler,
        metrics: LoopMetrics,
        stop: Event,
        progress: Callable[[Exception | None], None],
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._producer = producer
        self._handler = handler
        self._metrics = metrics
        self._stop = stop
        self._progress = progress
        self._sink = Sink(producer, settings.dead_letter_topic)
        self._opened_at: float | None = None  # when the open transaction began; None: none is open
        self._positions: list[TopicPartition] = []  # what the open transaction has read up to
        self._rebalanced = False
        self._failure: KafkaException | None = None  # raised inside a rebalance callback
        self._measured_lag_at = 0.0

    def run(self) -> None:
        self._producer.init_transactions(30)
        self._consumer.subscribe(
            list(self._settings.topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        failures = 0
        while not self._stop.is_set():
            try:
                self._step()
                failures = 0
            except RetryableError as error:
                self._abort(type(error).__name__)
                self._progress(error)
                pause = backoff(failures)
                failures += 1
                log.warning("waiting", reason=str(error), retry_in=pause)
                self._stop.wait(pause)
            except KafkaException as error:
                _raise_if_refused(error)
                if error.args[0].fatal():
                    raise
                self._abort(error.args[0].name())
                self._progress(error)
                log.warning("transaction aborted", reason=_reason(error))
        self._finish()

    def close(self) -> None:
        """Leaves the group; an open transaction is aborted by the broker when the next producer takes over."""
        self._opened_at = None
        self._handler.aborted()
        with suppress(KafkaException, RuntimeError):
            self._consumer.close()

    def _step(self) -> None:
        """Reads and handles one batch; commits when the interval is over."""
        now = time.monotonic()
        due = None if self._opened_at is None else self._opened_at + self._settings.commit_interval
        if due is not None and now >= due:
            self._commit()
            return
        # Several batches per transaction, so that producing overlaps with waiting for more.
        timeout = min(0.1, self._settings.commit_interval / 4, due - now if due else 0.1)
        messages = self._consumer.consume(self._settings.batch_size, timeout)
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure
        if messages and self._rebalanced:
            messages = self._still_ours(messages)
        self._rebalanced = False
        if messages:
            self._handle(messages)
        else:
            self._producer.poll(0)

    def _handle(self, messages: list[Message]) -> None:
        good = [message for message in messages if message.error() is None]
        if len(good) < len(messages):
            for message in messages:
                self._notice(message)
        started = time.monotonic()
        if self._opened_at is None:
            self._producer.begin_transaction()
            self._opened_at = started
        self._handler.handle(good, self._sink)
        self._positions = [position for position in self._consumer.position(self._consumer.assignment())
                           if position.offset >= 0]  # fmt: skip
        self._producer.poll(0)
        self._metrics.consumed.inc(len(good))
        self._metrics.batch_seconds.observe(time.monotonic() - started)

    def _commit(self, timeout: float = 30) -> None:
        if self._opened_at is None:
            return
        started = time.monotonic()
        deadline = started + timeout
        _retry(
            lambda left: self._producer.send_offsets_to_transaction(
                self._positions, self._consumer.consumer_group_metadata(), left
            ),
            deadline,
        )
        _retry(self._producer.commit_transaction, deadline)
        finished = time.monotonic()
        self._metrics.commit_seconds.observe(finished - started)
        self._metrics.transaction_seconds.observe(finished - self._opened_at)
        self._opened_at = None
        for error, count in self._sink.take_dead_letters().items():
            self._metrics.dead_letters.labels(error=error).inc(count)
        self._handler.committed()
        self._progress(None)
        self._measure_lag(finished)

    def _abort(self, reason: str) -> None:
        """Aborts the open transaction and goes back to the committed offsets."""
        if self._opened_at is not None:
            self._metrics.aborted.labels(reason=reason).inc()
            self._opened_at = None
            self._sink.take_dead_letters()
            self._handler.aborted()
            while True:
                try:
                    _retry(self._producer.abort_transaction, time.monotonic() + 5)
                    break
                except KafkaException as error:
                    if not error.args[0].retriable() or self._stop.is_set():
                        raise
                    self._progress(error)
                    log.warning("waiting to abort", reason=_reason(error))
        self._rewind()

    def _rewind(self) -> None:
        """Assigns the same partitions anew: librdkafka then starts from the committed offsets, once they are stable."""
        self._positions = []
        partitions = [TopicPartition(owned.topic, owned.partition) for owned in self._consumer.assignment()]
        if partitions:
            self._consumer.incremental_unassign(partitions)
            self._consumer.incremental_assign(partitions)

    def _finish(self) -> None:
        """Commits what is open; what can't be committed in time is left for the next process to read again."""
        try:
            self._commit(self._settings.stop_timeout)
        except KafkaException as error:
            log.warning("the last transaction was not committed and will be done again", reason=_reason(error))
            with suppress(KafkaException):
                self._producer.abort_transaction(self._settings.stop_timeout / 2)

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._rebalanced = True
        self._note_rebalance("assigned", partitions)

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._rebalanced = True
        self._note_rebalance("revoked", partitions)
        try:
            self._commit()
        except KafkaException as error:
            self._failure = error

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._rebalanced = True
        self._note_rebalance("lost", partitions)
        if self._opened_at is not None:
            # The group has given these partitions to others: what this transaction read of them is not ours any more.
            self._failure = _LostPartitions()

    def _note_rebalance(self, change: str, partitions: list[TopicPartition]) -> None:
        self._metrics.rebalances.labels(change=change).inc()
        names = [f"{partition.topic}-{partition.partition}" for partition in partitions]
        log.info("partitions " + change, partitions=names)
        if change != "assigned":
            for partition in partitions:
                with suppress(KeyError):
                    self._metrics.lag.remove(partition.topic, str(partition.partition))

    def _still_ours(self, messages: list[Message]) -> list[Message]:
        """Leaves out what a batch holds of partitions that were revoked while it was being read."""
        owned = {(partition.topic, partition.partition) for partition in self._consumer.assignment()}
        return [message for message in messages if message.error() or (message.topic(), message.partition()) in owned]

    def _notice(self, message: Message) -> None:
        """An error event among the messages: fatal ones end the session, others are librdkafka's to recover from."""
        error = message.error()
        if error is None:
            return
        failure = KafkaException(error)
        _raise_if_refused(failure)
        if error.fatal():
            raise failure
        log.warning("consumer", reason=error.str(), topic=message.topic(), partition=message.partition())

    def _measure_lag(self, now: float) -> None:
        if now - self._measured_lag_at < 1:
            return
        self._measured_lag_at = now
        for position in self._positions:
            _low, high = self._consumer.get_watermark_offsets(position, cached=True)
            labels = self._metrics.lag.labels(topic=position.topic, partition=str(position.partition))
            labels.set(max(0, high - position.offset))


class _LostPartitions(KafkaException):
    """Raised by the loop itself, shaped like librdkafka's own abortable errors."""

    def __init__(self) -> None:
        super().__init__(KafkaError(KafkaError._ASSIGNMENT_LOST, "the group gave the partitions to others"))  # noqa: SLF001


def _retry(call: Callable[[float], object], deadline: float) -> None:
    """Repeats a transactional call for as long as librdkafka says that repeating it is right, until the deadline."""
    while True:
        try:
            call(max(0.1, deadline - time.monotonic()))
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() >= deadline:
                raise
        else:
            return


def _raise_if_refused(error: KafkaException) -> None:
    if error.args[0].name() in _NOT_AUTHORISED:
        raise NotAuthorised(f"the broker refuses access: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, KafkaException):
        return f"{error.args[0].name()}: {error.args[0].str()}"
    return str(error)
