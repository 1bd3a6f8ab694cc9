"""Session of one pair of Kafka clients: subscribe, consume, commit, abort and rewind, leave the group."""

import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Event

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from services.errors import PoisonError, RetryableError
from services.streaming.batch_limit import BatchLimit
from services.streaming.failures import ClientHung, RetryBudget, is_fatal, raise_if_refused, reason
from services.streaming.handler import Handler, LoopSettings
from services.streaming.metrics import LoopMetrics
from services.streaming.offset_reset import OffsetReset
from services.streaming.poison_search import (
    NOT_OF_A_RECORD,
    PoisonRecords,
    PoisonSearch,
    UnexplainedError,
    is_refused_record,
)
from services.streaming.positions import Partition, RecordPosition, next_offsets, position_of
from services.streaming.progress import LoopProgress
from services.streaming.rebalance import RebalanceListener
from services.streaming.record_size import bounded_batches
from services.streaming.sink import Sink
from services.streaming.transaction import Transaction

log = structlog.get_logger()

IDLE_SECONDS = 0.1  # limit of the wait for a first message
RESTORE_SECONDS = 0.1  # limit of a step of a restore, which delays the restored partitions
SEARCH_PAUSE = 0.1  # after a transaction that failed as the consequence of a refused record


class Session:
    """Processing with one pair of clients, until the first fatal error or the end.

    Args:
        settings: Topics and pace.
        consumer: Not yet subscribed.
        producer: Its transactions not yet initialised.
        handler: Processes the messages.
        metrics: Metrics of the loop.
        progress: Progress of the loop, for probes.
        retry_budget: Backoff after failures; outlives the session.
        search: Finds the record that makes a batch fail; outlives the session.
        batch_limit: Limits the records of a batch; outlives the session.
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
        progress: LoopProgress,
        retry_budget: RetryBudget,
        search: PoisonSearch,
        batch_limit: BatchLimit,
        stop: Event,
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._producer = producer
        self._handler = handler
        self._metrics = metrics
        self._progress = progress
        self._stop = stop
        self._retry_budget = retry_budget
        self._search = search
        self._batch_limit = batch_limit
        self._sink = Sink(
            producer, settings.dead_letter_topic, settings.dead_letter_max_bytes, on_dead_letter=handler.dead_lettered
        )
        self._transaction = Transaction(settings, consumer, producer, metrics, stop)
        self._positions: dict[Partition, int] = {}  # next offsets of the open transaction
        self._committed: dict[Partition, int] = {}  # those of the last commit since a rewind
        self._count = 0  # records of the open transaction
        self._last: RecordPosition = ("", 0, 0)  # of the records that were handled
        self._unhandled: list[Message] = []  # were read, and did not fit into the last batch
        self._partitions = RebalanceListener(
            consumer, handler, metrics, progress, commit=self._commit, is_open=lambda: self._transaction.is_open
        )
        self._offset_reset = OffsetReset(consumer, handler, metrics, self._partitions)
        self._restore_at = 0.0  # time of the next attempt after a failed restore
        self._reachable = True

    def run(self) -> None:
        """Run until the stop event is set.

        Raises:
            KafkaException: the clients are unusable; the caller has to replace them.
            RetryableError: the retry budget is exhausted.
            NotAuthorised: the brokers refuse access.
        """
        self._producer.init_transactions(30)
        self._partitions.join(self._settings.topics)
        while not self._stop.is_set():
            self._progress.step()
            try:
                self._step()
            except PoisonRecords as error:
                self._search.mark_poison(error.errors)
                self._abort("poison")
            except UnexplainedError as error:
                log.warning("batch failed, searching for the record", reason=str(error), messages=error.count,
                            exc_info=error.cause if error.count == 1 else None)  # fmt: skip
                self._failed(error.ends, error.count, error.cause)
                self._abort("unexplained")
            except RetryableError as error:
                self._abort(type(error).__name__)
                self._wait(error, "waiting")
            except KafkaException as error:
                raise_if_refused(error)
                if is_fatal(error):
                    raise
                self._recover(error)
        self._finish()

    def close(self) -> None:
        """Leave the group; an open transaction is aborted by the broker when the next producer takes over."""
        self._transaction.abandon()
        self._handler.aborted()
        self._partitions.end()
        if not self._reachable:
            return  # the brokers do not answer, and leaving the group would exceed the stop timeout
        with suppress(KafkaException, RuntimeError):
            self._consumer.close()

    def _step(self) -> None:
        """Read and handle one batch, or commit."""
        if self._transaction.is_due:
            self._commit()
            return
        self._partitions.assign_missing()
        if self._search.active and self._partitions.owned:
            self._search.retain(self._partitions.owned)
        if not self._handler.is_restored():
            self._restore()
        unhandled, self._unhandled = self._unhandled, []
        messages = self._partitions.drop_revoked(unhandled or self._read())
        if messages and not self._stop.is_set():
            started = time.monotonic()
            try:
                self._handle(messages)
            finally:
                self._batch_limit.handled(len(messages) - len(self._unhandled), time.monotonic() - started)
        else:
            self._producer.poll(0)

    def _restore(self) -> None:
        """Continue the restore; a failure delays the unrestored partitions only."""
        now = time.monotonic()
        if now < self._restore_at:
            return
        try:
            self._handler.restore(RESTORE_SECONDS, between_transactions=not self._transaction.is_open)
        except RetryableError as error:
            pause = self._retry_budget.failed(error)
            self._restore_at = now + pause
            self._progress.waiting(reason(error))
            log.warning("restore delayed", reason=reason(error), retry_in=pause)
        else:
            self._retry_budget.succeeded()
            self._progress.waiting(None)
        self._partitions.pause_unrestored()

    def _read(self) -> list[Message]:
        """Return the next batch, empty if none arrives in time."""
        size = min(self._batch_limit.records, self._search.limit)
        if not self._transaction.is_open:
            # No commit is due: the first message ends the wait.
            restoring = not self._handler.is_restored() and time.monotonic() >= self._restore_at
            first = self._consumer.consume(1, 0 if restoring else IDLE_SECONDS)
            return first + self._consumer.consume(size - 1, 0) if first and size > 1 else first
        return self._consumer.consume(size, self._transaction.read_seconds if self._handler.is_restored() else 0)

    def _handle(self, messages: list[Message]) -> None:
        good = [message for message in messages if message.error() is None]
        if len(good) < len(messages):
            for message in messages:
                self._on_error(message)
            if not good:
                return
        started = time.monotonic()
        read, good = good, list(next(bounded_batches(good)))
        self._unhandled = read[len(good) :]
        self._last = position_of(good[-1])
        self._transaction.begin_transaction(backlog=len(messages) >= self._batch_limit.records or bool(self._unhandled))
        poison = self._search.poison(good)
        for index, error in poison.items():
            self._write_dead_letter(good[index], error)
        batch = [message for index, message in enumerate(good) if index not in poison] if poison else good
        handled = len(poison)
        try:
            if batch:
                handled += self._handler.handle(batch, self._sink)
        except KafkaException:
            self._positions |= next_offsets(good)
            self._count += len(good)
            raise
        except NOT_OF_A_RECORD:
            raise
        except Exception as error:
            raise UnexplainedError(error, next_offsets(batch), len(batch)) from error
        for position in self._consumer.position(self._consumer.assignment()):
            if position.offset >= 0:
                self._positions[position.topic, position.partition] = position.offset
        for message in reversed(self._unhandled):
            self._positions[position_of(message)[:2]] = position_of(message)[2]
        self._count += len(good)
        if self._search.active:
            self._transaction.commit_soon()
        self._producer.poll(0)
        self._metrics.consumed.inc(handled)
        self._metrics.batch_seconds.observe(time.monotonic() - started)

    def _write_dead_letter(self, message: Message, error: PoisonError) -> None:
        """Write a dead letter, without the content where writing the content fails."""
        try:
            self._sink.write_dead_letter(message, error, without_content=self._search.is_refused_dead_letter(message))
        except (KafkaException, *NOT_OF_A_RECORD):
            raise
        except Exception as failure:  # noqa: BLE001 - no error of one record may stop the others
            log.warning("dead letter without content", reason=f"{type(failure).__name__}: {failure}")
            self._sink.write_dead_letter(message, error, without_content=True)

    def _commit(self) -> None:
        if not self._transaction.is_open:
            return
        self._handler.write_state(self._sink, self._positions)
        self._transaction.commit_transaction(
            [TopicPartition(*partition, offset, self._handler.offset_metadata(partition))
             for partition, offset in self._positions.items()]
        )  # fmt: skip
        for name, count in self._sink.take_dead_letters().items():
            self._metrics.dead_letters.labels(error=name).inc(count)
        self._search.committed(self._positions, self._count)
        self._progress.committed(self._positions.items())
        self._committed = self._positions
        self._positions, self._count = {}, 0
        self._handler.committed()
        self._retry_budget.succeeded()
        self._progress.waiting(None)

    def _recover(self, error: KafkaException) -> None:
        """Abort after an abortable error, such as a refused delivery or a moved coordinator."""
        error = self._transaction.cause_of(error)
        ends = dict(self._positions.items() - self._committed.items())
        if is_refused_record(error) and ends:
            log.warning("delivery refused, searching for the record", reason=reason(error), messages=self._count)
            attempts_left = self._failed(ends, self._count, error)
            self._abort(error.args[0].name())
            if not attempts_left:
                self._wait(error, "dead letter refused")
            return
        name = error.args[0].name()
        self._abort(name)
        # After a refusal librdkafka often fails the next transaction as well, which must not slow the search.
        is_consequence = self._search.active and name == "OUT_OF_ORDER_SEQUENCE_NUMBER"
        self._wait(error, "transaction aborted", limit=SEARCH_PAUSE if is_consequence else None)

    def _failed(self, ends: Mapping[Partition, int], count: int, error: Exception) -> bool:
        """Continue the search for a record that makes a transaction fail; return False where no attempt is left."""
        if count == 1:
            if self._handler.search_inside(self._last):
                return True
            ends = {self._last[:2]: self._last[2] + 1}
        return self._search.failed(ends, count, error)

    def _abort(self, cause: str) -> None:
        """Abort the open transaction and go back to the committed offsets."""
        self._unhandled = []
        self._positions, self._committed, self._count = {}, {}, 0
        if self._transaction.is_open:
            self._sink.take_dead_letters()
            self._handler.aborted()
            self._transaction.abort(cause, self._wait)
        self._partitions.rewind()

    def _wait(self, error: Exception, event: str, limit: float | None = None) -> None:
        pause = self._retry_budget.failed(error)
        pause = pause if limit is None else min(pause, limit)
        self._progress.waiting(reason(error))
        log.warning(event, reason=reason(error), retry_in=pause)
        self._stop.wait(pause)

    def _finish(self) -> None:
        """Commit the open transaction; if it can't be committed in time, the next process reads its messages again."""
        try:
            self._commit()
        except KafkaException as error:
            log.warning("last transaction not committed, its messages will be read again", reason=reason(error))
            self._reachable = not (error.args[0].retriable() or isinstance(error, ClientHung))
            if self._reachable:
                self._transaction.abort_quickly()

    def _on_error(self, message: Message) -> None:
        """Handle an error event among the messages: fatal ones end the session, librdkafka recovers from others."""
        error = message.error()
        if error is None:
            return
        failure = KafkaException(error)
        raise_if_refused(failure)
        if error.fatal():
            raise failure
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - its public name
            self._offset_reset.reset((message.topic() or "", int(message.partition() or 0)))
            return
        log.warning("consumer error", reason=error.str(), topic=message.topic(), partition=message.partition())
        self._partitions.fetch_offsets_again()
