"""Cost of traces: the detector's own handler and sink on real messages, without Kafka: ``python -m benchmarks.traces``.

Off, and with 1 in 1,000 transactions sampled, in turn in one process; processor time of the thread that works. The cost
of consuming and producing, which is larger than that of everything here, is left out: the shares are upper bounds.
"""

import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import Message, Producer
from prometheus_client import CollectorRegistry

from benchmarks.rules import BATCH, OUTPUTS, OneDecoder, no_consumer
from benchmarks.work import avro_work
from services.contracts import ColumnDecoder, RecordDecoder, Registration, load_contracts
from services.detection.alerts import Alerts
from services.detection.handler import DetectorHandler
from services.detection.input_restorer import InputRestorer
from services.detection.metrics import DetectorMetrics
from services.detection.partition_states import PartitionStates
from services.detection.routing import Router
from services.detection.rule_versions import RuleVersions
from services.detection.schema_decoder import SchemaDecoder
from services.detection.traces import BatchTraces
from services.generator.sampling import TraceSampler
from services.rules.loading import parse_rules
from services.rules.topology import build_topology
from services.streaming.partition_reader import PartitionReader
from services.streaming.progress import LoopProgress
from services.streaming.sink import Sink
from services.streaming.tracing import Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

RULES = """
[rules.large-amount]
severity = "low"
alert = false
when = "amount >= 900"
reason = "{amount} at once"
"""
MESSAGES, ROUNDS, RATIO = 100_000, 15, 0.001


class _Exported:
    """An exporter that forgets the spans: it works in a thread of its own."""

    def export(self, _spans: Sequence[Any]) -> None:
        pass

    def shutdown(self) -> None:
        pass

    def force_flush(self, _timeout: int = 0) -> bool:
        return True


class _Accepts:
    """A producer that takes everything."""

    def produce(self, *_: Any, **__: Any) -> None:
        pass


def measure() -> dict[str, list[float]]:
    """Processor time for a message in microseconds, round by round: off, off with traced messages, on."""
    tracer = Tracer("benchmark", cast("SpanExporter", _Exported()))
    values = avro_work(MESSAGES, schema_id=1).values
    sampled = TraceSampler(tracer, RATIO, "input").headers(MESSAGES)
    plain = _batches([Message(topic="input", value=value) for value in values])
    traced = _batches(
        [Message(topic="input", value=value, headers=sampled.get(row)) for row, value in enumerate(values)]
    )
    ways = {
        "off": (plain, None),
        "off, though messages are traced": (traced, None),
        "on, 1 in 1,000 sampled": (traced, BatchTraces(tracer, "benchmark")),
    }
    handlers = {name: (batches, _handler(traces)) for name, (batches, traces) in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (batches, handler) in handlers.items():
            times[name].append(_once(handler, batches))
    return times


def _batches(messages: Sequence[Message]) -> list[Sequence[Message]]:
    return [messages[first : first + BATCH] for first in range(0, len(messages), BATCH)]


def _once(handler: DetectorHandler, batches: Sequence[Sequence[Message]]) -> float:
    sink = Sink(cast("Producer", _Accepts()), "dead", 1_000_000, lambda _partition, _offset: None)
    began = time.thread_time()
    for batch in batches:
        handler.handle(batch, sink)
        handler.committed()
    return (time.thread_time() - began) / MESSAGES * 1e6


def _handler(traces: BatchTraces | None) -> DetectorHandler:
    contracts = load_contracts()
    schema = contracts.topic("queueing.transactions").required_schema
    alert = contracts.topic("streaming.alerts").required_schema
    decoder = SchemaDecoder(
        lambda fields: ColumnDecoder(schema.json, schema.json, fields),
        RecordDecoder(schema.json, schema.json),
        frozenset({OUTPUTS.legit, OUTPUTS.fraud}),
        native=True,
    )
    metrics, decoders = DetectorMetrics(CollectorRegistry()), cast("Any", OneDecoder(decoder))
    reader = PartitionReader(no_consumer)
    return DetectorHandler(
        versions=RuleVersions(build_topology(parse_rules(RULES, "rules.toml", schema, {}), {"target": "input"})),
        decoders=decoders,
        partitions=PartitionStates(
            reader, InputRestorer(reader, decoders, lambda _: {}, LoopProgress(), {}), metrics, 0
        ),
        router=Router(decoders, Alerts(schema, alert, Registration("alerts-value", 1, 2)), OUTPUTS, {}, {}),
        metrics=metrics,
        lateness_ms=0,
        unpack={},
        traces=traces,
    )


def main() -> int:
    """Measure and print; return the exit code."""
    times = measure()
    off = times["off"]
    for name, own in times.items():
        ratio = median(each / without for each, without in zip(own, off, strict=True))
        print(f"{name:34} {min(own):6.3f} µs a message, {ratio:.3f} of off")
    return 0


if __name__ == "__main__":
    sys.exit(main())
