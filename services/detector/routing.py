"""Where evaluated transactions go: to the next stage, or to legit or fraud; alerts beside them, poison aside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from confluent_kafka import Message

from services.contracts import HEADER_SIZE
from services.detector.alerts import Alerts, Found
from services.detector.decoded_batch import Batch
from services.detector.headers import OWNED, HeaderWriter, Incoming, without_schema_id
from services.detector.schema_decoder import SchemaDecoder
from services.detector.schema_decoders import SchemaDecoders
from services.errors import PoisonError
from services.rules.model import Mode, Rule
from services.rules.topology import Topology
from services.streaming.dead_letters import Headers
from services.streaming.poison import PoisonRecords
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
    """What will be written of some messages, as far as that does not depend on their verdicts.

    Attributes:
        values: The value of each, as it came.
        keys: The key of each where it goes.
        bodies: By message its body in the detector's own schema, where an output may need it encoded anew.
        failures: By message why it can't be passed on.
    """

    values: list[bytes | None]
    keys: Sequence[bytes | None]
    bodies: dict[int, bytes] = field(default_factory=dict)
    failures: dict[int, PoisonError] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluatedBatch:
    """Transactions of one stage, evaluated by the same rules.

    Attributes:
        number: Of the stage that they come from.
        topology: The rules.
        incoming: The transactions as they were read.
        batch: What could be read of them.
        outgoing: What will be written.
        found: What fired here.
        live: By message the rules that fired on it here or before, without those that are only watched.
    """

    number: int
    topology: Topology
    incoming: Incoming
    batch: Batch
    outgoing: Outgoing
    found: Sequence[Found]
    live: Mapping[int, Sequence[str]]


@dataclass(frozen=True)
class Verdicts:
    """How many transactions have their verdict now."""

    legit: int
    fraud: int


class Router:
    """Passes transactions on.

    Args:
        decoders: How each was written; re-encodes where that doesn't belong to a topic.
        alerts: Makes alerts.
        outputs: Where everything goes in the end.
        limits: By topic the largest record that it takes, in bytes; a topic that is missing takes any.
        log_transactions: Log one line per verdict.
    """

    def __init__(
        self,
        decoders: SchemaDecoders,
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
        """The fields of a transaction that alerts of these rules show, besides its id."""
        return self._alerts.fields(rules)

    def outgoing(
        self, number: int, topology: Topology, incoming: Incoming, values: list[bytes | None], batch: Batch
    ) -> Outgoing:
        """Find what is to be written of messages, and which can't be passed on whatever their verdict.

        Args:
            number: The stage that they come from.
            topology: The rules.
            incoming: The messages.
            values: Their values.
            batch: What could be read of them.
        """
        outgoing = Outgoing(values, self._keys(number, topology, incoming.messages, batch))
        topics = self._next_topics(number, topology)
        for decoder, rows in batch.written:
            if not decoder.passthrough_topics.issuperset(topics):
                self._encode(outgoing, decoder, rows.tolist())
        self._measure(outgoing, topology, topics, incoming, batch)
        return outgoing

    def route(self, evaluated: EvaluatedBatch, sink: Sink) -> Verdicts | None:
        """Pass transactions on, in the order that they were read.

        Returns:
            The verdicts; None if this was not the last stage.

        Raises:
            PoisonRecords: A record that its rules have looked at can't be passed on.
        """
        messages, headers, live = evaluated.incoming.messages, list(evaluated.incoming.headers), evaluated.live
        topology, outgoing = evaluated.topology, evaluated.outgoing
        after = topology.after(evaluated.number)
        values, keys = list(outgoing.values), outgoing.keys
        if after is None:
            topics = [self._outputs.legit] * len(values)
            for row in live:
                topics[row] = self._outputs.fraud
        else:
            topics = [topology.stages[after].topic] * len(values)
        added = [self._headers(topology.version)] * len(values)
        for row, names in live.items():
            added[row] = self._headers(topology.version, names)
        self._one_by_one(evaluated, values, headers, topics)
        self._alert(evaluated, sink)
        failures = evaluated.batch.failures
        if failures:
            for row, error in sorted(failures.items()):
                sink.dead_letter(messages[row], error)
            kept = [row for row in range(len(values)) if row not in failures]
            messages, values = [messages[row] for row in kept], [values[row] for row in kept]
            topics, keys = [topics[row] for row in kept], [keys[row] for row in kept]
            headers, added = [headers[row] for row in kept], [added[row] for row in kept]
        sink.forward(messages, values, topics, keys=keys, original_headers=headers, added_headers=added, reserved=OWNED)
        if after is not None:
            return None
        fraud = topics.count(self._outputs.fraud)
        return Verdicts(len(topics) - fraud, fraud)

    def _next_topics(self, number: int, topology: Topology) -> Sequence[str]:
        after = topology.after(number)
        return (self._outputs.legit, self._outputs.fraud) if after is None else (topology.stages[after].topic,)

    def _encode(self, outgoing: Outgoing, decoder: SchemaDecoder, rows: Iterable[int]) -> None:
        """Encode bodies anew that an output's subject may not know the schema of."""
        for row in rows:
            try:
                outgoing.bodies[row] = self._decoders.own_body(decoder, decoder.body(outgoing.values[row]))
            except PoisonError as error:
                outgoing.failures[row] = error

    def _measure(
        self, outgoing: Outgoing, topology: Topology, topics: Sequence[str], incoming: Incoming, batch: Batch
    ) -> None:
        """Find the records that are too large for a topic that they may go to, with the most that is added to them."""
        limit = min((self._limits[topic] for topic in topics if topic in self._limits), default=None)
        if limit is None or not len(batch.rows):
            return
        reserve = headers_size(self._headers(topology.version, sorted(topology.live_before(len(topology.stages)))))
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

    def _one_by_one(
        self,
        evaluated: EvaluatedBatch,
        values: list[bytes | None],
        headers: list[Headers | None],
        topics: Sequence[str],
    ) -> None:
        """What the columns can't do: encode anew for an output that has another schema, and log."""
        if not evaluated.outgoing.bodies and not self._log_transactions:
            return
        for decoder, rows in evaluated.batch.written:
            for row in rows.tolist():
                value, topic = values[row], topics[row]
                if value is None:
                    continue
                if self._log_transactions and topic in {self._outputs.legit, self._outputs.fraud}:
                    record = self._decoded(decoder, value, evaluated.incoming.messages[row])
                    verdict = "fraud" if topic == self._outputs.fraud else "legit"
                    log.info("transaction", verdict=verdict, **{name: str(one) for name, one in record.items()})
                if topic not in decoder.passthrough_topics:
                    values[row] = self._decoders.framed(evaluated.outgoing.bodies[row], topic)
                    if not decoder.prefix:
                        headers[row] = without_schema_id(headers[row])

    def _alert(self, evaluated: EvaluatedBatch, sink: Sink) -> None:
        """Write an alert for whatever fired, and a line in the log for what would have if it were live."""
        batch = evaluated.batch
        reported = [one for one in evaluated.found if one.rule.is_reported]
        decoders = [(decoder, frozenset(rows.tolist())) for decoder, rows in batch.written] if reported else []
        for one in reported:
            row = int(batch.rows[one.position])
            if one.rule.mode is Mode.SHADOW:
                self._alerts.tell(one, batch.columns)
                continue
            message, value = evaluated.incoming.messages[row], evaluated.outgoing.values[row] or b""
            decoder = next(decoder for decoder, rows in decoders if row in rows)
            self._decoded(decoder, value, message)  # an alert that can't be read must not be written
            body = self._decoders.own_body(decoder, decoder.body(value))
            alert = self._alerts.encode(one, batch.columns, body, message.key())
            sink.send(self._outputs.alerts, alert.value, alert.key)

    def _decoded(self, decoder: SchemaDecoder, value: bytes, message: Message) -> dict[str, Any]:
        """The whole record.

        Raises:
            PoisonRecords: It can't be read, though the fields that the rules need can.
        """
        try:
            record: dict[str, Any] = decoder.records.decode(decoder.body(value))
        except PoisonError as error:
            raise PoisonRecords({position_of(message): error}) from error
        return record

    def _keys(
        self, number: int, topology: Topology, messages: Sequence[Message], batch: Batch
    ) -> Sequence[bytes | None]:
        """The key of each message where it goes: what the next topic is keyed by."""
        field = topology.key_after(number)
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
