"""Routes evaluated transactions: repartitioned to the next stage, or to legit or fraud; and writes alerts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from confluent_kafka import Message

from services.contracts import HEADER_SIZE
from services.detector.alerts import Alerts
from services.detector.decoded_batch import DecodedBatch
from services.detector.headers import OWNED, HeaderWriter, Incoming, without_schema_id
from services.detector.schema_decoder import SchemaDecoder
from services.detector.schema_decoder_cache import SchemaDecoderCache
from services.errors import PoisonError
from services.rules.model import Mode, Rule
from services.rules.rule_match import RuleMatches, alerts_by_row
from services.rules.topology import Stage, Topology
from services.streaming.dead_letter_format import Headers
from services.streaming.poison_search import PoisonRecords
from services.streaming.positions import position_of
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
class Outgoing:
    """The records to write for some messages, as far as they do not depend on verdicts.

    Attributes:
        values: The value of each, as it was read.
        keys: The key of each in the next topic.
        bodies: By message its body in the detector's own schema, where an output may need it re-encoded.
        failures: By message why it can't be passed on.
    """

    values: list[bytes | None]
    keys: Sequence[bytes | None]
    bodies: dict[int, bytes] = field(default_factory=dict)
    failures: dict[int, PoisonError] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluatedBatch:
    """Transactions of one stage, evaluated by the same version of the rules.

    Attributes:
        topology: The rules.
        stage: The stage that they come from.
        incoming: The transactions as they were read.
        batch: Their decoded fields.
        outgoing: The records to write.
        matches: The matches of this stage, by rule.
        live: By message the live rules that matched it in this stage or before.
    """

    topology: Topology
    stage: Stage
    incoming: Incoming
    batch: DecodedBatch
    outgoing: Outgoing
    matches: Sequence[RuleMatches]
    live: Mapping[int, Sequence[str]]


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
        log_transactions: Log one line per verdict.
    """

    def __init__(
        self,
        decoders: SchemaDecoderCache,
        alerts: Alerts,
        outputs: Outputs,
        limits: Mapping[str, int],
        *,
        log_transactions: bool = False,
    ) -> None:
        self._decoders = decoders
        self._alerts = alerts
        self._outputs = outputs
        self._limits = limits
        self._log_transactions = log_transactions
        self._headers = HeaderWriter()

    def fields(self, rules: Iterable[Rule]) -> set[str]:
        """Return the fields of a transaction that alerts of some rules need, besides its id."""
        return self._alerts.fields(rules)

    def outgoing(
        self, topology: Topology, stage: Stage, incoming: Incoming, values: list[bytes | None], batch: DecodedBatch
    ) -> Outgoing:
        """Return the records to write for messages, and which can't be passed on whatever their verdict.

        Args:
            topology: The rules.
            stage: The stage that they come from.
            incoming: The messages.
            values: Their values.
            batch: Their decoded fields.
        """
        outgoing = Outgoing(values, self._repartition_keys(stage, incoming.messages, batch))
        topics = self._next_topics(stage)
        for decoder, rows in batch.decoders:
            if not decoder.passthrough_topics.issuperset(topics):
                self._reencode(outgoing, decoder, rows.tolist())
        self._check_sizes(outgoing, topology, topics, incoming, batch)
        return outgoing

    def route(self, evaluated: EvaluatedBatch, sink: Sink) -> Verdicts | None:
        """Write transactions to the next topic, in the order that they were read.

        Returns:
            The verdicts; None if this was not the last stage.

        Raises:
            PoisonRecords: A record that was evaluated can't be passed on.
        """
        messages, headers, live = evaluated.incoming.messages, list(evaluated.incoming.headers), evaluated.live
        topology, outgoing = evaluated.topology, evaluated.outgoing
        values, keys = list(outgoing.values), outgoing.keys
        following = evaluated.stage.next
        if following is None:
            topics = [self._outputs.legit] * len(values)
            for row in live:
                topics[row] = self._outputs.fraud
        else:
            topics = [following.topic] * len(values)
        added = [self._headers(topology.version)] * len(values)
        for row, names in live.items():
            added[row] = self._headers(topology.version, names)
        self._adapt_values(evaluated, values, headers, topics)
        self._report(evaluated, sink)
        failures = evaluated.batch.failures
        if failures:
            for row, error in sorted(failures.items()):
                sink.write_dead_letter(messages[row], error)
            good = [row for row in range(len(values)) if row not in failures]
            messages, values = [messages[row] for row in good], [values[row] for row in good]
            topics, keys = [topics[row] for row in good], [keys[row] for row in good]
            headers, added = [headers[row] for row in good], [added[row] for row in good]
        sink.forward(messages, values, topics, keys=keys, original_headers=headers, added_headers=added, reserved=OWNED)
        if following is not None:
            return None
        fraud = topics.count(self._outputs.fraud)
        return Verdicts(len(topics) - fraud, fraud)

    def _next_topics(self, stage: Stage) -> Sequence[str]:
        return (self._outputs.legit, self._outputs.fraud) if stage.next is None else (stage.next.topic,)

    def _reencode(self, outgoing: Outgoing, decoder: SchemaDecoder, rows: Iterable[int]) -> None:
        """Re-encode bodies whose schema may not be registered under an output's subject."""
        for row in rows:
            try:
                outgoing.bodies[row] = self._decoders.own_body(decoder, decoder.body(outgoing.values[row]))
            except PoisonError as error:
                outgoing.failures[row] = error

    def _check_sizes(
        self, outgoing: Outgoing, topology: Topology, topics: Sequence[str], incoming: Incoming, batch: DecodedBatch
    ) -> None:
        """Note the records that are too large for a topic that they may go to, with the largest headers added."""
        limit = min((self._limits[topic] for topic in topics if topic in self._limits), default=None)
        if limit is None or not len(batch.rows):
            return
        reserve = headers_size(self._headers(topology.version, sorted(topology.live)))
        values, keys, bodies = outgoing.values, outgoing.keys, outgoing.bodies
        largest = max(batch.longest, HEADER_SIZE + max(map(len, bodies.values()), default=0))
        room = limit - batch_size(None, None, None) - reserve - largest - incoming.runs.largest
        # Nearly always all keys together fit beside the largest value: that is the cheapest to find out.
        if len(b"".join(filter(None, keys))) <= room or max(map(len, filter(None, keys)), default=0) <= room:
            return
        own = incoming.runs.sizes()
        for row in batch.rows.tolist():
            length = max(len(values[row] or b""), HEADER_SIZE + len(bodies.get(row, b"")))
            size = batch_size(keys[row], None, None) + length + reserve + own[row]
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
                if self._log_transactions and topic in {self._outputs.legit, self._outputs.fraud}:
                    record = self._decoded(decoder, value, evaluated.incoming.messages[row])
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
            message, value = evaluated.incoming.messages[row], evaluated.outgoing.values[row] or b""
            decoder = next(decoder for decoder, rows in decoders if row in rows)
            self._decoded(decoder, value, message)  # an alert that can't be read must not be written
            body = self._decoders.own_body(decoder, decoder.body(value))
            alert = self._alerts.encode(match, batch.columns, body, message.key())
            sink.send(self._outputs.alerts, alert.value, alert.key)

    def _decoded(self, decoder: SchemaDecoder, value: bytes, message: Message) -> dict[str, Any]:
        """Return the whole record.

        Raises:
            PoisonRecords: It can't be read, though the fields that the rules need can.
        """
        try:
            record: dict[str, Any] = decoder.records.decode(decoder.body(value))
        except PoisonError as error:
            raise PoisonRecords({position_of(message): error}) from error
        return record

    def _repartition_keys(
        self, stage: Stage, messages: Sequence[Message], batch: DecodedBatch
    ) -> Sequence[bytes | None]:
        """Return the key of each message in the next topic: where it is repartitioned, the field of that topic."""
        field = stage.repartition_field
        if field is None:
            return [message.key() for message in messages]
        column = batch.columns.get(field)
        keys: list[bytes | None] = [None] * len(messages)
        if column is None:
            return keys
        texts = column.tolist()
        for row, text in zip(batch.rows.tolist(), texts, strict=True):
            keys[row] = text if isinstance(text, bytes) else str(text).encode()
        return keys
