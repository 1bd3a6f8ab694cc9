"""Rebalances: assignment and revocation of partitions, and their effect on the open transaction.

Only the first topic is subscribed; the others are co-partitioned with it: a member that has a partition of the first
topic also has the partition of the same number of each other topic. Their offsets belong to the group as well. An
assignor over all topics would only balance the number of partitions: of two members one may get all of one topic, and
the other all of another.
"""

import time
from collections.abc import Callable, Iterable, Sequence

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from services.streaming.failures import LostPartitions, reason
from services.streaming.handler import Handler
from services.streaming.metrics import LoopMetrics
from services.streaming.positions import Partition
from services.streaming.progress import LoopProgress

log = structlog.get_logger()

REQUEST_TIMEOUT = 5.0  # for a topic's metadata, in a rebalance
MISSING_CHECK_SECONDS = 10.0  # between checks for partitions that did not exist


class RebalanceListener:
    """Listener to the rebalances of one consumer, whose callbacks run inside `consume`.

    Partitions whose state has to be restored first are paused as soon as they are assigned: the consumer is polled, so
    that it stays a member, and reads nothing of them.

    Args:
        consumer: Not yet subscribed.
        handler: Receives assigned and revoked partitions.
        metrics: Counts rebalances.
        progress: Receives assigned and revoked partitions.
        commit: Commits the open transaction, before another member gets the partitions.
        is_open: Returns whether a transaction is open.
    """

    def __init__(
        self,
        consumer: Consumer,
        handler: Handler,
        metrics: LoopMetrics,
        progress: LoopProgress,
        *,
        commit: Callable[[], None],
        is_open: Callable[[], bool],
    ) -> None:
        self._consumer = consumer
        self._handler = handler
        self._metrics = metrics
        self._progress = progress
        self._commit = commit
        self._is_open = is_open
        self._copartitioned: Sequence[str] = ()
        self._owned: list[Partition] = []
        self._paused: set[Partition] = set()
        self._at_committed: set[Partition] = set()  # assigned without an offset: the client asks for the committed one
        self._missing: set[Partition] = set()  # co-partitioned with owned ones, and do not exist
        self._check_missing_at = 0.0
        self._changed = False
        self._failure: KafkaException | None = None  # raised inside a callback

    @property
    def owned(self) -> Sequence[Partition]:
        """The assigned partitions."""
        return self._owned

    def join(self, topics: Sequence[str]) -> None:
        """Join the group.

        Args:
            topics: Topics to read; all have the same number of partitions.
        """
        first, *self._copartitioned = topics
        self._consumer.subscribe(
            [first],
            on_assign=self._guarded(self._on_assign),
            on_revoke=self._guarded(self._on_revoke),
            on_lost=self._guarded(self._on_lost),
        )

    def drop_revoked(self, messages: list[Message]) -> list[Message]:
        """Return the messages of a batch without those of partitions that were revoked while it was read.

        Raises:
            KafkaException: Messages that were read before can't be committed any more.
        """
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure
        if messages and self._changed:
            owned = set(self._owned)
            messages = [message for message in messages
                        if message.error() or (message.topic(), message.partition()) in owned]  # fmt: skip
        self._changed = False
        return self._drop_paused(messages) if messages and self._paused else messages

    def pause_unrestored(self) -> None:
        """Pause the partitions that the handler has not restored, and resume the others."""
        unrestored = self._handler.unrestored()
        if not unrestored and not self._paused:
            return
        owned = set(self._owned)
        to_pause = owned.intersection(unrestored)
        if resumed := (self._paused & owned) - to_pause:
            self._consumer.resume([TopicPartition(*partition) for partition in resumed])
        if paused := to_pause - self._paused:
            self._consumer.pause([TopicPartition(*partition) for partition in paused])
        self._paused = to_pause
        for partition in resumed:
            self._progress.restored(partition)

    def rewind(self) -> None:
        """Rewind to the committed offsets, once they are stable: reassign the same partitions."""
        partitions = [TopicPartition(*partition) for partition in self._owned]
        if partitions:
            self._reassign(partitions)

    def fetch_offsets_again(self) -> None:
        """Reassign the partitions whose committed offsets the client may have failed to fetch, if any.

        After an error of the coordinator librdkafka waits for these offsets for good, and asks for no others meanwhile
        (`queried` in rdkafka_assignment.c, 2.16). Those that it still asks for are asked for again.
        """
        at_committed = [TopicPartition(*item) for item in self._owned if item in self._at_committed]
        if unread := [item for item in self._consumer.position(at_committed) if item.offset < 0]:
            self._reassign([TopicPartition(item.topic, item.partition) for item in unread])

    def _reassign(self, partitions: list[TopicPartition]) -> None:
        self._unassign(partitions)
        self._consumer.incremental_assign(partitions)
        self._at_committed |= _names(partitions)
        self.pause_unrestored()

    def restart_at(self, partition: Partition, offset: int) -> None:
        """Continue reading an assigned partition at another offset than the committed one."""
        self._unassign([TopicPartition(*partition)])
        self._consumer.incremental_assign([TopicPartition(*partition, offset)])
        self._at_committed.discard(partition)
        self.pause_unrestored()

    def end(self) -> None:
        """Release all partitions: the membership is over."""
        self._missing.clear()
        self._release(self._owned, lost=True)
        self._progress.left()

    def _drop_paused(self, messages: list[Message]) -> list[Message]:
        """Drop messages of paused partitions, which are read again when the partition is resumed."""
        active: list[Message] = []
        first: dict[Partition, int] = {}
        for message in messages:
            partition = message.topic() or "", int(message.partition() or 0)
            if message.error() or partition not in self._paused:
                active.append(message)
            else:
                first.setdefault(partition, int(message.offset() or 0))
        for partition, offset in first.items():
            self.restart_at(partition, offset)
        return active

    def assign_missing(self) -> None:
        """Assign co-partitioned partitions that did not exist at the assignment, if they exist now."""
        if not self._missing or time.monotonic() < self._check_missing_at:
            return
        if existing := self._existing([TopicPartition(*partition) for partition in sorted(self._missing)]):
            self._assign(existing)

    def _guarded(
        self, callback: Callable[[list[TopicPartition]], None]
    ) -> Callable[[Consumer, list[TopicPartition]], None]:
        """Keep what the client raises in a callback for `drop_revoked`.

        Raised through the client it could not be caught: the binding raises the bare `KafkaError`, no exception class.
        """

        def call(_consumer: Consumer, partitions: list[TopicPartition]) -> None:
            try:
                callback(partitions)
            except KafkaException as error:
                self._failure = error

        return call

    def _on_assign(self, partitions: list[TopicPartition]) -> None:
        self._assign(partitions + self._existing(self._copartitioned_with(partitions)))

    def _existing(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return the partitions that exist; the others are checked again later."""
        try:
            counts = {topic: len(self._consumer.list_topics(topic, REQUEST_TIMEOUT).topics[topic].partitions)
                      for topic in {partition.topic for partition in partitions}}  # fmt: skip
        except KafkaException as error:
            log.warning("partition counts unknown, assuming that all exist", reason=reason(error))
            counts = {}
        existing = [item for item in partitions if item.partition < counts.get(item.topic, item.partition + 1)]
        missing = _names(partitions) - _names(existing)
        if new := missing - self._missing:
            log.error("partitions do not exist: a topic that is read together with them has more", missing=[
                f"{topic}-{number}" for topic, number in sorted(new)],
                reason="give both the same number in contracts.toml and run scripts/create-topics: a restart is "
                "refused until then")  # fmt: skip
        self._missing = self._missing - _names(existing) | missing
        self._check_missing_at = time.monotonic() + MISSING_CHECK_SECONDS
        return existing

    def _assign(self, partitions: list[TopicPartition]) -> None:
        self._consumer.incremental_assign(partitions)
        self._at_committed |= _names(partitions)
        assigned = self._record("assigned", partitions)
        self._owned += assigned
        self._handler.assigned(assigned)
        self._progress.assigned(assigned)
        self.pause_unrestored()
        for partition in assigned:
            if partition not in self._paused:
                self._progress.restored(partition)

    def _on_revoke(self, partitions: list[TopicPartition]) -> None:
        partitions = self._with_copartitioned(partitions)
        revoked = self._record("revoked", partitions)
        try:
            self._commit()
        except KafkaException as error:
            self._failure = error
        self._unassign(partitions)
        self._release(revoked, lost=False)

    def _on_lost(self, partitions: list[TopicPartition]) -> None:
        partitions = self._with_copartitioned(partitions)
        self._unassign(partitions)
        lost = self._record("lost", partitions)
        if self._is_open():
            # Other members have these partitions: this transaction's messages of them can't be committed.
            self._failure = LostPartitions()
        self._release(lost, lost=True)

    def _copartitioned_with(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return the partitions of the other topics that are co-partitioned with those of the first topic."""
        return [TopicPartition(topic, first.partition) for topic in self._copartitioned for first in partitions]

    def _with_copartitioned(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return partitions of the first topic with the assigned ones that are co-partitioned with them.

        The assignment is not read from the client: while it closes it refuses the call, and may lose partitions.
        """
        copartitioned = self._copartitioned_with(partitions)
        self._missing -= _names(copartitioned)
        return partitions + [item for item in copartitioned if (item.topic, item.partition) in self._owned]

    def _unassign(self, partitions: list[TopicPartition]) -> None:
        """Unassign partitions, after resuming them: the client would keep the pause for their next assignment."""
        if paused := self._paused & _names(partitions):
            self._consumer.resume([TopicPartition(*partition) for partition in paused])
            self._paused -= paused
        self._consumer.incremental_unassign(partitions)

    def _release(self, partitions: Sequence[Partition], *, lost: bool) -> None:
        self._owned = [partition for partition in self._owned if partition not in partitions]
        self._paused.difference_update(partitions)
        self._handler.revoked(partitions, lost=lost)
        self._progress.revoked(partitions)

    def _record(self, change: str, partitions: list[TopicPartition]) -> list[Partition]:
        self._changed = True
        self._metrics.rebalances.labels(change=change).inc()
        log.info("rebalance", change=change, partitions=[f"{item.topic}-{item.partition}" for item in partitions])
        return [(item.topic, item.partition) for item in partitions]


def _names(partitions: Iterable[TopicPartition]) -> set[Partition]:
    return {(item.topic, item.partition) for item in partitions}
