"""The loop's membership of its group: what partitions come and go, and what that means for the open transaction.

The group shares out the first topic alone. Whoever has a partition of it has that of the same number of each further
topic as well: their offsets are the group's, and they move with it. Left to share out all topics, the group counts
partitions, whatever their topic: of two members one may get the whole of one topic, and the other another.
"""

from collections.abc import Callable, Sequence

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from services.streaming.failures import LostPartitions
from services.streaming.handler import Handler, Partition
from services.streaming.metrics import LoopMetrics

log = structlog.get_logger()


class Membership:
    """Follows the rebalances of one consumer; they happen inside its `consume`.

    Args:
        consumer: Not yet subscribed.
        handler: Told what comes and goes.
        metrics: Counts it.
        commit: Commits the open transaction, before partitions go to somebody else.
        is_open: Whether there is one.
    """

    def __init__(
        self,
        consumer: Consumer,
        handler: Handler,
        metrics: LoopMetrics,
        *,
        commit: Callable[[], None],
        is_open: Callable[[], bool],
    ) -> None:
        self._consumer = consumer
        self._handler = handler
        self._metrics = metrics
        self._commit = commit
        self._is_open = is_open
        self._companions: Sequence[str] = ()
        self._owned: list[Partition] = []
        self._changed = False
        self._failure: KafkaException | None = None  # raised inside a callback

    def join(self, topics: Sequence[str]) -> None:
        """Joins the group.

        Args:
            topics: What is read; all have the same number of partitions.
        """
        first, *self._companions = topics
        self._consumer.subscribe([first], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def ours(self, messages: list[Message]) -> list[Message]:
        """What of a batch is still ours: partitions may have been revoked while it was being read.

        Raises:
            KafkaException: What was read before can't be committed any more.
        """
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure
        if messages and self._changed:
            owned = {(partition.topic, partition.partition) for partition in self._consumer.assignment()}
            messages = [one for one in messages if one.error() or (one.topic(), one.partition()) in owned]
        self._changed = False
        return messages

    def end(self) -> None:
        """Whatever was ours is not any more."""
        self._give_up(self._owned)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        partitions = self._accompanied(partitions)
        consumer.incremental_assign(partitions)
        assigned = self._note("assigned", partitions)
        self._owned += assigned
        self._handler.assigned(assigned)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        partitions = self._accompanied(partitions)
        revoked = self._note("revoked", partitions)
        try:
            self._commit()
        except KafkaException as error:
            self._failure = error
        consumer.incremental_unassign(partitions)
        self._give_up(revoked)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        partitions = self._accompanied(partitions)
        consumer.incremental_unassign(partitions)
        lost = self._note("lost", partitions)
        if self._is_open():
            # The group has given these partitions to others: what this transaction read of them is not ours any more.
            self._failure = LostPartitions()
        self._give_up(lost)

    def _accompanied(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Partitions of the first topic, and those of the other topics that go with them."""
        return partitions + [TopicPartition(topic, one.partition) for topic in self._companions for one in partitions]

    def _give_up(self, partitions: Sequence[Partition]) -> None:
        self._owned = [partition for partition in self._owned if partition not in partitions]
        self._handler.revoked(partitions)

    def _note(self, change: str, partitions: list[TopicPartition]) -> list[Partition]:
        self._changed = True
        self._metrics.rebalances.labels(change=change).inc()
        log.info("rebalance", change=change, partitions=[f"{one.topic}-{one.partition}" for one in partitions])
        return [(one.topic, one.partition) for one in partitions]
