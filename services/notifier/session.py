"""Session of one pair of Kafka clients: stand by, take over, work.

The group subscribes to the topic of notifications, which has one partition: its owner works, the other members stand
by. The owner reads all partitions of alerts, so that a group of alerts is one wherever they are. Each step is a
transaction:

    results, alerts, silences ─▶ dispatcher ─▶ events + offsets ─▶ commit ─▶ attempts begin

An attempt begins only after its event is committed. A notifier that was replaced can't commit any more (its
transactional id is fenced), so it can't begin one either.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from services.errors import PoisonError
from services.notifier.dispatcher import Dispatcher
from services.notifier.events import Event as NotificationEvent
from services.notifier.events import Phase
from services.notifier.metrics import NotifierMetrics
from services.notifier.restore import Restored, Restorer, take
from services.notifier.topics import NotifierRecords, NotifierTopics
from services.notifier.workers import Completed, Workers
from services.streaming.commit_interval import FixedInterval
from services.streaming.failures import raise_if_refused
from services.streaming.handler import LoopSettings
from services.streaming.metrics import LoopMetrics
from services.streaming.progress import LoopProgress
from services.streaming.transaction import Transaction

if TYPE_CHECKING:
    from services.streaming.positions import Partition

log = structlog.get_logger()

BATCH = 1000
IDLE_SECONDS = 0.1
BUSY_SECONDS = 0.01
"""Limit of the wait for messages while attempts are under way: their results are awaited as well."""
OFFSETS_SECONDS = 1.0
"""Time between commits of offsets alone."""
DRAIN_SECONDS = 15.0
"""Limit of the wait for attempts under way, before their state is restored: longer than most answers take."""
STOP_SECONDS = 9.0
"""The same at the end."""
PARTITIONS_SECONDS = 10.0
"""Time between checks for new partitions."""


class Session:
    """The work with one pair of clients.

    Args:
        topics: The topics.
        consumer: Not yet subscribed.
        producer: Its transactions not yet initialised.
        records: Decodes and encodes records.
        restorer: Restores dispatchers.
        make_dispatcher: Makes an empty dispatcher of the present notifications file.
        workers: Make the attempts.
        known: Results that are not committed; handed on from session to session.
        reload: Set where the notifications file has changed.
        metrics: Metrics of the notifier.
        loop_metrics: Metrics of transactions and rebalances.
        progress: Progress of the loop, for probes.
        stop: Ends the session when set.
    """

    def __init__(
        self,
        *,
        topics: NotifierTopics,
        consumer: Consumer,
        producer: Producer,
        records: NotifierRecords,
        restorer: Restorer,
        make_dispatcher: Callable[[], Dispatcher],
        workers: Workers,
        known: list[Completed],
        reload: Event,
        metrics: NotifierMetrics,
        loop_metrics: LoopMetrics,
        progress: LoopProgress,
        stop: Event,
    ) -> None:
        self._topics = topics
        self._consumer = consumer
        self._producer = producer
        self._records = records
        self._restorer = restorer
        self._make_dispatcher = make_dispatcher
        self._workers = workers
        self._known = known
        self._reload = reload
        self._metrics = metrics
        self._loop_metrics = loop_metrics
        self._progress = progress
        self._stop = stop
        settings = LoopSettings(topics=(topics.alerts.name,), dead_letter_topic="", commit_interval=FixedInterval(0))
        self._transaction = Transaction(settings, consumer, producer, loop_metrics, stop)
        self._elected = False
        self._assigned: list[TopicPartition] = []  # alerts and silences
        self._committed: dict[Partition, int] = {}
        self._committed_at = 0.0
        self._counted_at = 0.0
        self._failure: KafkaException | None = None
        self.dispatcher: Dispatcher | None = None

    def run(self) -> None:
        """Run until the stop event is set.

        Raises:
            KafkaException: The clients have to be replaced.
            RetryableError: Brokers or registry do not answer.
            NotAuthorised: The brokers refuse access.
        """
        self._consumer.subscribe([self._topics.notifications.name], on_assign=self._on_assign,
                                 on_revoke=self._on_revoke, on_lost=self._on_revoke)  # fmt: skip
        while not self._stop.is_set():
            self._progress.step()
            messages = self._consumer.consume(BATCH, BUSY_SECONDS if self._workers.busy else IDLE_SECONDS)
            if self._failure:
                raise self._failure
            if not self._elected:
                continue
            if self.dispatcher is None or self._reload.is_set():
                self._take_over()
                continue  # what was read before is read again
            self._step(self.dispatcher, messages)
        if self._elected and self.dispatcher is not None:
            self._finish(self.dispatcher)

    @property
    def has_committed(self) -> bool:
        """True where anything was committed."""
        return self._committed_at > 0

    def close(self) -> None:
        """Leave the group."""
        self._transaction.abandon()
        self._give_up()
        self._progress.left()
        with suppress(KafkaException, RuntimeError):
            self._consumer.close()

    # Election.

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._loop_metrics.rebalances.labels(change="assigned").inc()
        try:
            if partitions:
                # Nothing of it is read here: a restore reads it.
                elected = [TopicPartition(each.topic, each.partition, OFFSET_END) for each in partitions]
                self._consumer.incremental_assign(elected)
                self._consumer.pause(elected)
                self._elected = True
        except KafkaException as error:
            self._failure = error
        log.info("taking over" if partitions else "standing by", group_topic=self._topics.notifications.name)
        self._progress.assigned([])

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return
        self._loop_metrics.rebalances.labels(change="revoked").inc()
        log.info("handing over", group_topic=self._topics.notifications.name)
        self._elected = False
        self._give_up()
        try:
            self._consumer.incremental_unassign(partitions + self._assigned)
        except KafkaException as error:
            self._failure = error
        self._assigned = []

    def _give_up(self) -> None:
        """Drop the state; attempts under way go on, and their results are kept for the next session."""
        self._metrics.active.set(0)
        self._progress.revoked(self._progress.partitions())
        self.dispatcher = None
        self._committed = {}

    def _take_over(self) -> None:
        """Restore the state, and begin to read where it ends."""
        if self.dispatcher is None and not self._assigned:
            self._producer.init_transactions(30)  # ends what an earlier notifier has left open, and fences it
        self._reload.clear()
        if self._assigned:
            self._consumer.incremental_unassign(self._assigned)
            self._assigned = []
        self._known += self._workers.drain(DRAIN_SECONDS)  # what they know now is not unknown later
        dispatcher = self._make_dispatcher()
        self._workers.use(dispatcher.notifications.receivers)
        restored: Restored = self._restorer.restore(dispatcher, time.time())
        dispatcher.restored(time.time(), self._known)
        self._committed = dict(restored.committed)
        self._assigned = [TopicPartition(*partition, offset) for partition, offset in restored.positions.items()]
        self._consumer.incremental_assign(self._assigned)
        partitions = [part for part in restored.positions if part[0] == self._topics.alerts.name]
        self._progress.assigned(partitions)
        for partition in partitions:
            self._progress.restored(partition)
        self.dispatcher = dispatcher
        self._metrics.active.set(1)
        self._counted_at = time.monotonic()
        log.info("notifying", receivers=sorted(dispatcher.notifications.receivers), partitions=len(partitions),
                 file=dispatcher.notifications.source)  # fmt: skip

    # Work.

    def _step(self, dispatcher: Dispatcher, messages: list[Message]) -> None:
        for message in messages:
            if self._is_record(message):
                self._take(dispatcher, message)
        self._complete(dispatcher, self._workers.results())
        dispatcher.advance(time.time())
        self._commit(dispatcher)
        self._known.clear()
        for send in dispatcher.take_sends():
            self._workers.submit(send)
        if time.monotonic() - self._counted_at > PARTITIONS_SECONDS:
            self._look_for_partitions()

    def _complete(self, dispatcher: Dispatcher, results: list[Completed]) -> None:
        """Take results; until they are committed, the next session needs them."""
        self._known += results
        for id_, attempt, result in results:
            dispatcher.complete(id_, attempt, result, time.time())

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        failure = KafkaException(error)
        raise_if_refused(failure)
        if error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - its public name
            raise failure
        log.warning("consumer error", reason=error.str(), topic=message.topic(), partition=message.partition())
        return False

    def _take(self, dispatcher: Dispatcher, message: Message) -> None:
        if message.topic() == self._topics.alerts.name:
            self._metrics.alerts.inc()
            take(dispatcher, self._records, message, {})
        elif message.topic() == self._topics.silences.name:
            try:
                dispatcher.silences.put(self._records.silence(message))
            except PoisonError as error:
                log.error("silence can't be read", offset=message.offset(), reason=str(error))

    def _commit(self, dispatcher: Dispatcher) -> None:
        """Commit the events and offsets, where there are any."""
        events = dispatcher.take_events()
        offsets = {
            part: offset for part, offset in dispatcher.offsets.offsets().items() if self._committed.get(part) != offset
        }
        now = time.monotonic()
        if not events and (not offsets or now - self._committed_at < OFFSETS_SECONDS):
            return
        self._transaction.begin_transaction(backlog=False)
        for event in events:
            for record in event.records():
                self._producer.produce(self._topics.notifications.name, self._records.encode(record), event.id.bytes,
                                       timestamp=round(event.at * 1000))  # fmt: skip
                self._producer.poll(0)
        self._transaction.commit_transaction([TopicPartition(*part, offset) for part, offset in offsets.items()])
        self._committed |= offsets
        self._committed_at = now
        self._progress.committed(offsets.items())
        self._progress.waiting(None)
        self._count(events)

    def _count(self, events: list[NotificationEvent]) -> None:
        for event in events:
            if event.phase is Phase.OUTCOME:
                self._metrics.outcomes.labels(receiver=event.receiver, status=event.status.lower()).inc()
                if event.status == "UNREADABLE":
                    self._metrics.unreadable.inc()
                    log.error("alert can't be read", reason=event.reason)
                elif event.status in {"FAILED", "UNKNOWN"}:
                    log.error("notification not delivered", receiver=event.receiver, notification=str(event.id),
                              status=event.status.lower(), attempts=event.attempt, reason=event.reason)  # fmt: skip
            elif event.phase is Phase.RETRY:
                log.warning("attempt failed", receiver=event.receiver, notification=str(event.id),
                            status=event.status.lower(), attempt=event.attempt, reason=event.reason)  # fmt: skip

    def _look_for_partitions(self) -> None:
        """Take over again where alerts have more partitions than are read."""
        self._counted_at = time.monotonic()
        topic = self._topics.alerts.name
        count = len(self._consumer.list_topics(topic, 5).topics[topic].partitions)
        if count > sum(each.topic == topic for each in self._assigned):
            log.info("alerts have more partitions", topic=topic, partitions=count)
            self._reload.set()

    def _finish(self, dispatcher: Dispatcher) -> None:
        """Wait for the attempts under way and commit their results, for as long as a stop may take."""
        self._complete(dispatcher, self._workers.drain(STOP_SECONDS))
        try:
            self._commit(dispatcher)
        except KafkaException as error:
            log.warning("last results not committed", reason=str(error))
