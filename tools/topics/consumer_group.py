"""The ends of topics, and the committed offsets, lag and members of a consumer group."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, OffsetSpec

from services.streaming.topics import partition_counts
from tools.topics.reader import Offsets, Partition, unavailable

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")

_TIMEOUT = 10.0


class ConsumerGroup:
    """Offsets of a cluster, and of one consumer group on it.

    Every method raises Unavailable if the brokers don't answer.

    Args:
        admin: Reaches the cluster.
        group: The consumer group.
        consumer: A consumer of that group at `read_uncommitted`, which never joins it. The admin client's call for
            committed offsets ends the process where the group's coordinator has moved (librdkafka 2.16).
    """

    def __init__(self, admin: AdminClient, group: str, consumer: Consumer) -> None:
        self._admin = admin
        self.group = group
        self._consumer = consumer

    def partitions(self, topics: Iterable[str]) -> list[Partition]:
        """The partitions of some topics, which must be there."""
        try:
            counts = partition_counts(self._admin)
        except KafkaException as error:
            raise unavailable(error) from error
        return [(topic, partition) for topic in topics for partition in range(counts[topic])]

    def ends(self, partitions: Iterable[Partition]) -> Offsets:
        """The offset after the last message of each partition, committed or not."""
        return self._offsets(partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def lag(self, ends: Offsets) -> int:
        """Number of messages before some offsets that the group has not committed."""
        try:
            places = self._consumer.committed([TopicPartition(*partition) for partition in ends], _TIMEOUT)
        except KafkaException as error:
            raise unavailable(error) from error
        committed = {(place.topic, place.partition): place.offset for place in places}
        fresh = [partition for partition in ends if committed.get(partition, -1) < 0]
        committed |= self._offsets(fresh, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        return sum(max(0, end - committed[partition]) for partition, end in ends.items())

    def members(self) -> list[str]:
        """The client ids of the group's members."""
        description = self._describe()
        return [member.client_id for member in description.members] if description else []

    def owns(self, client_id: str, partitions: Iterable[Partition]) -> bool:
        """Return whether the group is at work and that client reads all of these partitions."""
        description = self._describe()
        if description is None or description.state != ConsumerGroupState.STABLE:
            return False
        owned = {
            (place.topic, place.partition)
            for member in description.members
            if member.client_id == client_id and member.assignment
            for place in member.assignment.topic_partitions
        }
        return owned.issuperset(partitions)

    def _describe(self) -> ConsumerGroupDescription | None:
        answer = self._admin.describe_consumer_groups([self.group], request_timeout=_TIMEOUT)[self.group]
        try:
            description: ConsumerGroupDescription = answer.result()
        except KafkaException as error:
            if error.args[0].name() == "GROUP_ID_NOT_FOUND":
                return None
            raise unavailable(error) from error
        return description

    def _offsets(self, partitions: Iterable[Partition], spec: OffsetSpec) -> dict[Partition, int]:
        request = {TopicPartition(topic, partition): spec for topic, partition in partitions}
        if not request:
            return {}
        answers = self._admin.list_offsets(request, request_timeout=_TIMEOUT)
        return {(where.topic, where.partition): _result(answer).offset for where, answer in answers.items()}


def _result(answer: "Future[T]") -> T:
    try:
        return answer.result()
    except KafkaException as error:
        raise unavailable(error) from error
