"""Spans of evaluated transactions."""

import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from services.detection.headers import HeaderRuns
from services.detection.traces import BatchTraces, trace_header
from services.streaming.tracing import sampled_traceparent
from tests.support.spans import MemoryTracer

if TYPE_CHECKING:
    from services.detection.decoded_batch import DecodedBatch
    from services.detection.incoming import Incoming

FIRST = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECOND = b"00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"


class Rows:
    """Transactions with headers alone."""

    def __init__(self, *contexts: bytes | None) -> None:
        self.headers: list[Any] = [context and [("a", b"1"), ("traceparent", context)] for context in contexts]
        self.runs = HeaderRuns.of(self.headers)

    def __len__(self) -> int:
        return len(self.headers)

    def position(self, row: int) -> tuple[str, int, int]:
        return "in", 2, 100 + row


def evaluated(traces: BatchTraces, rows: Rows, good: list[int], live: dict[int, list[str]] | None = None) -> Any:
    batch = cast("DecodedBatch", type("Batch", (), {"rows": np.array(good, np.int64)})())
    return traces.evaluated("in", cast("Incoming", rows), batch, live or {}, time.time_ns())


def test_each_sampled_transaction_has_a_span_that_is_linked_with_that_of_its_batch() -> None:
    memory = MemoryTracer()
    traces = BatchTraces(memory.tracer, "fraud-detector")
    headers = evaluated(traces, Rows(None, FIRST, None, SECOND), [0, 1, 2, 3], {3: ["large"]})
    assert memory.spans == []  # nothing is committed yet
    traces.committed()
    batch, first, second = memory.spans
    assert [f"{link.context.span_id:016x}".encode() for link in batch.links] == [FIRST[36:52], SECOND[36:52]]
    for span, context in ((first, FIRST), (second, SECOND)):
        assert f"{span.context.trace_id:032x}".encode() == context[3:35]
        assert f"{span.parent.span_id:016x}".encode() == context[36:52]
        assert [link.context.span_id for link in span.links] == [batch.context.span_id]
    assert batch.attributes["messaging.batch.message_count"] == 4
    assert (first.attributes["messaging.kafka.offset"], "fraud.rules" in first.attributes) == (101, False)
    assert second.attributes["fraud.rules"] == ["large"]
    # What is written of it has its span as the parent, in the place of the producer's.
    assert headers[1][0] == ("a", b"1")
    assert (sampled_traceparent(headers[1]) or b"")[36:52].decode() == f"{first.context.span_id:016x}"


def test_what_is_aborted_has_failed_and_is_traced_again() -> None:
    memory = MemoryTracer()
    traces = BatchTraces(memory.tracer, "fraud-detector")
    evaluated(traces, Rows(FIRST), [0])
    traces.aborted()
    evaluated(traces, Rows(FIRST), [0])
    traces.committed()
    assert [span.status.status_code.name for span in memory.spans] == ["ERROR", "ERROR", "UNSET", "UNSET"]


def test_without_sampled_transactions_there_is_no_span() -> None:
    memory = MemoryTracer()
    traces = BatchTraces(memory.tracer, "fraud-detector")
    assert evaluated(traces, Rows(None, None), [0, 1]) == {}
    assert evaluated(traces, Rows(None, FIRST[:-1] + b"0"), [0, 1]) == {}
    assert evaluated(traces, Rows(None, FIRST), [0]) == {}  # it is a dead letter
    traces.committed()
    assert memory.spans == []


def test_an_alert_has_the_header_of_the_trace_alone() -> None:
    assert trace_header([("a", b"1"), ("traceparent", FIRST)]) == [("traceparent", FIRST)]
    assert trace_header(None) is None
