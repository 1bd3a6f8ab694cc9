"""Random streams through the job's evaluator, on topics in memory: ``python -m tests.support.flink_streams``.

Flink is played: batches of any size over any partitions, checkpoints that make outputs visible, crashes between them,
and other numbers of slots. Each verdict and each alert is compared with a plain recomputation of what the topics have.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from confluent_kafka import Message

from services.contracts import HEADER_SIZE, RecordDecoder, Registration, Schema, UnknownSchemaId, load_contracts
from services.detection.topics import DetectorTopics
from services.detector_flink.batch_evaluator import BatchEvaluator
from services.detector_flink.output_rows import FIXED, Row
from services.detector_flink.settings import FlinkSettings
from services.detector_flink.worker import assemble
from services.rules.loading import parse_rules
from services.rules.topology import Topology, build_topology
from services.streaming.logs import configure_logging
from services.streaming.partitioner import partition_of_key
from services.streaming.positions import Partition, position_of
from tests.support.memory_kafka import MemoryClients, MemoryTopics
from tools.chaos.traffic import Encoder, Payment
from tools.harness.reference_windows import Sliding, fired
from tools.topics.batches import SingleTransactions

CONTRACTS = load_contracts(Path(__file__).parents[2] / "schemas" / "contracts.toml")
INPUT, LEGIT, FRAUD = "queueing.transactions", "streaming.transactions.legit", "streaming.transactions.fraud"
DEAD, ALERTS, BY_SOURCE = "queueing.transactions.dlq", "streaming.alerts", "streaming.transactions.by-source"
STATE = "streaming.transactions.state"
NOW = 1_767_225_600_000
RULES = """
[rules.busy-receiver]
severity = "low"
reason = "{payments}"
windows.payments = { measure = "count", by = ["target"], over = "20s", at_least = 4 }

[rules.many-senders]
severity = "low"
reason = "{senders}"
windows.senders = { measure = "distinct source", by = ["target"], over = "60s", at_least = 4 }

[rules.rapid-fire]
severity = "low"
reason = "{payments}"
windows.payments = { measure = "count", by = ["source"], over = "10s", at_least = 3 }

[rules.much-money]
severity = "low"
reason = "{total}"
windows.total = { measure = "sum amount", by = ["source"], over = "40s", where = "amount >= 500", at_least = 2500 }
"""
BY_TARGET_RULES = [
    Sliding("busy-receiver", "target", 20_000, len, 4),
    Sliding("many-senders", "target", 60_000, lambda rows: len({row["source"] for row in rows}), 4),
]
BY_SOURCE_RULES = [
    Sliding("rapid-fire", "source", 10_000, len, 3),
    Sliding("much-money", "source", 40_000, lambda rows: sum(row["amount"] for row in rows), 2500,
            lambda row: bool(row["amount"] >= 500)),
]  # fmt: skip


class ContractRegistry:
    """A registry that has the contracts, each schema under an id of its own."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, Any] = {}
        self._subjects: dict[int, set[str]] = {}

    def require(self, subject: str, schema: Schema) -> Registration:
        identifier = self._ids.setdefault(str(schema.json), len(self._ids) + 1)
        self._schemas[identifier] = schema.json
        self._subjects.setdefault(identifier, set()).add(subject)
        return Registration(subject, version=1, id=identifier)

    def schema_of(self, identifier: int) -> Any:
        if identifier not in self._schemas:
            raise UnknownSchemaId(f"no schema has the id {identifier}")
        return self._schemas[identifier]

    def subjects_of(self, identifier: int) -> set[str]:
        return self._subjects[identifier]


@cache
def topology_of(settings: FlinkSettings) -> tuple[DetectorTopics, Topology]:
    """Return the topics and the rules."""
    topics = DetectorTopics.of(settings, CONTRACTS)
    rules = parse_rules(RULES, "rules.toml", topics.schema, {})
    return topics, build_topology(rules, topics.stages)


