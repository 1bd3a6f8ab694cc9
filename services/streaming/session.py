"""One life of the loop's Kafka clients: subscribe, consume, commit, abort and rewind, leave."""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event

import structlog
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from services.errors import RetryableError
from services.streaming.failures import (
    Patience,
    Stuck,
    bounded,
    is_fatal,
    raise_if_refused,
    reason,
    retry,
)
from services.streaming.handler import Handler, LoopSettings
from services.streaming.membership import Membership
from services.streaming.metrics import LoopMetrics
from services.streaming.sink import Sink

log = structlog.get_logger()

COMMIT_SECONDS = 15  # how long a commit may take: by then the broker has given the transaction up itself
LATE_SECONDS = 7  # past its time-out; a broker that is silent for that long is about to be declared dead as well
IDLE_SECONDS = 0.1  # how long to wait for a first message before looking after everything else


class Session:
    """One pair of clients, from subscribing to the first fatal error or the end.

    Args:
        settings: How to pace.
        consumer: Not yet subscribed.
        producer: Its transactions not yet initialised.
        handler: What to do with the messages.
        metrics: Counts what happens.
        patience: Says how long to wait after a failure, and when to give up.
        stop: Ends the session after the open transaction when set.
    """

    def __init__(
        self,
        settings: LoopSettings,
        *,
        consumer: Consumer,
        producer: Producer,
        handler: Handler,
        metrics: LoopMetrics,
        patience: Patience,
        stop: Event,
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._producer = producer
        self._handler = handler
        self._metrics = metrics
        self._stop = stop
        self._patience = patience
        self._sink = Sink(producer, settings.dead_letter_topic)
        self._opened_at: float | None = None  # when the open transaction began; None: none is open
        self._due = 0.0  # when to commit it
        self._committed_at = 0.0  # when the last commit began
        self._positions: list[TopicPartition] = []  # what the open transaction has read up to
        self._membership = Membership(consumer, handler, metrics, commit=self._commit, is_open=self._is_open)
        self._stop_noticed_at: float | None = None
        self._reachable = True

    def run(self) -> None:
        """Runs until the stop event is set.

        Raises:
            KafkaException: the clients are of no use any more; make new ones.
            RetryableError: patience has run out.
            NotAuthorised: the brokers refuse access.
        """
        self._producer.init_transactions(30)
        self._membership.join(self._settings.topics)
        while not self._stop.is_set():
            try:
                self._step()
            except RetryableError as error:
                self._abort(type(error).__name__)
                self._wait(error, "waiting")
            except KafkaException as error:
                raise_if_refused(error)
                if is_fatal(error):
                    raise
                self._abort(error.args[0].name())
                self._wait(error, "transaction aborted")
        self._finish()

    def close(self) -> None:
        """Leaves the group; an open transaction is aborted by the broker when the next producer takes over."""
        self._opened_at = None
        self._handler.aborted()
        self._membership.end()
        if not self._reachable:
            return  # there is nobody to take leave of, and trying would take longer than a stop may
        with suppress(KafkaException, RuntimeError):
            self._consumer.close()

    def _step(self) -> None:
        """Reads and handles one batch, or commits."""
        if self._opened_at is not None and time.monotonic() >= self._due:
            self._commit()
            return
        messages = self._membership.ours(self._read())
        if not self._handler.ready():
            self._commit()
            self._handler.prepare()
        if messages and not self._stop.is_set():
            self._handle(messages)
        else:
            self._producer.poll(0)

    def _read(self) -> list[Message]:
        """The next batch, empty if none comes in time."""
        size = self._settings.batch_size
        if self._opened_at is None:
            # Nobody waits for a commit: the first message that comes ends the waiting.
            first = self._consumer.consume(1, IDLE_SECONDS)
            return first + self._consumer.consume(size - 1, 0) if first else first
        # Several batches per transaction, so that producing overlaps with waiting for more.
        left = self._due - time.monotonic()
        return self._consumer.consume(size, max(0.0, min(left, self._settings.commit_interval / 4)))

    def _handle(self, messages: list[Message]) -> None:
        good = [message for message in messages if message.error() is None]
        if len(good) < len(messages):
            for message in messages:
                self._notice(message)
            if not good:
                return
        started = time.monotonic()
        if self._opened_at is None:
            self._producer.begin_transaction()
            self._opened_at = started
            # At most one commit per interval: after a pause the first message is committed at once.
            backlog = len(messages) >= self._settings.batch_size
            interval = self._settings.commit_interval / (1 if backlog else self._settings.hops)
            self._due = max(started, self._committed_at + interval)
        self._handler.handle(good, self._sink)
        self._positions = [position for position in self._consumer.position(self._consumer.assignment())
                           if position.offset >= 0]  # fmt: skip
        self._producer.poll(0)
        self._metrics.consumed.inc(len(good))
        self._metrics.batch_seconds.observe(time.monotonic() - started)

    def _is_open(self) -> bool:
        return self._opened_at is not None

    def _commit(self) -> None:
        if self._opened_at is None:
            return
        started = self._committed_at = time.monotonic()
        deadline = self._deadline(COMMIT_SECONDS)
        try:
            # Asked in this thread: inside a rebalance callback, a consumer makes every other thread wait for its end.
            group = self._consumer.consumer_group_metadata()
            offsets = [self._with_bookmark(position) for position in self._positions]

            def send(timeout: float) -> None:
                late = time.monotonic() + timeout + LATE_SECONDS
                bounded(
                    lambda: self._producer.send_offsets_to_transaction(offsets, group, timeout),
                    "send_offsets_to_transaction",
                    lambda: min(late, deadline()),
                )

            retry(send, deadline)
            retry(self._producer.commit_transaction, deadline)
        except KafkaException as error:
            if error.args[0].retriable():
                # Until it comes back the client takes no other call than this one again, not even an abort.
                raise Stuck(f"committing: {reason(error)}") from error
            raise
        finished = time.monotonic()
        self._metrics.commit_seconds.observe(finished - started)
        self._metrics.transaction_seconds.observe(finished - self._opened_at)
        self._opened_at = None
        for name, count in self._sink.take_dead_letters().items():
            self._metrics.dead_letters.labels(error=name).inc(count)
        self._handler.committed()
        self._patience.succeeded()

    def _abort(self, reason: str) -> None:
        """Aborts the open transaction and goes back to the committed offsets."""
        if self._opened_at is not None:
            self._metrics.aborted.labels(reason=reason).inc()
            self._opened_at = None
            self._sink.take_dead_letters()
            self._handler.aborted()
            while True:
                try:
                    retry(self._producer.abort_transaction, self._deadline(5))
                    break
                except KafkaException as error:
                    if not error.args[0].retriable() or self._stop.is_set():
                        raise
                    self._wait(error, "waiting to abort")
        self._rewind()

    def _wait(self, error: Exception, event: str) -> None:
        pause = self._patience.failed(error)
        log.warning(event, reason=reason(error), retry_in=pause)
        self._stop.wait(pause)

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
            self._commit()
        except KafkaException as error:
            log.warning("the last transaction was not committed and will be done again", reason=reason(error))
            self._reachable = not (error.args[0].retriable() or isinstance(error, Stuck))
            if self._reachable:
                with suppress(KafkaException):
                    self._producer.abort_transaction(1)

    def _deadline(self, seconds: float) -> Callable[[], float]:
        """A deadline that many seconds from now, or `stop_timeout` after a stop was first noticed."""
        end = time.monotonic() + seconds

        def deadline() -> float:
            if self._stop.is_set() and self._stop_noticed_at is None:
                self._stop_noticed_at = time.monotonic()
            if self._stop_noticed_at is None:
                return end
            return min(end, self._stop_noticed_at + self._settings.stop_timeout)

        return deadline

    def _with_bookmark(self, position: TopicPartition) -> TopicPartition:
        note = self._handler.bookmark((position.topic, position.partition))
        return TopicPartition(position.topic, position.partition, position.offset, note) if note else position

    def _notice(self, message: Message) -> None:
        """An error event among the messages: fatal ones end the session, others are librdkafka's to recover from."""
        error = message.error()
        if error is None:
            return
        failure = KafkaException(error)
        raise_if_refused(failure)
        if error.fatal():
            raise failure
        log.warning("consumer", reason=error.str(), topic=message.topic(), partition=message.partition())
