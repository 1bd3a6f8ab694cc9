"""One life of the loop's Kafka clients: subscribe, consume, commit, abort and rewind, leave."""

import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Event

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from services.errors import ExpectedError, PoisonError, RetryableError
from services.streaming.failures import ClientHung, RetryBudget, is_fatal, raise_if_refused, reason
from services.streaming.handler import Handler, LoopSettings
from services.streaming.metrics import LoopMetrics
from services.streaming.poison import NOT_OF_A_RECORD, PoisonRecords, PoisonSearch, is_refused_record
from services.streaming.positions import Partition, next_offsets
from services.streaming.progress import LoopProgress
from services.streaming.rebalance import RebalanceListener
from services.streaming.sink import Sink
from services.streaming.transaction import Transaction

log = structlog.get_logger()

IDLE_SECONDS = 0.1  # how long to wait for a first message before looking after everything else
RESTORE_SECONDS = 0.1  # how long restoring may keep the loop from the partitions that are restored
SEARCH_PAUSE = 0.1  # seconds after a transaction that failed in the wake of a refused record
ASK_SECONDS = 10.0  # for an answer about the ends of a partition


class UnexplainedError(ExpectedError):
    """Handling some messages failed, and it is not known which one is the cause."""

    def __init__(self, cause: Exception, ends: Mapping[Partition, int], count: int) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.cause, self.ends, self.count = cause, ends, count


