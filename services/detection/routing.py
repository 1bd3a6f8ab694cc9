"""Routes evaluated transactions: repartitioned to the next stage, or to legit or fraud; and writes alerts."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from services.contracts import HEADER_SIZE
from services.detection.alerts import AlertRecord, Alerts
from services.detection.decoded_batch import DecodedBatch
from services.detection.evaluated_batch import EvaluatedBatch, Outgoing
from services.detection.headers import OWNED, HeaderWriter, without_schema_id
from services.detection.incoming import Incoming
from services.detection.repartition_writer import RepartitionWriter, size_alone
from services.detection.schema_decoder import SchemaDecoder
from services.detection.schema_decoder_cache import SchemaDecoderCache
from services.detection.traces import trace_header
from services.errors import PoisonError
from services.rules.model import Mode, Rule
from services.rules.rule_match import alerts_by_row
from services.rules.topology import Stage, Topology
from services.streaming.poison_search import PoisonRecords
from services.streaming.positions import MessagePosition
from services.streaming.record_headers import Headers
from services.streaming.record_size import batch_size, headers_size
from services.streaming.sink import Sink, TooLargeError

log = structlog.get_logger()


@dataclass(frozen=True)
class Outputs:
    """The topics of evaluated transactions and of alerts."""

    legit: str
    fraud: str
    alerts: str


@dataclass(frozen=True)
class Verdicts:
    """The number of transactions by verdict."""

    legit: int
    fraud: int


class Router:
    """Writes transactions to the next topic.

    Args:
        decoders: Re-encode transactions for topics whose subject lacks their schema.
        alerts: Encodes alerts.
        outputs: The topics of verdicts and alerts.
        limits: By topic the largest record that it takes, in bytes; a topic that is missing takes any.
        batches: By repartition topic the writer of its batches.
        log_transactions: Log one line per verdict.
    """

    def __init__(
        self,
        decoders: SchemaDecoderCache,
        alerts: Alerts,
        outputs: Outputs,
        limits: Mapping[str, int],
        batches: Mapping[str, RepartitionWriter],
        *,
        log_transactions: bool = False,
    ) -> None:
        self._decoders = decoders
        self._alerts = alerts
        self._outputs = outputs
        self._limits = limits
        self._batches = batches
        self._log_transactions = log_transactions
        self._headers = HeaderWriter()

    def fields(self, rules: Iterable[Rule]) -> set[str]:
        """Return the fields of a transaction that alerts of some rules need, besides its id."""
        return self._alerts.fields(rules)

    def outgoing(self, topology: Topology, stage: Stage, incoming: Incoming, batch: DecodedBatch) -> Outgoing:
        """Return the records to write for messages, and which can't be passed on whatever their verdict.

        Args:
            topology: The rules.
            stage: The stage that they come from.
            incoming: The messages.
            batch: Their decoded fields.
        """
        outgoing = Outgoing(self._repartition_keys(stage, incoming, batch))
        for decoder, rows in batch.decoders:
            # In the first stage already: what an output can't take must not be in a window.
            if not decoder.passthrough_topics.issuperset(self._verdict_topics):
                self._reencode(outgoing, decoder, incoming.values, rows.tolist())
        self._check_sizes(outgoing, topology, stage, incoming, batch)
        return outgoing

    def route(self, evaluated: EvaluatedBatch, sink: Sink) -> Verdicts | None:
        """Write transactions to the next topic, in the order that they were read.

        Returns:
            The verdicts; None if this was not the last stage.

        Raises:
            PoisonRecords: A record that was evaluated can't be passed on.
        """
        incoming, live, following = evaluated.incoming, evaluated.live, evaluated.stage.next
        values, headers = list(incoming.values), list(incoming.headers)
        topics = [self._outputs.legit] * len(values)
        for row in live:
            topics[row] = self._outputs.fraud
        for row, traced in evaluated.traced.items():
            headers[row] = traced
        self._adapt_values(evaluated, values, headers, topics)
        self._report(evaluated, sink)
        failures = evaluated.batch.failures
        for row, error in sorted(failures.items()):
            incoming.write_dead_letter(sink, row, error)
        if following is not None:
            self._batches[following.topic].write(evaluated, values, headers, sink)
            return None
        version, keys, timestamps = evaluated.topology.version, evaluated.outgoing.keys, incoming.timestamps.tolist()
        added = [self._headers(version)] * len(values)
        for row, names in live.items():
            added[row] = self._headers(version, names)
        position = incoming.position
        if failures:
            good = evaluated.batch.rows.tolist()
            values, topics = [values[row] for row in good], [topics[row] for row in good]
            keys, timestamps = [keys[row] for row in good], [timestamps[row] for row in good]
            headers, added = [headers[row] for row in good], [added[row] for row in good]

            def position(row: int) -> MessagePosition:
                return incoming.position(good[row])

        sink.forward(
            values, topics, keys=keys, timestamps=timestamps, original_headers=headers, added_headers=added,
            reserved=OWNED, position=position,
        )  # fmt: skip
        fraud = topics.count(self._outputs.fraud)
        return Verdicts(len(topics) - fraud, fraud)

    @property
    def _verdict_topics(self) -> Sequence[str]:
        return self._outputs.legit, self._outputs.fraud

    def _reencode(
        self, outgoing: Outgoing, decoder: SchemaDecoder, values: Sequence[bytes | None], rows: Iterable[int]
    ) -> None:
        """Re-encode bodies whose schema may not be registered under an output's subject."""
        for row in rows:
            try:
                outgoing.bodies[row] = self._decoders.own_body(decoder, decoder.body(values[row]))
            except PoisonError as error:
                outgoing.failures[row] = error

    def _check_sizes(
        self, outgoing: Outgoing, topology: Topology, stage: Stage, incoming: Incoming, batch: DecodedBatch
    ) -> None:
        """Note the records that are too large for a topic that they may go to, with the largest headers added."""
        topics = self._verdict_topics if stage.next is None else (stage.next.topic,)
        limit = min((self._limits[topic] for topic in topics if topic in self._limits), default=None)
        if limit is None or not len(batch.rows):
            return
        live = sorted(topology.live)
        reserve = headers_size(self._headers(topology.version, live))
        reserve += (
            batch_size(None, None, None) if stage.next is None else size_alone(topology.version, live, stage.carried)
        )
        values, keys, bodies = incoming.values, outgoing.keys, outgoing.bodies
        largest = max(batch.longest, HEADER_SIZE + max(map(len, bodies.values()), default=0))
        room = limit - reserve - largest - incoming.runs.largest
        # Nearly always all keys together fit beside the largest value: that is the cheapest to find out.
        if len(b"".join(filter(None, keys))) <= room or max(map(len, filter(None, keys)), default=0) <= room:
            return
        own = incoming.runs.sizes()
        for row in batch.rows.tolist():
            length = max(len(values[row] or b""), HEADER_SIZE + len(bodies.get(row, b"")))
            size = len(keys[row] or b"") + length + reserve + own[row]
            if size > limit and row not in outgoing.failures:
                outgoing.failures[row] = TooLargeError(
                    f"{size} bytes with key and headers are too large for {' and '.join(topics)}: "
                    f"max.message.bytes is {limit}; raise it there, then redrive",
                    stage="TRANSFORMATION",
                )

    def _adapt_values(
        self,
        evaluated: EvaluatedBatch,
        values: list[bytes | None],
        headers: list[Headers | None],
        topics: Sequence[str],
    ) -> None:
        """Replace the values that were re-encoded for their output, and log transactions where that is asked for."""
        if not evaluated.outgoing.bodies and not self._log_transactions:
            return
        for decoder, rows in evaluated.batch.decoders:
            for row in rows.tolist():
                value, topic = values[row], topics[row]
                if value is None:
                    continue
                if self._log_transactions and evaluated.stage.next is None:
                    record = self._decoded(decoder, value, evaluated.incoming.position(row))
                    verdict = "fraud" if topic == self._outputs.fraud else "legit"
                    log.info("transaction", verdict=verdict, **{name: str(value) for name, value in record.items()})
                if topic not in decoder.passthrough_topics:
                    values[row] = self._decoders.framed(evaluated.outgoing.bodies[row], topic)
                    if not decoder.prefix:
                        headers[row] = without_schema_id(headers[row])

    def _report(self, evaluated: EvaluatedBatch, sink: Sink) -> None:
        """Write an alert for each match of a live rule, and log those of shadow rules."""
        batch = evaluated.batch
        for of_rule in evaluated.matches:
            if of_rule.rule.mode is Mode.SHADOW:
                self._alerts.log_shadow(of_rule, batch.columns)
        matches = alerts_by_row(evaluated.matches)
        decoders = [(decoder, frozenset(rows.tolist())) for decoder, rows in batch.decoders] if matches else []
        for match in matches:
            row = int(batch.rows[match.row])
            value = evaluated.incoming.values[row] or b""
            decoder = next(decoder for decoder, rows in decoders if row in rows)
            # An alert that can't be read must not be written.
            self._decoded(decoder, value, evaluated.incoming.position(row))
            body = self._decoders.own_body(decoder, decoder.body(value))
            alert = self._alerts.encode(match, batch.columns, body, evaluated.incoming.keys[row])
            sink.send(self._outputs.alerts, alert.value, alert.key, headers=self._trace(evaluated.traced, row, alert))

    def _trace(self, traced: Mapping[int, Headers], row: int, alert: AlertRecord) -> Headers | None:
        """Return the header of a sampled transaction's trace, where an alert has room for it."""
        header = trace_header(traced.get(row))
        limit = self._limits.get(self._outputs.alerts, sys.maxsize)
        return header if header and batch_size(alert.key, alert.value, header) <= limit else None

    def _decoded(self, decoder: SchemaDecoder, value: bytes, position: MessagePosition) -> dict[str, Any]:
        """Return the whole record.

        Raises:
            PoisonRecords: It can't be read, though the fields that the rules need can.
        """
        try:
            record: dict[str, Any] = decoder.records.decode(decoder.body(value))
        except PoisonError as error:
            raise PoisonRecords({position: error}) from error
        return record

    def _repartition_keys(self, stage: Stage, incoming: Incoming, batch: DecodedBatch) -> Sequence[bytes | None]:
        """Return the key of each message in the next topic: where it is repartitioned, the field of that topic."""
        field = stage.repartition_field
        if field is None:
            return incoming.keys
        keys: list[bytes | None] = [None] * len(incoming)
        column = batch.columns.get(field)
        if column is None:
            return keys
        texts: list[bytes | None] = column.tolist()
        if column.dtype.kind != "S":
            texts = [text if isinstance(text, bytes) else str(text).encode() for text in texts]
        if len(texts) == len(keys):
            return texts
        for row, text in zip(batch.rows.tolist(), texts, strict=True):
            keys[row] = text
        return keys
