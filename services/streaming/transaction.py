"""The Kafka transaction of one session: begun, committed with the offsets of what it read, or aborted."""

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

COMMIT_SECONDS = 15  # how long a commit may take: by then the broker has given the transaction up itself
LATE_SECONDS = 7  # past its time-out; a broker that is silent for that long is about to be declared dead as well


class Transaction:
    """Begins, commits and aborts the transactions of one producer.

    Args:
        settings: How long a transaction lasts, and how long its end may take.
        consumer: The member of the group whose offsets are committed.
        producer: Its transactions not yet initialised.
        metrics: Told about every end.
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
        self._due = 0.0
        self._committed_at = 0.0  # when the last commit began
        self._stop_noticed_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether a transaction is open."""
        return self._opened_at is not None

    @property
    def is_due(self) -> bool:
        """Whether a transaction is open that has lasted long enough."""
        return self._opened_at is not None and time.monotonic() >= self._due

    @property
    def seconds_left(self) -> float:
        """Seconds until the open transaction has lasted long enough."""
        return max(0.0, self._due - time.monotonic())

    def begin(self, interval: float) -> None:
        """Begin a transaction, if none is open.

        Args:
            interval: Seconds from the last commit to the next one, at least: after a pause the first message is
                committed at once.
        """
        if self._opened_at is None:
            self._producer.begin_transaction()
            self._opened_at = time.monotonic()
            self._due = max(self._opened_at, self._committed_at + interval)

    def commit_soon(self) -> None:
        """Make the open transaction due now."""
        self._due = 0.0

    def commit(self, offsets: Sequence[TopicPartition]) -> None:
        """Commit what was produced together with offsets.

        Raises:
            KafkaException: It is not known to be committed; `ClientHung` where the client must be given up.
        """
        started = self._committed_at = time.monotonic()
        deadline = self.deadline(COMMIT_SECONDS)
        try:
            # Asked in this thread: inside a rebalance callback, a consumer makes every other thread wait for its end.
            group = self._consumer.consumer_group_metadata()

            def send(timeout: float) -> None:
                late = time.monotonic() + timeout + LATE_SECONDS
                call_with_timeout(
                    lambda: self._producer.send_offsets_to_transaction(list(offsets), group, timeout),
                    "send_offsets_to_transaction",
                    lambda: min(late, deadline()),
                )

            retry(send, deadline)
            retry(self._producer.commit_transaction, deadline)
        except KafkaException as error:
            if error.args[0].retriable():
                # Until it comes back the client takes no other call than this one again, not even an abort.
                raise ClientHung(f"committing: {reason(error)}") from error
            raise
        finished = time.monotonic()
        self._metrics.commit_seconds.observe(finished - started)
        self._metrics.transaction_seconds.observe(finished - (self._opened_at or started))
        self._opened_at = None

    def cause_of(self, error: KafkaException) -> KafkaException:
        """The error behind one that only says that the transaction takes no more records."""
        if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001 - its public name
            return error
        try:
            self._producer.begin_transaction()  # refused in every state but the one that we are not in
        except KafkaException as cause:
            return cause
        return error

    def abort(self, cause: str, wait: Callable[[Exception, str], None]) -> None:
        """Abort the open transaction, trying again for as long as that is right.

        Args:
            cause: Labels the metric.
            wait: Waits after a failure that another try may mend.

        Raises:
            KafkaException: The client must be given up.
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
        """Try once to abort, at the end of the process; the next producer of the same id aborts it otherwise."""
        with suppress(KafkaException):
            self._producer.abort_transaction(1)

    def forget(self) -> None:
        """Leave the open transaction to the broker, which aborts it when the next producer takes over."""
        self._opened_at = None

    def deadline(self, seconds: float) -> Callable[[], float]:
        """A deadline that many seconds from now, or `stop_timeout` after a stop was first noticed."""
        end = time.monotonic() + seconds

        def deadline() -> float:
            if self._stop.is_set() and self._stop_noticed_at is None:
                self._stop_noticed_at = time.monotonic()
            if self._stop_noticed_at is None:
                return end
            return min(end, self._stop_noticed_at + self._settings.stop_timeout)

        return deadline