class FlinkStream:
    """One stream, and all that can happen to it.

    Args:
        random: Decides everything.
        seen: Counts what was compared.
    """

    def __init__(self, random: Random, seen: Counter[str]) -> None:
        self._random = random
        self._seen = seen
        self._lateness = random.choice([0, 5, 60])
        state = random.choice([STATE, STATE, "off"])
        with patch.dict(os.environ, {}, clear=True):
            self._settings = FlinkSettings(
                kafka_broker_url="memory:1", input_keyed="trust", allowed_lateness=self._lateness, state_topic=state
            )
        self._topics, self._topology = topology_of(self._settings)
        counts = {INPUT: random.choice([1, 3]), BY_SOURCE: random.choice([1, 3])}
        counts |= {STATE: max(counts.values()), LEGIT: 2, FRAUD: 2, DEAD: 1, ALERTS: 2, "streaming.rules": 1}
        self._kafka = MemoryTopics(counts)
        self._registry = ContractRegistry()
        schema = self._registry.require(INPUT + "-value", self._topics.schema)
        self._encoder = Encoder(SimpleNamespace(schema_id=schema.id, contracts=CONTRACTS, input=INPUT))  # type: ignore[arg-type]
        self._torn: set[bytes] = set()
        self._read = dict.fromkeys([(t, n) for t in (INPUT, BY_SOURCE) for n in range(counts[t])], 0)
        self._checkpoint = dict(self._read)
        self._pending: list[Row] = []
        self._written = 0
        self._now = NOW
        self._deploy()

    def run(self) -> None:
        """Run the steps, then all that is left, and compare."""
        steps = (self._feed, self._feed, self._batch, self._batch, self._batch, self._checkpointed)
        rare = (self._crash, self._rescale, self._checkpointed)
        for _ in range(self._random.randint(5, 60)):
            self._random.choice(steps if self._random.random() < 0.85 else rare)()
        self._checkpointed()
        while any(self._unread(partition) for partition in self._read):
            self._batch()
            self._checkpointed()
        self._compare()
        self._seen["streams"] += 1

    def _deploy(self) -> None:
        """Start new workers on all slots, each with some of the partitions."""
        slots = self._random.choice([1, 1, 2, 3])
        workers = [self._worker() for _ in range(slots)]
        self._workers = {partition: self._random.choice(workers) for partition in self._read}

    def _worker(self) -> BatchEvaluator:
        clients: Any = MemoryClients(self._kafka)
        registry: Any = self._registry
        return assemble(
            self._settings, self._topics, self._topology, clients=clients, registry=registry,
            limits={topic.name: 1_000_000 for topic in self._topics.all},
            partition_count=self._kafka.counts.__getitem__,
        )  # fmt: skip

    def _feed(self) -> None:
        records = []
        for _ in range(self._random.randint(1, 25)):
            self._now += self._random.choice([0, 0, 1, 500, 500, 3000, 30_000])
            at = self._now - self._random.choice([0, 0, 0, 1, 4000, 20_000, 90_000])
            payment = Payment(
                f"{self._written:08d}-0000-4000-8000-000000000000", f"payer{self._random.randrange(4):07d}",
                f"shop{self._random.randrange(4):08d}", self._random.randrange(100, 100_001), at,
            )  # fmt: skip
            value = self._encoder.encode(payment)
            self._written += 1
            if self._random.random() < 0.03:
                value = value[: self._random.randrange(5, 40)] + b"%d" % self._written  # within the id, or before
                self._torn.add(value)
            key = payment.target.encode()
            partition = INPUT, partition_of_key(key, self._kafka.counts[INPUT])
            records.append((partition, {"key": key, "value": value, "timestamp": (1, self._now), "headers": []}))
        self._kafka.append(records)

    def _unread(self, partition: Partition) -> list[Message]:
        return [each for each in self._kafka.logs[partition] if (each.offset() or 0) >= self._read[partition]]

    def _batch(self) -> None:
        """Hand a batch to a slot: consecutive records of some of its partitions."""
        ready = [partition for partition in self._read if self._unread(partition)]
        if not ready:
            return
        worker = self._workers[self._random.choice(ready)]
        messages: list[Message] = []
        for partition in ready:
            if self._workers[partition] is worker and self._random.random() < 0.7:
                some = self._unread(partition)[: self._random.choice([1, 3, 10, 100])]
                messages += some
                self._read[partition] = position_of(some[-1])[2] + 1
        if messages:
            self._pending += worker.evaluate(messages)
            self._seen["batches"] += 1

    def _checkpointed(self) -> None:
        """Complete a checkpoint: what was written becomes visible."""
        self._kafka.append([self._record(row) for row in self._pending])
        self._pending = []
        self._checkpoint = dict(self._read)

    def _record(self, row: Row) -> tuple[Partition, dict[str, Any]]:
        topic, key, value, at = (row[0] or b"").decode(), row[1], row[2], int(row[3] or b"0")
        half = (len(row) - FIXED) // 2
        # Flink's headers are a map.
        headers = dict(
            zip((name.decode() for name in row[FIXED : FIXED + half] if name), row[FIXED + half :], strict=True)
        )
        count = self._kafka.counts[topic]
        number = self._random.randrange(count) if key is None else partition_of_key(key, count)
        return (topic, number), {"key": key, "value": value, "timestamp": (1, at), "headers": list(headers.items())}

    def _crash(self) -> None:
        """Lose everything since the last checkpoint."""
        self._pending = []
        self._read = dict(self._checkpoint)
        self._deploy()
        self._seen["crashes"] += 1

    def _rescale(self) -> None:
        self._checkpointed()
        self._deploy()
        self._seen["rescales"] += 1

    def _records(self, messages: Sequence[Message]) -> list[tuple[Message, dict[str, Any]]]:
        decoder = RecordDecoder(self._topics.schema.json)
        return [(message, decoder.decode((message.value() or b"")[HEADER_SIZE:])) for message in messages]

    def _compare(self) -> None:
        registry: Any = self._registry
        given = [message for message in self._kafka.of(INPUT) if message.value() not in self._torn]
        staged = list(SingleTransactions(registry).of(self._kafka.of(BY_SOURCE)))
        assert Counter(message.value() for message in staged) == Counter(message.value() for message in given)
        expected: dict[str, set[str]] = {}
        for log, rules in ((given, BY_TARGET_RULES), (staged, BY_SOURCE_RULES)):
            for transaction, matches in fired(self._records(log), rules, self._lateness * 1000).items():
                expected.setdefault(transaction, set()).update(name for name, _ in matches)
        verdicts: Counter[tuple[str, frozenset[str]]] = Counter()
        for topic in (LEGIT, FRAUD):
            for message, record in self._records(self._kafka.of(topic)):
                names = dict(message.headers() or []).get("rules.fired") or b""
                matched = frozenset(filter(None, names.decode().split(",")))  # type: ignore[union-attr]
                assert bool(matched) == (topic == FRAUD)
                verdicts[str(record["id"]), matched] += 1
        ids = [str(record["id"]) for _, record in self._records(given)]
        assert verdicts == Counter((each, frozenset(expected.get(each, ()))) for each in ids)
        assert sorted(message.value() or b"" for message in self._kafka.of(DEAD)) == sorted(self._torn)
        alert = RecordDecoder(self._topics.written[2].required_schema.json)
        alerts = [alert.decode((message.value() or b"")[HEADER_SIZE:]) for message in self._kafka.of(ALERTS)]
        raised = Counter((each["rule"], str(each["transaction"]["id"])) for each in alerts)
        assert raised == Counter((name, each) for each, names in expected.items() for name in names)
        self._seen["transactions"] += len(ids)
        self._seen["alerts"] += len(alerts)
        self._seen["dead letters"] += len(self._torn)
        self._seen["records of state"] += len(self._kafka.of(STATE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="run this stream alone")
    arguments = parser.parse_args()
    configure_logging("flink-streams", "error")
    seen: Counter[str] = Counter()
    for number in range(arguments.streams) if arguments.only is None else [arguments.only]:
        try:
            FlinkStream(Random(f"{arguments.seed}/{number}"), seen).run()
        except Exception as error:
            error.add_note(f"seed {arguments.seed}, stream {number}")
            raise
    compared = ", ".join(f"{count:,} {name}" for name, count in seen.items())
    sys.stdout.write(f"seed {arguments.seed}: {compared}; 0 differences\n")


if __name__ == "__main__":
    main()