class Session:
    """One pair of clients, from subscribing to the first fatal error or the end.

    Args:
        settings: How to pace.
        consumer: Not yet subscribed.
        producer: Its transactions not yet initialised.
        handler: What to do with the messages.
        metrics: Counts what happens.
        progress: Told what the loop does and waits for.
        retry_budget: Says how long to wait after a failure, and when to give up.
        search: Finds the record that makes a batch fail; outlives the session.
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
        self._sink = Sink(
            producer, settings.dead_letter_topic, settings.dead_letter_max_bytes, on_dead_letter=handler.dead_lettered
        )
        self._transaction = Transaction(settings, consumer, producer, metrics, stop)
        self._positions: dict[Partition, int] = {}  # what the open transaction has read up to
        self._committed: dict[Partition, int] = {}  # what the transactions since the last rewind have
        self._count = 0  # messages of the open transaction
        self._partitions = RebalanceListener(
            consumer, handler, metrics, progress, commit=self._commit, is_open=lambda: self._transaction.is_open
        )
        self._restore_at = 0.0  # not before: restoring failed, and waits
        self._reachable = True

    def run(self) -> None:
        """Run until the stop event is set.

        Raises:
            KafkaException: the clients are of no use any more; make new ones.
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
                self._search.failed(error.ends, error.count, error.cause)
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
        self._transaction.forget()
        self._handler.aborted()
        self._partitions.end()
        if not self._reachable:
            return  # there is nobody to take leave of, and trying would take longer than a stop may
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
        messages = self._partitions.drop_revoked(self._read())
        if messages and not self._stop.is_set():
            self._handle(messages)
        else:
            self._producer.poll(0)

    def _restore(self) -> None:
        """Restore a little; a failure keeps the partitions waiting that need it, and no others."""
        now = time.monotonic()
        if now < self._restore_at:
            return
        try:
            self._handler.restore(RESTORE_SECONDS, between_transactions=not self._transaction.is_open)
        except RetryableError as error:
            pause = self._retry_budget.failed(error)
            self._restore_at = now + pause
            self._progress.waiting(reason(error))
            log.warning("restore is waiting", reason=reason(error), retry_in=pause)
        else:
            self._retry_budget.succeeded()
            self._progress.waiting(None)
        self._partitions.pause_unrestored()

    def _read(self) -> list[Message]:
        """The next batch, empty if none comes in time."""
        size = min(self._settings.batch_size, self._search.limit)
        if not self._transaction.is_open:
            # Nobody waits for a commit: the first message that comes ends the waiting.
            restoring = not self._handler.is_restored() and time.monotonic() >= self._restore_at
            first = self._consumer.consume(1, 0 if restoring else IDLE_SECONDS)
            return first + self._consumer.consume(size - 1, 0) if first and size > 1 else first
        # Several batches per transaction, so that producing overlaps with waiting for more.
        left = min(self._transaction.seconds_left, self._settings.commit_interval / 4)
        return self._consumer.consume(size, left if self._handler.is_restored() else 0)

    def _handle(self, messages: list[Message]) -> None:
        good = [message for message in messages if message.error() is None]
        if len(good) < len(messages):
            for message in messages:
                self._notice(message)
            if not good:
                return
        started = time.monotonic()
        backlog = len(messages) >= self._settings.batch_size
        self._transaction.begin(self._settings.commit_interval / (1 if backlog else self._settings.stage_count))
        poison = self._search.poison(good)
        for index, error in poison.items():
            self._dead_letter(good[index], error)
        batch = [message for index, message in enumerate(good) if index not in poison] if poison else good
        try:
            if batch:
                self._handler.handle(batch, self._sink)
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
        self._count += len(good)
        if self._search.active:
            self._transaction.commit_soon()
        self._producer.poll(0)
        self._metrics.consumed.inc(len(good))
        self._metrics.batch_seconds.observe(time.monotonic() - started)

    def _dead_letter(self, message: Message, error: PoisonError) -> None:
        """Put a message aside, without its content where that is what fails."""
        try:
            self._sink.dead_letter(message, error, without_content=self._search.is_refused_dead_letter(message))
        except (KafkaException, *NOT_OF_A_RECORD):
            raise
        except Exception as failure:  # noqa: BLE001 - whatever it is, the record must not stop the others
            log.warning("dead letter without content", reason=f"{type(failure).__name__}: {failure}")
            self._sink.dead_letter(message, error, without_content=True)

    def _commit(self) -> None:
        if not self._transaction.is_open:
            return
        self._transaction.commit(
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
        """After an error that an abort mends: a delivery that was refused, a coordinator that has moved."""
        error = self._transaction.cause_of(error)
        ends = dict(self._positions.items() - self._committed.items())
        if is_refused_record(error) and ends:
            log.warning("delivery refused, searching for the record", reason=reason(error), messages=self._count)
            can_try = self._search.failed(ends, self._count, error)
            self._abort(error.args[0].name())
            if not can_try:
                self._wait(error, "dead letter refused")
            return
        name = error.args[0].name()
        self._abort(name)
        # After a refusal librdkafka often fails the next transaction as well: no reason to search more slowly.
        at_once = self._search.active and name == "OUT_OF_ORDER_SEQUENCE_NUMBER"
        self._wait(error, "transaction aborted", longest=SEARCH_PAUSE if at_once else None)

    def _abort(self, cause: str) -> None:
        """Abort the open transaction and go back to the committed offsets."""
        self._positions, self._committed, self._count = {}, {}, 0
        if self._transaction.is_open:
            self._sink.take_dead_letters()
            self._handler.aborted()
            self._transaction.abort(cause, self._wait)
        self._partitions.rewind()

    def _wait(self, error: Exception, event: str, longest: float | None = None) -> None:
        pause = self._retry_budget.failed(error)
        pause = pause if longest is None else min(pause, longest)
        self._progress.waiting(reason(error))
        log.warning(event, reason=reason(error), retry_in=pause)
        self._stop.wait(pause)

    def _finish(self) -> None:
        """Commit what is open; what can't be committed in time is left for the next process to read again."""
        try:
            self._commit()
        except KafkaException as error:
            log.warning("the last transaction was not committed and will be done again", reason=reason(error))
            self._reachable = not (error.args[0].retriable() or isinstance(error, ClientHung))
            if self._reachable:
                self._transaction.abort_quickly()

    def _notice(self, message: Message) -> None:
        """An error event among the messages: fatal ones end the session, others are librdkafka's to recover from."""
        error = message.error()
        if error is None:
            return
        failure = KafkaException(error)
        raise_if_refused(failure)
        if error.fatal():
            raise failure
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - its public name
            self._reset((message.topic() or "", int(message.partition() or 0)))
            return
        log.warning("consumer", reason=error.str(), topic=message.topic(), partition=message.partition())

    def _reset(self, partition: Partition) -> None:
        """Go on at the beginning of a partition whose committed offset is none, or not there any more."""
        asked = TopicPartition(*partition)
        (committed,) = self._consumer.committed([asked], ASK_SECONDS)
        low, high = self._consumer.get_watermark_offsets(asked, ASK_SECONDS)
        topic, number = partition
        if committed.offset == OFFSET_INVALID:
            log.info("partition has no committed offset", topic=topic, partition=number, starting_at=low)
        elif committed.offset < low:
            lost = low - committed.offset
            self._metrics.lost.labels(topic=topic, partition=str(number)).inc(lost)
            log.error("records deleted before they were read", topic=topic, partition=number, records=lost,
                      from_offset=committed.offset, to_offset=low)  # fmt: skip
        else:
            log.error("committed offset is beyond the end: was the topic made anew? all of it is read", topic=topic,
                      partition=number, committed=committed.offset, end=high)  # fmt: skip
        if not 0 <= committed.offset < low:  # what was kept for the partition is of another log
            self._consumer.commit(offsets=[TopicPartition(*partition, low)], asynchronous=False)
            self._handler.revoked([partition], lost=False)
            self._handler.assigned([partition])
        self._partitions.restart_at(partition, low)
