"""A pipeline of one's own: topics, subjects and a consumer group that nothing else uses, on the real cluster."""

import json
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer, IsolationLevel, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, OffsetSpec, ResourceType

from services.commands.create_topics import Topics
from services.contracts import ColumnEncoder, Contracts, Registry, RegistrySettings, load_contracts
from services.streaming.clients import PARTITIONER
from tools.harness.contracts import environment, private_contracts, register_all
from tools.harness.processes import Service
from tools.harness.waiting import DEADLINE, NeverCame, wait_for_count
from tools.local_cluster import Cluster
from tools.topics.batches import SingleTransactions
from tools.topics.reader import TopicReader

TOPICS = ("queueing.transactions", "streaming.transactions.legit", "streaming.transactions.fraud",
          "queueing.transactions.dlq")  # fmt: skip

# Where the fields of a framed transaction are, by its schema: independent of the code under test.
_TARGET = slice(5 + 1 + 36 + 13 + 1, 5 + 1 + 36 + 13 + 13)
_AMOUNT = 5 + 1 + 36 + 13 + 13


class Pipeline:
    """Contracts of its own, applied to a cluster; starts services on them, writes to them, reads them.

    Args:
        cluster: The broker and registry.
        directory: Takes the contracts and the services' logs.
        create: Make the topics.
        register: Register the schemas.
    """

    def __init__(self, cluster: Cluster, directory: Path, *, create: bool = True, register: bool = True) -> None:
        self.cluster = cluster
        self.directory = directory
        self.prefix = f"t{uuid.uuid4().hex[:8]}."
        self.input, self.legit, self.fraud, self.dead = (self.prefix + topic for topic in TOPICS)
        self.alerts, self.by_source = self.prefix + "streaming.alerts", self.prefix + "streaming.transactions.by-source"
        self.by_target = self.prefix + "streaming.transactions.by-target"
        self.scores = self.prefix + "streaming.scores"
        self.state = self.prefix + "streaming.transactions.state"
        self.rules = self.prefix + "streaming.rules"
        self.group = self.prefix + "detector"
        self.schemas = directory / "schemas"
        private_contracts(self.schemas, self.prefix)
        self.schema_id = 0
        self._services = 0
        if create:
            self.create_topics()
        if register:
            self.schema_id = self.register()

    @property
    def contracts(self) -> Contracts:
        """The contracts as they are now."""
        return load_contracts(self.schemas / "contracts.toml")

    @property
    def admin(self) -> AdminClient:
        """A new admin client."""
        return AdminClient({**self.cluster.client_config(), "log_level": 0})

    @property
    def registry(self) -> Registry:
        """A new client of the registry."""
        return Registry(RegistrySettings.load(**self.cluster.registry_config()))

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of services on this pipeline."""
        return self.cluster.environment() | environment(self.schemas / "contracts.toml", self.prefix)

    def create_topics(self) -> None:
        """Makes all topics."""
        Topics(self.admin).apply(self.contracts.topics)

    def create_topics_of(self, *names: str) -> None:
        """Makes some of the topics."""
        Topics(self.admin).apply([self.contracts.topic(name) for name in names])

    def alter(self, topic: str, **config: str) -> None:
        """Change the configuration of a topic; `config` has `_` for `.` in its names."""
        entries = [ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
                   for name, value in config.items()]  # fmt: skip
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        admin = self.admin
        admin.incremental_alter_configs([resource])[resource].result()

    def register(self, *topics: str) -> int:
        """Registers the schemas of some topics, or of all; the transaction's id, the same under every subject."""
        contracts = self.contracts
        with self.registry as registry:
            if not topics:
                return register_all(registry, contracts)
            chosen = [contracts.topic(topic) for topic in topics]
            (schema_id,) = {registry.register(topic.subject, topic.required_schema).id for topic in chosen}
        return schema_id

    def start(self, service: str, **environment: str) -> Service:
        """Starts `services.<service>`, on a secured cluster as the user of that name; another log file each time."""
        self._services += 1
        log = self.directory / f"{service}-{self._services}.log"
        login = self.cluster.security.environment(service) if self.cluster.security else {}
        return Service(f"services.{service}", self.environment | login | environment, log)

    def transactions(
        self, count: int, seed: int = 1, *, amount: int | None = None, created_at: int | None = None
    ) -> list[bytes]:
        """Framed transactions.

        Args:
            count: Their number.
            seed: Chooses ids, accounts and amounts.
            amount: Amount of each in cents; by default spread evenly over 1.00 to 1000.00.
            created_at: Event time of each in ms since the epoch; by default now.
        """
        random = np.random.default_rng(seed)
        ids = [str(uuid.UUID(bytes=random.bytes(16), version=4)).encode() for _ in range(count)]
        accounts = np.array([f"account{i:05d}".encode() for i in range(1000)])
        columns = {
            "id": np.array(ids),
            "source": accounts[random.integers(0, 1000, count)],
            "target": accounts[random.integers(0, 1000, count)],
            "amount": random.integers(100, 100_001, count) if amount is None else np.full(count, amount),
            "currency": np.full(count, b"EUR"),
            "created_at": np.full(count, int(time.time() * 1000) if created_at is None else created_at),
        }
        schema = self.contracts.topic(self.input).required_schema.json
        return ColumnEncoder(schema, list(columns)).encode(columns, self.schema_id)

    def evolve(self, *subjects_of: str) -> None:
        """Adds a field to the contract; from now on `transactions` are of the second version.

        Args:
            subjects_of: The topics whose subject gets the second version; none for all.
        """
        path = self.schemas / "transaction.avsc"
        schema = json.loads(path.read_text())
        schema["fields"].append({"name": "note", "type": ["null", "string"], "default": None, "doc": "Anything."})
        path.write_text(json.dumps(schema))
        before = self.schema_id
        self.schema_id = self.register(*subjects_of)
        if self.schema_id == before:
            raise NeverCame(f"the evolved schema has the old id {before}")

    def produce(
        self, values: Iterable[bytes | None], topic: str | None = None, *, keyed: bool = False, **extra: Any
    ) -> None:
        """Writes values, spread over the partitions, and waits until all are acknowledged.

        Args:
            values: The values to write.
            topic: The topic to write to; by default the input topic.
            keyed: Each value is a transaction, whose target becomes the key, as the generator does it.
            extra: Handed to the producer for each message: key, headers, timestamp.
        """
        producer = Producer({**self.cluster.client_config(), "linger.ms": 20,
                             "batch.size": 1_000_000, "queue.buffering.max.messages": 1_000_000,
                             "message.max.bytes": 2_000_000, "partitioner": PARTITIONER})  # fmt: skip
        failed: list[Any] = []

        def note(error: KafkaError | None, _message: Message) -> None:
            if error:
                failed.append(error)

        for value in values:
            if keyed and value is not None:
                extra["key"] = value[_TARGET]
            producer.produce(topic or self.input, value, on_delivery=note, **extra)
        left = producer.flush(DEADLINE)
        if left or failed:
            raise NeverCame(f"{left} messages not acknowledged, {len(failed)} refused: {failed[:1]}")

    def read(self, topic: str, isolation: str = "read_committed") -> list[Message]:
        """Every message that is visible in a topic now; of a repartition topic the transactions in its batches."""
        consumer = Consumer({**self.cluster.client_config(), "group.id": "reader",
                             "isolation.level": isolation, "enable.auto.commit": False,
                             "enable.partition.eof": True, "fetch.wait.max.ms": 20})  # fmt: skip
        with closing(consumer):
            count = len(consumer.list_topics(topic, 10).topics[topic].partitions)
            reader = TopicReader(consumer, {(topic, partition): 0 for partition in range(count)})
            messages = [message for batch in reader.batches() for message in batch]
        if topic not in {self.by_target, self.by_source}:
            return messages
        with self.registry as registry:
            return list(SingleTransactions(registry).of(messages))

    def open_transactions(self, admin: AdminClient | None = None) -> int:
        """Number of output partitions with records of a transaction that is neither committed nor aborted.

        There the last stable offset, where readers at read committed end, is before the end of the log.
        """
        admin = admin or self.admin
        partitions = [TopicPartition(topic, n) for topic in self._transactional for n in range(4)]
        partitions.append(TopicPartition(self.dead, 0))
        latest: dict[TopicPartition, OffsetSpec] = {}
        for partition in partitions:
            latest[partition] = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        # The stable ends are asked for last: what commits in between makes them larger, never smaller.
        ends, stable = (
            {where: answer.result().offset for where, answer in admin.list_offsets(
                latest, isolation_level=level, request_timeout=10).items()}
            for level in (IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED)
        )  # fmt: skip
        return sum(stable[partition] < end for partition, end in ends.items())

    @property
    def _transactional(self) -> Sequence[str]:
        """Topics that detectors write, besides dead letters."""
        return self.legit, self.fraud, self.by_target, self.by_source, self.alerts

    def outputs(self) -> tuple[list[bytes | None], list[bytes | None], list[Message]]:
        """The values of legit and fraud, and the dead letters."""
        legit, fraud = ([message.value() for message in self.read(topic)] for topic in (self.legit, self.fraud))
        return legit, fraud, self.read(self.dead)

    def wait_for_outputs(
        self, count: int, patience: float = DEADLINE
    ) -> tuple[list[bytes | None], list[bytes | None], list[Message]]:
        """Waits until the outputs and dead letters add up to `count` or more, for as long as they become more."""
        outputs: tuple[list[bytes | None], list[bytes | None], list[Message]] = ([], [], [])

        def read() -> int:
            nonlocal outputs
            outputs = self.outputs()
            return sum(len(part) for part in outputs)

        wait_for_count(read, count, "outputs", patience, pause=0.1)
        return outputs


def amounts(values: Sequence[bytes | None]) -> list[Decimal]:
    """The amounts, by their place in the layout: independent of the code under test."""
    decoded = []
    for value in filter(None, values):
        length = value[_AMOUNT] >> 1
        digits = int.from_bytes(value[_AMOUNT + 1 : _AMOUNT + 1 + length], "big", signed=True)
        decoded.append(Decimal(digits).scaleb(-2))
    return decoded
