"""The Kafka transaction of a session: begin, commit with the offsets of its input, abort."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from services.streaming.failures import ClientHung, call_with_timeout, reason, retry
from services.streaming.handler import LoopSettings
from services.streaming.metrics import LoopMetrics

log = structlog.get_logger()

COMMIT_SECONDS = 15  # limit of a commit: by then the broker has aborted the transaction itself
HANG_SECONDS = 7  # past its time-out, after which a call has hung; a broker that is silent this long is nearly dead


class Transaction:
    """The transactions of one producer, one at a time.

    Args:
        settings: Duration of a transaction, and limits of its end.
        consumer: Member of the group whose offsets are committed.
        producer: Producer whose transactions are initialised.
        metrics: Metrics of commits and aborts.
        stop: Shortens the deadlines when set.
    """

    def __init__(
        self, settings: LoopSettings, consumer: Consumer, producer: Producer, metrics: LoopMetrics, stop: Event
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._producer = producer
        self._metrics = metrics
        self._stop = stop
        self._opened_at: float | None = None  # None: none is open
        self._interval = 0.0  # seconds, of the open transaction
        self._has_backlog = False  # of the open transaction
        self._due = 0.0
        self._committed_at = 0.0  # start of the last commit
        self._stop_noticed_at: float | None = None

    @property
    def is_open(self) -> bool:
        """True while a transaction is open."""
        return self._opened_at is not None

    @property
    def is_due(self) -> bool:
        """True while a transaction is open and its interval is over."""
        return self._opened_at is not None and time.monotonic() >= self._due

    @property
    def seconds_left(self) -> float:
        """Seconds until the interval of the open transaction is over."""
        return max(0.0, self._due - time.monotonic())

    @property
    def read_seconds(self) -> float:
        """Limit of the wait for a batch: several are read in an interval, so that producing overlaps with consuming."""
        return min(self.seconds_left, self._interval / 4)

    def begin_transaction(self, *, backlog: bool) -> None:
        """Begin a transaction if none is open; extend an open one that meets a backlog.

        The interval counts from the last commit: after a pause the first message is committed at once.

        Args:
            backlog: Whether more records wait than were read at once.
        """
        if self._opened_at is None:
            self._producer.begin_transaction()
            self._opened_at = time.monotonic()
            self._has_backlog = False
        elif not backlog or self._has_backlog:
            return
        self._has_backlog = backlog
        self._interval = self._settings.commit_interval.seconds(backlog=backlog)
        self._due = max(self._opened_at, self._committed_at + self._interval)

    def commit_soon(self) -> None:
        """Make the open transaction due now."""
        self._due = 0.0

    def commit_transaction(self, offsets: Sequence[TopicPartition]) -> None:
        """Commit the produced records together with offsets.

        Raises:
            KafkaException: The result is unknown, or an error; `ClientHung` where the client must be replaced.
        """
        started = self._committed_at = time.monotonic()
        deadline = self.deadline(COMMIT_SECONDS)
        try:
            # Called in this thread: inside a rebalance callback, a consumer blocks every other thread.
            group = self._consumer.consumer_group_metadata()

            def send(timeout: float) -> None:
                hung_at = time.monotonic() + timeout + HANG_SECONDS
                call_with_timeout(
                    lambda: self._producer.send_offsets_to_transaction(list(offsets), group, timeout),
                    "send_offsets_to_transaction",
                    lambda: min(hung_at, deadline()),
                )

            retry(send, deadline)
            retry(self._producer.commit_transaction, deadline)
        except KafkaException as error:
            if error.args[0].retriable():
                # Until the call returns the client accepts no other one, not even an abort.
                raise ClientHung(f"committing: {reason(error)}") from error
            raise
        finished = time.monotonic()
        if not self._has_backlog:
            self._settings.commit_interval.committed(finished - started)
        self._metrics.commit_seconds.observe(finished - started)
        self._metrics.transaction_seconds.observe(finished - (self._opened_at or started))
        self._opened_at = None

    def cause_of(self, error: KafkaException) -> KafkaException:
        """Return the cause of an error that only reports a failed transaction."""
        if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001 - its public name
            return error
        try:
            self._producer.begin_transaction()  # fails, as a transaction is open, with the cause
        except KafkaException as cause:
            return cause
        return error

    def abort(self, cause: str, wait: Callable[[Exception, str], None]) -> None:
        """Abort the open transaction, with retries.

        Args:
            cause: Label of the metric.
            wait: Waits after a retriable failure.

        Raises:
            KafkaException: The client must be replaced.
        """
        self._metrics.aborted.labels(reason=cause).inc()
        self._opened_at = None
        while True:
            try:
                retry(self._producer.abort_transaction, self.deadline(5))
            except KafkaException as error:
                if not error.args[0].retriable() or self._stop.is_set():
                    raise
                wait(error, "waiting to abort")
            else:
                return

    def abort_quickly(self) -> None:
        """Try once to abort, at the end of the process; otherwise the next producer of the same id aborts it."""
        with suppress(KafkaException):
            self._producer.abort_transaction(1)

    def abandon(self) -> None:
        """Leave the open transaction to the broker, which aborts it when the next producer initialises."""
        self._opened_at = None

    def deadline(self, seconds: float) -> Callable[[], float]:
        """Return a deadline so many seconds from now, or `stop_timeout` after a stop was first noticed."""
        end = time.monotonic() + seconds

        def deadline() -> float:
            if self._stop.is_set() and self._stop_noticed_at is None:
                self._stop_noticed_at = time.monotonic()
            if self._stop_noticed_at is None:
                return end
            return min(end, self._stop_noticed_at + self._settings.stop_timeout)

        return deadline
