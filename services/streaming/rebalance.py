"""The loop's membership of its group: which partitions come and go, and what that means for the open transaction.

Only the first topic is subscribed; the others are co-partitioned with it: who has a partition of the first topic has
the partition of the same number of each further one, and their offsets are the group's as well. Left to share out all
topics, the group counts partitions, whatever their topic: of two members one may get all of one topic, and the other
all of another.
"""

import time
from collections.abc import Callable, Sequence

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from services.streaming.failures import LostPartitions, reason
from services.streaming.handler import Handler
from services.streaming.metrics import LoopMetrics
from services.streaming.positions import Partition
from services.streaming.progress import LoopProgress

log = structlog.get_logger()

ASK_SECONDS = 5.0  # for an answer about a topic's partitions, in a rebalance
LOOK_AGAIN_SECONDS = 10.0  # for partitions that were not there


class RebalanceListener:
    """Follows the rebalances of one consumer; they happen inside its `consume`.

    Partitions whose state has to be restored first are paused as soon as they are assigned: the consumer stays a
    member by being polled, and reads nothing of them.

    Args:
        consumer: Not yet subscribed.
        handler: Told what comes and goes.
        metrics: Counts it.
        progress: Told what comes and goes.
        commit: Commits the open transaction, before partitions go to another member.
        is_open: Whether there is one.
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
        self._missing: set[Partition] = set()  # they go with owned ones, and their topic has not so many
        self._look_again_at = 0.0
        self._changed = False
        self._failure: KafkaException | None = None  # raised inside a callback

    @property
    def owned(self) -> Sequence[Partition]:
        """The partitions that are assigned."""
        return self._owned

    def join(self, topics: Sequence[str]) -> None:
        """Join the group.

        Args:
            topics: What is read; all have the same number of partitions.
        """
        first, *self._copartitioned = topics
        self._consumer.subscribe([first], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def drop_revoked(self, messages: list[Message]) -> list[Message]:
        """Return the messages of a batch whose partitions have not been revoked while it was being read.

        Raises:
            KafkaException: What was read before can't be committed any more.
        """
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure
        if messages and self._changed:
            owned = set(self._owned)
            messages = [message for message in messages
                        if message.error() or (message.topic(), message.partition()) in owned]  # fmt: skip
        self._changed = False
        return self._put_off(messages) if messages and self._paused else messages

    def pause_unrestored(self) -> None:
        """Pause the partitions that the handler waits for, and resume those that it waits for no more."""
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
        """Go back to the committed offsets, once they are stable: assign the same partitions anew."""
        partitions = [TopicPartition(*partition) for partition in self._owned]
        if partitions:
            self._unassign(partitions)
            self._consumer.incremental_assign(partitions)
            self.pause_unrestored()

    def restart_at(self, partition: Partition, offset: int) -> None:
        """Go on reading an assigned partition at another offset than the committed one."""
        self._unassign([TopicPartition(*partition)])
        self._consumer.incremental_assign([TopicPartition(*partition, offset)])
        self.pause_unrestored()

    def end(self) -> None:
        """Give up every partition: the membership is over."""
        self._missing.clear()
        self._give_up(self._owned, lost=True)
        self._progress.left()

    def _put_off(self, messages: list[Message]) -> list[Message]:
        """Leave out what came of a paused partition all the same; it is read again when the partition is resumed."""
        kept: list[Message] = []
        first: dict[Partition, int] = {}
        for message in messages:
            partition = message.topic() or "", int(message.partition() or 0)
            if message.error() or partition not in self._paused:
                kept.append(message)
            else:
                first.setdefault(partition, int(message.offset() or 0))
        for partition, offset in first.items():
            self.restart_at(partition, offset)
        return kept

    def assign_missing(self) -> None:
        """Take the partitions that were not there when those came that they go with, if they are there now."""
        if not self._missing or time.monotonic() < self._look_again_at:
            return
        if found := self._existing([TopicPartition(*partition) for partition in sorted(self._missing)]):
            self._assign(found)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:  # noqa: ARG002 - the client's
        self._assign(partitions + self._existing(self._copartitioned_with(partitions)))

    def _existing(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Those of some partitions that their topics have; the others are missing until they do."""
        try:
            counts = {topic: len(self._consumer.list_topics(topic, ASK_SECONDS).topics[topic].partitions)
                      for topic in {one.topic for one in partitions}}  # fmt: skip
        except KafkaException as error:
            log.warning("partitions can't be counted, taken to be there", reason=reason(error))
            counts = {}
        existing = [one for one in partitions if one.partition < counts.get(one.topic, one.partition + 1)]
        missing = {(one.topic, one.partition) for one in partitions} - {(one.topic, one.partition) for one in existing}
        if new := missing - self._missing:
            log.error("partitions do not exist: a topic that is read together with them has more", missing=[
                f"{topic}-{number}" for topic, number in sorted(new)],
                reason="give both the same number in contracts.toml and run scripts/create-topics: a restart is "
                "refused until then")  # fmt: skip
        self._missing = self._missing.difference((one.topic, one.partition) for one in existing) | missing
        self._look_again_at = time.monotonic() + LOOK_AGAIN_SECONDS
        return existing

    def _assign(self, partitions: list[TopicPartition]) -> None:
        self._consumer.incremental_assign(partitions)
        assigned = self._note("assigned", partitions)
        self._owned += assigned
        self._handler.assigned(assigned)
        self._progress.assigned(assigned)
        self.pause_unrestored()
        for partition in assigned:
            if partition not in self._paused:
                self._progress.restored(partition)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:  # noqa: ARG002 - the client's
        partitions = self._leaving(partitions)
        revoked = self._note("revoked", partitions)
        try:
            self._commit()
        except KafkaException as error:
            self._failure = error
        self._unassign(partitions)
        self._give_up(revoked, lost=False)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:  # noqa: ARG002 - the client's
        partitions = self._leaving(partitions)
        self._unassign(partitions)
        lost = self._note("lost", partitions)
        if self._is_open():
            # The group has given these partitions to others: what this transaction read of them can't be committed.
            self._failure = LostPartitions()
        self._give_up(lost, lost=True)

    def _copartitioned_with(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """The partitions of the co-partitioned topics that go with some of the first topic."""
        return [TopicPartition(topic, first.partition) for topic in self._copartitioned for first in partitions]

    def _leaving(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Partitions of the first topic, and what is assigned of those that go with them."""
        others = self._copartitioned_with(partitions)
        self._missing.difference_update((one.topic, one.partition) for one in others)
        assigned = {(one.topic, one.partition) for one in self._consumer.assignment()}
        return partitions + [one for one in others if (one.topic, one.partition) in assigned]

    def _unassign(self, partitions: list[TopicPartition]) -> None:
        """Unassign partitions, none of them paused: the client keeps the pause for their next assignment otherwise."""
        if paused := self._paused.intersection((one.topic, one.partition) for one in partitions):
            self._consumer.resume([TopicPartition(*partition) for partition in paused])
            self._paused -= paused
        self._consumer.incremental_unassign(partitions)

    def _give_up(self, partitions: Sequence[Partition], *, lost: bool) -> None:
        self._owned = [partition for partition in self._owned if partition not in partitions]
        self._paused.difference_update(partitions)
        self._handler.revoked(partitions, lost=lost)
        self._progress.revoked(partitions)

    def _note(self, change: str, partitions: list[TopicPartition]) -> list[Partition]:
        self._changed = True
        self._metrics.rebalances.labels(change=change).inc()
        log.info("rebalance", change=change, partitions=[f"{one.topic}-{one.partition}" for one in partitions])
        return [(one.topic, one.partition) for one in partitions]
