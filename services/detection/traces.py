"""Traces of evaluated transactions: a span for each batch that has sampled ones, and one for each of these.

The span of a transaction is a child of its producer's; the batch links to all of them, and each of them to the batch.
They end with the Kafka transaction: what an abort undoes is marked as failed, and evaluated again by other spans.
"""

from collections.abc import Mapping, Sequence

from services.detection.decoded_batch import DecodedBatch
from services.detection.incoming import Incoming
from services.streaming.record_headers import Headers
from services.streaming.tracing import TRACEPARENT, Span, Tracer, sampled_traceparent, with_traceparent

MOST_LINKS = 128
"""Links of a span that OpenTelemetry keeps by default."""


class BatchTraces:
    """Spans of the open Kafka transaction.

    Args:
        tracer: Starts the spans.
        group: Group of the consumer.
    """

    def __init__(self, tracer: Tracer, group: str) -> None:
        self._tracer = tracer
        self._group = group
        self._open: list[Span] = []

    def evaluated(
        self, topic: str, incoming: Incoming, batch: DecodedBatch, live: Mapping[int, Sequence[str]], started_ns: int
    ) -> dict[int, Headers]:
        """Start the spans of a batch; return by row the headers of its sampled transactions, for what comes of them.

        Args:
            topic: The topic that it was read from.
            incoming: The transactions.
            batch: Those that were evaluated.
            live: By row the rules that matched.
            started_ns: When its evaluation began, in nanoseconds since the epoch.
        """
        sampled = _sampled(incoming)
        if len(batch.rows) < len(incoming):
            good = frozenset(batch.rows.tolist())
            sampled = {row: parent for row, parent in sampled.items() if row in good}
        if not sampled:
            return {}
        common = {"messaging.system": "kafka", "messaging.operation.type": "process"}
        of_batch = self._tracer.start(
            f"process batch of {topic}", "CONSUMER", links=list(sampled.values())[:MOST_LINKS], started_ns=started_ns,
            attributes={**common, "messaging.destination.name": topic, "messaging.consumer.group.name": self._group,
                        "messaging.batch.message_count": len(incoming)},
        )  # fmt: skip
        self._open.append(of_batch)
        batch_context = of_batch.traceparent
        headers: dict[int, Headers] = {}
        for row, parent in sampled.items():
            _topic, partition, offset, *_ = incoming.position(row)
            place: dict[str, str | int | Sequence[str]] = {
                "messaging.destination.partition.id": str(partition), "messaging.kafka.offset": offset,
            }  # fmt: skip
            if row in live:
                place["fraud.rules"] = list(live[row])
            span = self._tracer.start(
                f"process {topic}", "CONSUMER", parent=parent, links=[batch_context], started_ns=started_ns,
                attributes={**common, **place},
            )  # fmt: skip
            self._open.append(span)
            headers[row] = with_traceparent(incoming.headers[row] or (), span.traceparent)
        return headers

    def committed(self) -> None:
        """End the spans."""
        for span in self._open:
            self._tracer.end(span)
        self._open.clear()

    def aborted(self) -> None:
        """End the spans as failed."""
        for span in self._open:
            span.failure = "the Kafka transaction was aborted"
        self.committed()


def trace_header(headers: Headers | None) -> Headers | None:
    """Return the header of the trace alone; None where there is none."""
    return [header for header in headers if header[0] == TRACEPARENT] if headers else None


def _sampled(incoming: Incoming) -> dict[int, bytes]:
    """Return by row the context of each sampled transaction."""
    sampled = {}
    row = 0
    for headers, length in zip(incoming.runs.headers, incoming.runs.lengths, strict=True):
        if headers and (parent := sampled_traceparent(headers)):
            sampled.update(dict.fromkeys(range(row, row + length), parent))
        row += length
    return sampled
