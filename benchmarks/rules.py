"""What judging costs as rules grow: the detector's own handler on real messages, without Kafka."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Message
from prometheus_client import CollectorRegistry

from benchmarks.work import avro_work
from services.contracts import ColumnDecoder, RecordDecoder, load_contracts
from services.detector.judge import EVENT_TIME, Judge
from services.detector.metrics import DetectorMetrics
from services.detector.rules import Columns, Mask, Rule, fields_of
from services.detector.writers import Writer
from services.streaming.sink import Sink

COUNTS = (1, 2, 5, 10, 20, 50)
BATCH = 5000
TOPICS = ("legit", "fraud")
DAY_MS = 86_400_000

Test = Callable[[Columns], Mask]


class _Nowhere(Sink):
    """Takes everything and writes nothing: what is left is the cost of judging."""

    def __init__(self) -> None:
        pass

    def forward(self, *_: Any) -> None:
        pass


def some_rules(count: int) -> list[Rule]:
    """Rules of six kinds in turn, each on another field or with another limit."""
    kinds: list[tuple[str, Callable[[int], Test]]] = [
        ("amount", lambda n: lambda columns: columns["amount"] >= 90_000 + n),
        ("amount", lambda n: lambda columns: columns["amount"] == 100 * n),
        ("source", lambda n: lambda columns: columns["source"] == f"account{n:05}".encode()),
        ("target", lambda n: lambda columns: columns["target"] == f"account{n:05}".encode()),
        ("created_at", lambda n: lambda columns: columns["created_at"] % DAY_MS < n * 1000),
        ("currency", lambda n: lambda columns: columns["currency"] == f"X{n:02}".encode()),
    ]
    chosen = [(number, *kinds[number % len(kinds)]) for number in range(count)]
    return [Rule(f"rule_{number}", (field,), make(number)) for number, field, make in chosen]


def cost_of_rules(messages: int, repeats: int = 5) -> dict[int, float]:
    """Processor time to judge a message, in microseconds, by the number of rules: the best of some repeats."""
    schema = load_contracts().topic("queueing.transactions").required_schema.json
    work = avro_work(messages, schema_id=1)
    batches = [
        [Message(value=value) for value in work.values[first : first + BATCH]] for first in range(0, messages, BATCH)
    ]
    return {count: min(_once(some_rules(count), schema, batches) for _ in range(repeats)) for count in COUNTS}


def _once(rules: Sequence[Rule], schema: Any, batches: list[list[Message]]) -> float:
    columns = ColumnDecoder(schema, schema, list(dict.fromkeys([*fields_of(rules), EVENT_TIME])))
    writer = Writer(columns, RecordDecoder(schema, schema), frozenset(TOPICS))
    judge = Judge(rules, {1: writer}, TOPICS, DetectorMetrics(CollectorRegistry()))  # type: ignore[arg-type]
    sink = _Nowhere()
    judge.handle(batches[0], sink)
    began = time.thread_time()
    for batch in batches:
        judge.handle(batch, sink)
    return (time.thread_time() - began) / sum(map(len, batches)) * 1e6
