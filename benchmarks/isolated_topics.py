"""Topics, subjects and a consumer group of one run alone, and an input that appears all at once.

The input is written in a Kafka transaction that stays open until every contender has joined its group and owns its
partitions; the commit is the starting gun. So starting a process (a Java virtual machine takes seconds) is no part of
the figures, and two processes start together.
"""

import re
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupState, IsolationLevel, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from benchmarks.work import Work
from services.commands.create_topics import Topics
from services.contracts import Registry, RegistrySettings, load_contracts
from services.streaming.clients import PARTITIONER
from tools.harness.contracts import environment, private_contracts, register_all
from tools.local_cluster import Cluster
from tools.topics.reader import TopicReader

TIMEOUT = 90.0
READER = {"group.id": "benchmark", "isolation.level": "read_committed", "enable.auto.commit": False}


class IsolatedTopics:
    """Topics, subjects and a consumer group that one run alone uses.

    Args:
        cluster: The cluster.
        directory: Takes the contracts of the run.
        partitions: Number of partitions of every topic; None for those of the contracts.
    """

    def __init__(self, cluster: Cluster, directory: Path, partitions: int | None = None) -> None:
        self._servers: dict[str, Any] = {"bootstrap.servers": cluster.bootstrap_servers}
        self._admin = AdminClient(self._servers)
        prefix = f"b{uuid.uuid4().hex[:8]}."
        schemas = directory / f"{prefix}schemas"
        file = private_contracts(schemas, prefix)
        if partitions:
            file.write_text(re.sub(r"(?m)^partitions = \d+", f"partitions = {partitions}", file.read_text()))
        contracts = load_contracts(file)
        Topics(self._admin).apply(contracts.topics)
        with Registry(RegistrySettings.load(url=cluster.registry_url)) as registry:
            self.schema_id = register_all(registry, contracts)
        settings = environment(file, prefix)
        self.input, self.outputs = settings["TRANSACTIONS_TOPIC"], (settings["LEGIT_TOPIC"], settings["FRAUD_TOPIC"])
        self._topics = [topic.name for topic in contracts.topics]
        self._partitions = {topic.name: topic.partitions for topic in contracts.topics}
        self.group = prefix + "detector"
        self._loader: Producer | None = None
        self.environment = {
            "KAFKA_BROKER_URL": cluster.bootstrap_servers,
            "SCHEMA_REGISTRY_URL": cluster.registry_url,
            **settings,
            "SCHEMA_FILE": str(schemas / "transaction.avsc"),
            "SCHEMA_ID": str(self.schema_id),
            "STATE_DIR": str(directory / f"{prefix}state"),
            "SUSPICIOUS_AMOUNT": "900",
        }

    def load(self, work: Work) -> None:
        """Write the input in a transaction that stays open."""
        config = {
            "transactional.id": self.group + ".loader",
            "transaction.timeout.ms": 600_000,
            "partitioner": PARTITIONER,
            "log_level": 3,
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 200_000,
        }
        self._loader = Producer({**self._servers, **config})
        self._loader.init_transactions(30)
        self._loader.begin_transaction()
        for value, key in zip(work.values, work.keys, strict=True):
            while True:
                try:
                    self._loader.produce(self.input, value, key)
                    break
                except BufferError:
                    self._loader.poll(0.05)
        self._loader.flush(TIMEOUT)

    def reveal(self) -> None:
        """Commit the input, so that it becomes visible."""
        assert self._loader is not None
        self._loader.commit_transaction(TIMEOUT)

    def ready(self, members: int) -> bool:
        """Return whether the group is settled and that many members own all partitions of the input, each its share."""
        try:
            group = self._admin.describe_consumer_groups([self.group], request_timeout=10)[self.group].result()
        except Exception:  # noqa: BLE001 - a group without members
            return False
        owned = [
            len([place for place in member.assignment.topic_partitions if place.topic == self.input])
            for member in group.members
            if member.assignment
        ]
        all_partitions = self._partitions[self.input]
        settled = group.state == ConsumerGroupState.STABLE and sum(owned) == all_partitions
        return settled and len(owned) == members and max(owned) - min(owned) <= 1

    def reached(self, topics: tuple[str, ...]) -> int:
        """Sum of the last stable offsets of topics: messages and the markers of transactions."""
        latest: dict[TopicPartition, Any] = {
            TopicPartition(topic, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for topic in topics
            for partition in range(self._partitions[topic])
        }
        answers = self._admin.list_offsets(latest, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=10)
        return sum(answer.result().offset for answer in answers.values())

    def count(self, topics: tuple[str, ...]) -> Counter[str]:
        """Committed messages of each topic, counted by reading every one of them."""
        counts = Counter(dict.fromkeys(topics, 0))
        for messages in self._read(topics):
            counts.update(str(message.topic()) for message in messages)
        return counts

    def values(self, topic: str) -> list[bytes]:
        """Values of the committed messages of a topic."""
        return [message.value() or b"" for messages in self._read((topic,)) for message in messages]

    def _read(self, topics: tuple[str, ...]) -> Iterator[Sequence[Message]]:
        starts = {(topic, number): 0 for topic in topics for number in range(self._partitions[topic])}
        with closing(Consumer({**self._servers, **READER, "enable.partition.eof": True})) as consumer:
            yield from TopicReader(consumer, starts).batches()

    def remove(self) -> None:
        """Delete the topics: later runs need the room and the broker's attention."""
        for future in self._admin.delete_topics(self._topics).values():
            future.result()
