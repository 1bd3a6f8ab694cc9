"""Spans that services export: in this process, or to a collector."""

from collections.abc import Iterator
from typing import Any

import pytest

from services.streaming.tracing import Tracer
from tests.support.http_server import HttpServer

NEEDED = "needs scripts/install --tracing"


class MemoryTracer:
    """A tracer, and the spans that it exports.

    Attributes:
        tracer: The tracer.
    """

    def __init__(self, service: str = "tested") -> None:
        memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter", reason=NEEDED)
        self._exporter = memory.InMemorySpanExporter()
        self.tracer = Tracer(service, self._exporter)

    @property
    def spans(self) -> list[Any]:
        """The spans that have ended."""
        self.tracer._processor.force_flush()
        return list(self._exporter.get_finished_spans())


def collected_spans(collector: HttpServer) -> Iterator[tuple[str, Any]]:
    """Name of the service and span of each that a collector got, by OTLP over HTTP."""
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason=NEEDED)
    for request in list(collector.requests):
        if request.path == "/v1/traces":
            for resource in service.ExportTraceServiceRequest.FromString(request.body).resource_spans:
                names = {each.key: each.value.string_value for each in resource.resource.attributes}
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        yield names["service.name"], span
