"""A pipeline of a test's own: topics, subjects and a consumer group that nothing else uses, on the real cluster."""

import json
import shutil
import time
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from services.contracts import Contracts, load_contracts
from services.contracts.columns import ColumnEncoder
from services.contracts.registry import Registry
from services.contracts.registry_settings import RegistrySettings
from services.streaming.create_topics import Topics
from tests.support.processes import DEADLINE, Service
from tools.local_cluster import Cluster

SCHEMAS = Path(__file__).parents[2] / "schemas"
TOPICS = ("queueing.transactions", "streaming.transactions.legit", "streaming.transactions.fraud",
          "queueing.transactions.dlq")  # fmt: skip


class Pipeline:
    """Contracts of its own, applied to a cluster; starts services on them, writes to them, reads them.

    Args:
        cluster: The broker and registry.
        directory: Takes the contracts and the services' logs.
    """

    def __init__(self, cluster: Cluster, directory: Path, *, create: bool = True, register: bool = True) -> None:
        self.cluster = cluster
        self.directory = directory
        self.prefix = f"t{uuid.uuid4().hex[:8]}."
        self.input, self.legit, self.fraud, self.dead = (self.prefix + topic for topic in TOPICS)
        self.schemas = directory / "schemas"
        shutil.copytree(SCHEMAS, self.schemas)
        contracts = self.schemas / "contracts.toml"
        contracts.write_text(contracts.read_text().replace('[topics."', f'[topics."{self.prefix}'))
        self.schema_id = 0
        self._services = 0
        if create:
            self.create_topics()
        if register:
            self.schema_id = self.register()

    @property
    def contracts(self) -> Contracts:
        return load_contracts(self.schemas / "contracts.toml")

    @property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.cluster.bootstrap_servers})

    @property
    def registry(self) -> Registry:
        return Registry(RegistrySettings.load(url=self.cluster.registry_url))

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.cluster.environment(),
            "SCHEMAS_DIR": str(self.schemas),
            "TRANSACTIONS_TOPIC": self.input,
            "LEGIT_TOPIC": self.legit,
            "FRAUD_TOPIC": self.fraud,
            "DEAD_LETTER_TOPIC": self.dead,
            "CONSUMER_GROUP": self.prefix + "detector",
        }

    def create_topics(self) -> None:
        Topics(self.admin).apply(self.contracts.topics)

    def create_topics_of(self, *names: str) -> None:
        Topics(self.admin).apply([self.contracts.topic(name) for name in names])

    def register(self, *topics: str) -> int:
        """Registers the schemas of some topics, or of all; the id, which is the same under every subject."""
        chosen = [topic for topic in self.contracts.governed if topic.name in topics or not topics]
        with self.registry as registry:
            ids = {registry.register(topic.subject, topic.required_schema).id for topic in chosen}
        (schema_id,) = ids
        return schema_id

    def start(self, service: str, **environment: str) -> Service:
        """Starts `services.<service>`; a different log file each time."""
        self._services += 1
        log = self.directory / f"{service}-{self._services}.log"
        return Service(f"services.{service}", self.environment | environment, log)

    def transactions(self, count: int, seed: int = 1) -> list[bytes]:
        """Framed transactions with amounts spread evenly over 1.00 to 1000.00."""
        random = np.random.default_rng(seed)
        ids = [str(uuid.UUID(bytes=random.bytes(16), version=4)).encode() for _ in range(count)]
        accounts = np.array([f"account{i:05d}".encode() for i in range(1000)])
        columns = {
            "id": np.array(ids),
            "source": accounts[random.integers(0, 1000, count)],
            "target": accounts[random.integers(0, 1000, count)],
            "amount": random.integers(100, 100_001, count),
            "currency": np.full(count, b"EUR"),
            "created_at": np.full(count, int(time.time() * 1000)),
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
        assert self.schema_id != before

    def produce(self, values: Iterable[bytes | None], topic: str | None = None, **extra: Any) -> None:
        """Writes values, spread over the partitions, and waits until all are acknowledged."""
        producer = Producer({"bootstrap.servers": self.cluster.bootstrap_servers, "linger.ms": 20,
                             "batch.size": 1_000_000, "queue.buffering.max.messages": 1_000_000,
                             "message.max.bytes": 2_000_000})  # fmt: skip
        failed: list[Any] = []
        for value in values:
            producer.produce(topic or self.input, value, on_delivery=lambda error, _: error and failed.append(error),
                             **extra)  # fmt: skip
        assert producer.flush(DEADLINE) == 0
        assert not failed

    def read(self, topic: str, isolation: str = "read_committed") -> list[Message]:
        """Every message that is visible in a topic now."""
        consumer = Consumer({"bootstrap.servers": self.cluster.bootstrap_servers, "group.id": "reader",
                             "isolation.level": isolation, "enable.auto.commit": False,
                             "enable.partition.eof": True})  # fmt: skip
        count = len(consumer.list_topics(topic, 10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(count)])
        messages: list[Message] = []
        ended: set[int] = set()
        deadline = time.monotonic() + DEADLINE
        while len(ended) < count:
            assert time.monotonic() < deadline, f"could not read {topic} to its end"
            for message in consumer.consume(10_000, 0.2):
                error = message.error()
                if error is None:
                    messages.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition())
                else:
                    raise AssertionError(error)
        consumer.close()
        return messages

    def outputs(self) -> tuple[list[bytes | None], list[bytes | None], list[Message]]:
        """The values of legit and fraud, and the dead letters."""
        legit, fraud = ([message.value() for message in self.read(topic)] for topic in (self.legit, self.fraud))
        return legit, fraud, self.read(self.dead)

    def wait_for_outputs(self, count: int) -> tuple[list[bytes | None], list[bytes | None], list[Message]]:
        """Waits until the outputs and dead letters add up to `count` or more."""
        deadline = time.monotonic() + DEADLINE
        while True:
            legit, fraud, dead = self.outputs()
            if len(legit) + len(fraud) + len(dead) >= count:
                return legit, fraud, dead
            assert time.monotonic() < deadline, f"{len(legit)} + {len(fraud)} + {len(dead)} of {count} outputs"
            time.sleep(0.1)


def amounts(values: Sequence[bytes | None]) -> list[Decimal]:
    """The amounts, by their place in the layout: independent of the code under test."""
    found = []
    for value in values:
        assert value is not None
        place = 5 + 1 + 36 + 13 + 13
        length = value[place] >> 1
        found.append(Decimal(int.from_bytes(value[place + 1 : place + 1 + length], "big", signed=True)).scaleb(-2))
    return found
