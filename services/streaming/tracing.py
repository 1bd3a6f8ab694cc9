"""Traces of sampled messages, by OpenTelemetry: the W3C trace context goes with a message in its header `traceparent`.

The producer of a message decides whether it is traced. Without `OTEL_EXPORTER_OTLP_ENDPOINT` there is no tracer, and
nothing of OpenTelemetry is imported.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from random import getrandbits
from typing import TYPE_CHECKING, Any

from services.errors import UsageError
from services.streaming.record_size import Header

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanContext

TRACEPARENT = "traceparent"

_SAMPLED = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f][13579bdf]")
"""https://www.w3.org/TR/trace-context/: version, trace, parent, and flags whose lowest bit says that it is sampled."""

Attributes = Mapping[str, str | int | Sequence[str]]


class Span:
    """A span: what is to be exported of an operation, once it has ended.

    Args:
        name: As OpenTelemetry names spans of messages: the operation and the topic.
        kind: PRODUCER, CONSUMER or CLIENT.
        parent: The `traceparent` of its parent; None where it begins a trace.
        links: The `traceparent` of each further span that it is about.
        attributes: Its attributes.
        started_ns: Nanoseconds since the epoch.

    Attributes:
        trace_id: Its trace, 32 hexadecimal digits.
        span_id: Its id, 16 hexadecimal digits.
        failure: Why it failed; None where it did not.
    """

    __slots__ = ("attributes", "failure", "kind", "links", "name", "parent", "span_id", "started_ns", "trace_id")

    def __init__(
        self,
        name: str,
        kind: str,
        *,
        parent: bytes | None,
        links: Sequence[bytes],
        attributes: Attributes,
        started_ns: int,
    ) -> None:
        self.name = name
        self.kind = kind
        self.parent = parent
        self.links = links
        self.attributes = attributes
        self.started_ns = started_ns
        self.trace_id = parent[3:35] if parent else b"%032x" % (getrandbits(128) or 1)
        self.span_id = b"%016x" % (getrandbits(64) or 1)
        self.failure: str | None = None

    @property
    def traceparent(self) -> bytes:
        """The context of what this span is the parent of."""
        return b"00-%b-%b-01" % (self.trace_id, self.span_id)


class Tracer:
    """Starts and ends spans of one service.

    The SDK's own spans cost 40 to 70 µs each, most of it for locks and checks of attributes that these don't need; so
    only what is exported is made of its classes (docs/decisions/0031).

    Args:
        service: Name of the service, unless `OTEL_SERVICE_NAME` has another.
        exporter: Takes ended spans, in batches and in a thread of its own.
    """

    def __init__(self, service: str, exporter: "SpanExporter") -> None:
        from opentelemetry import trace  # noqa: PLC0415 - optional
        from opentelemetry.sdk import resources  # noqa: PLC0415
        from opentelemetry.sdk import trace as sdk  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415

        detected = resources.Resource.create()
        named = not str(detected.attributes["service.name"]).startswith("unknown_service")
        self._resource = detected if named else detected.merge(resources.Resource({"service.name": service}))
        self._processor = BatchSpanProcessor(exporter)
        self._scope = InstrumentationScope("services.streaming.tracing")
        self._api, self._sdk = trace, sdk
        self._sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        self._failed, self._fine = trace.StatusCode.ERROR, trace.Status()

    def start(
        self,
        name: str,
        kind: str,
        *,
        parent: bytes | None = None,
        links: Sequence[bytes] = (),
        attributes: Attributes | None = None,
        started_ns: int | None = None,
    ) -> Span:
        """Return a new span, see there; it starts now unless it is said when.

        Every context is one that `sampled_traceparent` has returned, or that of a span.
        """
        return Span(
            name, kind, parent=parent, links=links, attributes=attributes or {}, started_ns=started_ns or time.time_ns()
        )

    def end(self, span: Span) -> None:
        """Export a span, which ends now."""
        self._processor.on_end(
            self._sdk.ReadableSpan(
                span.name,
                context=self._context(span.traceparent, is_remote=False),
                parent=self._context(span.parent) if span.parent else None,
                resource=self._resource,
                attributes=span.attributes,
                links=[self._api.Link(self._context(link)) for link in span.links],
                kind=self._api.SpanKind[span.kind],
                status=self._api.Status(self._failed, span.failure) if span.failure else self._fine,
                start_time=span.started_ns,
                end_time=time.time_ns(),
                instrumentation_scope=self._scope,
            )
        )

    def close(self) -> None:
        """Export what has ended, for a few seconds at most."""
        self._processor.force_flush(2000)
        self._processor.shutdown()

    def _context(self, traceparent: bytes, *, is_remote: bool = True) -> "SpanContext":
        return self._api.SpanContext(int(traceparent[3:35], 16), int(traceparent[36:52], 16), is_remote, self._sampled)


def sampled_traceparent(headers: Iterable[Header] | None) -> bytes | None:
    """Return the `traceparent` among headers; None where there is none, or it is malformed or not sampled."""
    for name, value in headers or ():
        if name == TRACEPARENT and isinstance(value, bytes) and _SAMPLED.fullmatch(value):
            return value
    return None


def with_traceparent(headers: Iterable[Header], traceparent: bytes) -> list[Header]:
    """Return headers with another `traceparent`, in its place."""
    return [(name, traceparent if name == TRACEPARENT else value) for name, value in headers]


def open_tracer(service: str, endpoint: str) -> Tracer | None:
    """Return the tracer of a service; None where there is no endpoint.

    The exporter reads OpenTelemetry's own environment variables, the endpoint among them.

    Args:
        service: Name of the service.
        endpoint: The setting `OTEL_EXPORTER_OTLP_ENDPOINT`.

    Raises:
        UsageError: The optional packages are not installed.
    """
    if not endpoint:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - optional
            OTLPSpanExporter,
        )
    except ImportError as error:
        raise UsageError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT: traces need packages that are not installed ({error.name}): "
            "run scripts/install --tracing, or unset it"
        ) from None
    exporter: Any = OTLPSpanExporter()
    return Tracer(service, exporter)
