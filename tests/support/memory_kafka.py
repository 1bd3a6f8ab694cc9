"""Topics in memory: committed records only, with gaps in offsets where transactions end."""

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from confluent_kafka import KafkaError, Message, TopicPartition

from services.streaming.positions import Partition


class MemoryTopics:
    """Partitions of topics.

    Args:
        counts: Number of partitions by topic.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = counts
        self.logs: dict[Partition, list[Message]] = {
            (topic, number): [] for topic, count in counts.items() for number in range(count)
        }
        self.ends: dict[Partition, int] = dict.fromkeys(self.logs, 0)

    def append(self, records: Iterable[tuple[Partition, Mapping[str, Any]]]) -> None:
        """Commit a transaction: records, each with its partition and the arguments of its message, then markers."""
        changed = set()
        for partition, record in records:
            topic, number = partition
            message = Message(topic=topic, partition=number, offset=self.ends[partition], **record)
            self.logs[partition].append(message)
            self.ends[partition] += 1
            changed.add(partition)
        for partition in changed:
            self.ends[partition] += 1

    def of(self, topic: str) -> list[Message]:
        """Return the records of a topic, one partition after the other."""
        return [message for number in range(self.counts[topic]) for message in self.logs[topic, number]]


class MemoryClients:
    """Makes clients of topics in memory, as `KafkaClients` does of brokers."""

    def __init__(self, topics: MemoryTopics) -> None:
        self._topics = topics

    def consumer(self, _group: str, **_properties: Any) -> "MemoryConsumer":
        return MemoryConsumer(self._topics)

    def admin(self) -> Any:
        raise AssertionError("nothing is asked of an admin client")


class MemoryConsumer:
    """A consumer of assigned partitions that reports their ends."""

    def __init__(self, topics: MemoryTopics) -> None:
        self._topics = topics
        self._positions: dict[Partition, int] = {}

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self._positions = {(each.topic, each.partition): each.offset for each in partitions}

    def incremental_unassign(self, partitions: Sequence[TopicPartition]) -> None:
        for each in partitions:
            self._positions.pop((each.topic, each.partition), None)

    def consume(self, limit: int, _timeout: float) -> list[Message]:
        messages: list[Message] = []
        for partition, position in list(self._positions.items()):
            end = self._topics.ends[partition]
            messages += [each for each in self._topics.logs[partition] if (each.offset() or 0) >= position][:limit]
            self._positions[partition] = end
            eof = KafkaError(KafkaError._PARTITION_EOF)
            messages.append(Message(topic=partition[0], partition=partition[1], offset=end, error=eof))
        return messages

    def get_watermark_offsets(self, partition: TopicPartition, *_arguments: Any, **_named: Any) -> tuple[int, int]:
        return 0, self._topics.ends[partition.topic, partition.partition]

    def list_topics(self, topic: str, _timeout: float) -> Any:
        numbers = range(self._topics.counts[topic])
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions=numbers)})

    def close(self) -> None:
        """Do nothing."""
