"""Cost of evaluation as rules grow: the detector's own handler on real messages, without Kafka."""

import time
from typing import Any

from confluent_kafka import Message
from prometheus_client import CollectorRegistry

from benchmarks.work import avro_work
from services.contracts import ColumnDecoder, RecordDecoder, Registration, Schema, load_contracts
from services.detection.alerts import Alerts
from services.detection.handler import DetectorHandler
from services.detection.input_restorer import InputRestorer
from services.detection.metrics import DetectorMetrics
from services.detection.partition_states import PartitionStates
from services.detection.routing import Outputs, Router
from services.detection.rule_versions import RuleVersions
from services.detection.schema_decoder import SchemaDecoder
from services.rules.loading import parse_rules
from services.rules.topology import build_topology
from services.streaming.partition_reader import PartitionReader
from services.streaming.progress import LoopProgress
from services.streaming.sink import Sink

COUNTS = (1, 2, 5, 10, 20, 50)
BATCH = 5000
OUTPUTS = Outputs("legit", "fraud", "alerts")

# Six kinds in turn, each on another field or with another limit.
KINDS = (
    "amount >= {n}.99 and amount >= 900",
    "amount == {n}.01",
    "source == 'account{n:05}'",
    "target == 'account{n:05}'",
    "created_at < '19{n:02}-01-01T00:00:00Z'",
    "currency == 'X{n:02}'",
)


class _Nowhere(Sink):
    """Takes everything and writes nothing: what is left is the cost of evaluation."""

    def __init__(self) -> None:
        pass

    def forward(self, *_: Any, **__: Any) -> None:
        pass


def some_rules(count: int) -> str:
    """A rules file of that many rules."""
    return "\n".join(
        f'[rules.rule-{n}]\nseverity = "low"\nalert = false\nreason = "rule {n}"\n'
        f'when = "{KINDS[n % len(KINDS)].format(n=n)}"\n'
        for n in range(count)
    )


def cost_of_rules(messages: int, repeats: int = 5) -> dict[int, float]:
    """Processor time to evaluate a message, in microseconds, by the number of rules: the best of some repeats."""
    contracts = load_contracts()
    schema = contracts.topic("queueing.transactions").required_schema
    alert = contracts.topic("streaming.alerts").required_schema
    work = avro_work(messages, schema_id=1)
    batches = [
        [Message(topic="input", value=value) for value in work.values[first : first + BATCH]]
        for first in range(0, messages, BATCH)
    ]
    return {count: min(_once(some_rules(count), schema, alert, batches) for _ in range(repeats)) for count in COUNTS}


def _once(text: str, schema: Schema, alert: Schema, batches: list[list[Message]]) -> float:
    rules = parse_rules(text, "rules.toml", schema, {})
    decoder = SchemaDecoder(
        lambda fields: ColumnDecoder(schema.json, schema.json, fields),
        RecordDecoder(schema.json, schema.json),
        frozenset({OUTPUTS.legit, OUTPUTS.fraud}),
        native=True,
    )
    metrics, decoders = DetectorMetrics(CollectorRegistry()), OneDecoder(decoder)
    reader = PartitionReader(no_consumer)
    restorer = InputRestorer(reader, decoders, lambda _ranges: {}, LoopProgress(), {})  # type: ignore[arg-type]
    handler = DetectorHandler(
        versions=RuleVersions(build_topology(rules, {"target": "input"})),
        decoders=decoders,  # type: ignore[arg-type]
        partitions=PartitionStates(reader, restorer, metrics, 0),
        router=Router(decoders, Alerts(schema, alert, Registration("alerts-value", 1, 2)), OUTPUTS, {}, {}),  # type: ignore[arg-type]
        metrics=metrics,
        lateness_ms=0,
        unpack={},
    )
    sink = _Nowhere()
    handler.handle(batches[0], sink)
    began = time.thread_time()
    for batch in batches:
        handler.handle(batch, sink)
    return (time.thread_time() - began) / sum(map(len, batches)) * 1e6


class OneDecoder:
    """The decoder of every schema id, which needs no registry and re-encodes nothing."""

    def __init__(self, decoder: SchemaDecoder) -> None:
        self._decoder = decoder

    def decoder_of(self, _schema_id: int) -> SchemaDecoder:
        return self._decoder

    def take_reencoded(self) -> int:
        return 0

    def committed(self) -> None:
        pass


def no_consumer() -> Any:
    raise AssertionError("there is no history to read")
