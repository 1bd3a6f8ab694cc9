"""The context of a trace in headers, and what there is without a collector: nothing."""

import builtins
import subprocess
import sys
from typing import Any

import pytest

from services.errors import UsageError
from services.streaming.tracing import open_tracer, sampled_traceparent, with_traceparent
from tests.support.spans import MemoryTracer

CONTEXT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    "value",
    [
        CONTEXT[:-1] + b"0",  # not sampled
        CONTEXT.replace(b"00-0", b"ff-0", 1),
        CONTEXT[:-1],
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-" + b"0" * 16 + b"-01",
        b"",
        None,
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ],
)
def test_a_context_that_is_not_sampled_or_malformed_is_none(value: Any) -> None:
    assert sampled_traceparent([("traceparent", value)]) is None


def test_a_sampled_context_is_found_among_headers_and_replaced_in_its_place() -> None:
    headers: list[tuple[str, str | bytes | None]] = [("a", b"1"), ("traceparent", CONTEXT), ("b", None)]
    assert sampled_traceparent(headers) == CONTEXT
    assert sampled_traceparent([("a", b"1")]) is sampled_traceparent(None) is None
    assert with_traceparent(headers, b"other") == [("a", b"1"), ("traceparent", b"other"), ("b", None)]


def test_a_span_is_the_child_of_a_context_and_links_to_others() -> None:
    memory = MemoryTracer()
    root = memory.tracer.start("create topic", "PRODUCER")
    child = memory.tracer.start("process topic", "CONSUMER", parent=root.traceparent, links=[CONTEXT])
    child.failure = "aborted"
    memory.tracer.end(child)
    memory.tracer.end(root)
    child_span, root_span = memory.spans
    assert child_span.parent.span_id == root_span.context.span_id
    assert child_span.context.trace_id == root_span.context.trace_id
    assert [f"{link.context.trace_id:032x}" for link in child_span.links] == [CONTEXT[3:35].decode()]
    assert (child_span.status.description, child_span.kind.name) == ("aborted", "CONSUMER")
    assert root_span.resource.attributes["service.name"] == "tested"
    memory.tracer.close()


def test_the_service_s_name_can_be_set_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "cards")
    memory = MemoryTracer()
    memory.tracer.end(memory.tracer.start("create topic", "PRODUCER"))
    assert memory.spans[0].resource.attributes["service.name"] == "cards"


def test_without_an_endpoint_there_is_no_tracer_and_nothing_is_imported() -> None:
    assert open_tracer("fraud-detector", "") is None
    program = (
        "import sys, services.detector.__main__, services.generator.__main__, services.notifier.__main__; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_missing_packages_are_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **named: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name=name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match="scripts/install --tracing"):
        open_tracer("fraud-detector", "http://127.0.0.1:4318")
