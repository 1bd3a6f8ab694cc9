"""An unforeseen exception for one record, at every call that touches it: it alone is a dead letter."""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
import structlog
from confluent_kafka import Message

from avroguard.avro.schema import parse_schema
from services.contracts import HEADER_SIZE, RecordDecoder, RecordEncoder, frame
from services.streaming.dead_letter_format import split_headers
from tests.support.accounting import Outcome, outcome_of, place_of, require_one_place_each
from tests.support.inside import detector
from tests.support.payments import Payment, account, encoded
from tools.harness.pipeline import Pipeline
from tools.harness.reference_windows import Sliding, fired, records
from tools.harness.waiting import wait_for

COUNT = 150
RULES = """
[rules.many-senders]
severity = "high"
reason = "{senders} senders"
windows.senders = { measure = "distinct source", by = ["target"], over = "10s", at_least = 8 }

[rules.rapid-fire]
severity = "high"
reason = "{payments} payments"
windows.payments = { measure = "count", by = ["source"], over = "10s", at_least = 10 }

[rules.huge]
severity = "low"
when = "amount >= 5000"
reason = "{amount}"
"""
BY_TARGET = [Sliding("many-senders", "target", 10_000, lambda rows: len({row["source"] for row in rows}), 8)]
BY_SOURCE = [Sliding("rapid-fire", "source", 10_000, len, 10)]


class Unforeseen(Exception):  # noqa: N818 - no error of the project's
    """An error that no part of the detector expects."""


class Strange(Message):
    """A message one of whose methods fails."""

    fails = ""

    def key(self, *_: Any) -> Any:
        return self._call("key")

    def value(self, *_: Any) -> Any:
        return self._call("value")

    def timestamp(self) -> Any:
        return self._call("timestamp")

    def _call(self, name: str) -> Any:
        if self.fails == name:
            raise Unforeseen(name)
        return getattr(super(), name)()


class NoHeaders:
    """A message whose headers can't even be asked for."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def __len__(self) -> int:
        return len(self._message)

    def __getattr__(self, name: str) -> Any:
        if name == "headers":
            raise Unforeseen(name)
        return getattr(self._message, name)


@dataclass
class Faults:
    """Calls that fail, each for one record.

    Attributes:
        values: By call the value of the record that it fails for.
        happened: The calls that have failed.
    """

    values: dict[str, bytes]
    happened: set[str] = field(default_factory=set)

    def raise_if(self, call: str, *contents: bytes | None) -> None:
        """Fail if the record of this call is among some values or bodies."""
        if any(self.concerns(call, content) for content in contents):
            self.happened.add(call)
            raise Unforeseen(call)

    def concerns(self, call: str, content: bytes | None) -> bool:
        """Return whether a value or body has the id of the record of a call."""
        return call in self.values and self.id_of(call) in (content or b"")

    def id_of(self, call: str) -> bytes:
        """The id of the record that a call fails for; it is where it is in either order of the fields."""
        value = self.values[call]
        return value[6:42] if value[5:6] == b"\x48" else value[-36:]


class Wrapped:
    """An object, but for what a subclass overrides."""

    def __init__(self, real: Any, faults: Faults) -> None:
        self._real, self._faults = real, faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class FaultyConsumer(Wrapped):
    def consume(self, *arguments: Any) -> list[Any]:
        return [self._strange(message) for message in self._real.consume(*arguments)]

    def _strange(self, message: Message) -> Any:
        for call in ("key", "value", "timestamp"):
            if not message.error() and self._faults.concerns(call, message.value()):
                self._faults.happened.add(call)
                copy = Strange(
                    topic=message.topic(), partition=message.partition(), offset=message.offset(), key=message.key(),
                    value=message.value(), headers=message.headers(), timestamp=message.timestamp(),
                )  # fmt: skip
                copy.fails = call
                return copy
        if not message.error() and self._faults.concerns("headers", message.value()):
            self._faults.happened.add("headers")
            return NoHeaders(message)
        return message


class FaultyProducer(Wrapped):
    def produce(self, topic: str, value: bytes | None, *arguments: Any, **named: Any) -> None:
        for end in ("by-source", "fraud", "dlq"):
            if topic.endswith(end):
                self._faults.raise_if(f"produce {end}", value)
        self._real.produce(topic, value, *arguments, **named)


class FaultyDecoders(Wrapped):
    def decoder_of(self, schema_id: int) -> Any:
        decoder = self._real.decoder_of(schema_id)
        return replace(decoder, columns=lambda fields: FaultyDecoder(decoder.columns(fields), self._faults))

    def own_body(self, decoder: Any, body: bytes) -> bytes:
        self._faults.raise_if("own_body", body)
        made: bytes = self._real.own_body(decoder, body)
        return made

    def framed(self, body: bytes, topic: str) -> bytes:
        self._faults.raise_if("framed", body)
        made: bytes = self._real.framed(body, topic)
        return made


class FaultyDecoder(Wrapped):
    def decode(self, group: Sequence[bytes], prefix: int) -> Any:
        self._faults.raise_if("decode", *group)
        return self._real.decode(group, prefix=prefix)


class FaultyAlerts(Wrapped):
    def encode(self, match: Any, columns: Any, body: bytes, key: bytes | None) -> Any:
        self._faults.raise_if("alert", body)
        return self._real.encode(match, columns, body, key)


class FaultyStates(Wrapped):
    def evaluate(self, partition: Any, columns: Any, *arguments: Any) -> Any:
        evaluation = self._real.evaluate(partition, columns, *arguments)  # the windows have taken it
        call = "evaluate source" if partition[0].endswith("by-source") else "evaluate target"
        self._faults.raise_if(call, *columns["id"].tolist())
        return evaluation


def failing_log_line(faults: Faults) -> Callable[..., Any]:
    def process(_logger: Any, _name: str, event: Any) -> Any:
        if event["event"] == "transaction":
            faults.raise_if("log line", str(event["id"]).encode())
        return event

    return process


def traffic(pipeline: Pipeline, calls: Sequence[str]) -> tuple[list[tuple[bytes, str]], Faults]:
    """Values with the account that they are keyed by, and which of them fails where.

    Those that fail are of the accounts that the others are of: windows must be without them.
    """
    chance = random.Random(1)
    start = time.time_ns() // 1_000_000 - COUNT
    payments = [
        Payment(f"payer{chance.randrange(10)}", f"shop{chance.randrange(6)}", chance.randrange(100, 90_000), start + n)
        for n in range(COUNT)
    ]
    values = encoded(pipeline, payments)
    pairs = [(value, account(payment.target)) for value, payment in zip(values, payments, strict=True)]
    # What is not encoded as the outputs have it is encoded anew, and what is huge has an alert.
    backwards = backwards_of(pipeline)
    failing = {}
    for call in calls:
        payment = Payment("payer1", "shop1", 600_000, start + chance.randrange(COUNT))
        (value,) = encoded(pipeline, [payment])
        value = backwards(value) if call in {"own_body", "framed"} else value
        value = value[:-1] if call == "produce dlq" else value  # a dead letter for another reason, too
        failing[call] = value
        pairs.insert(chance.randrange(len(pairs)), (value, account("shop1")))
    return pairs, Faults(failing)


def backwards_of(pipeline: Pipeline) -> Callable[[bytes], bytes]:
    schema = json.loads((pipeline.schemas / "transaction.avsc").read_text())
    own, others = json.loads(json.dumps(schema)), schema
    others["fields"].reverse()
    with pipeline.registry as registry:
        number = registry.register(f"{pipeline.prefix}other", parse_schema("b", json.dumps(others).encode())).id
    decoder, encoder = RecordDecoder(own), RecordEncoder(others)
    return lambda value: frame(number, encoder.encode(decoder.decode(value[HEADER_SIZE:])))


def require_verdicts_without(pipeline: Pipeline, outcome: Outcome) -> None:
    """Every verdict is that of a recomputation of what is no dead letter."""
    dead = {message.value() for place, message in outcome.dead.items()}
    dead |= {message.value() for message in outcome.given if place_of(message) in outcome.dead}
    given = [message for message in outcome.given if message.value() not in dead]
    expected = fired(records(pipeline, given), BY_TARGET, 60_000)
    staged = [message for message in outcome.staged if place_of(message) not in outcome.dead]
    for transaction, matches in fired(records(pipeline, staged), BY_SOURCE, 60_000).items():
        expected[transaction] |= matches
    fraud = {
        str(record["id"]): set(dict(message.headers() or [])["rules.fired"].decode().split(","))  # type: ignore[union-attr]
        for message, record in records(pipeline, outcome.fraud)
    }
    assert fraud == {transaction: {name for name, _ in matches} for transaction, matches in expected.items()}
    assert {name for names in fraud.values() for name in names} == {"many-senders", "rapid-fire"}


WRAPPERS: dict[str, type[Wrapped]] = {
    "SchemaDecoderCache": FaultyDecoders, "Alerts": FaultyAlerts, "PartitionStates": FaultyStates,
    "producer": FaultyProducer, "consumer": FaultyConsumer,
}  # fmt: skip
CALLS = ["headers", "key", "value", "timestamp", "decode", "own_body", "framed", "alert", "evaluate target",
         "evaluate source", "produce by-source", "produce fraud", "produce dlq", "log line"]  # fmt: skip


def test_only_the_record_that_fails_is_put_aside(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, faults = traffic(pipeline, CALLS)
    produce_all(pipeline, pairs)
    structlog.configure([failing_log_line(faults), structlog.processors.JSONRenderer()])
    wrap = {name: partial(wrapper, faults=faults) for name, wrapper in WRAPPERS.items()}
    with detector(pipeline, monkeypatch, RULES, wrap, LOG_TRANSACTIONS="true"):
        wait_for(lambda: sum(len(part) for part in pipeline.outputs()) >= len(pairs), "all of them", 120, pause=0.5)
    assert faults.happened == set(CALLS)
    outcome = outcome_of(pipeline)
    values = {value: call for call, value in faults.values.items()}
    by_origin = {place_of(message): message.value() for message in [*outcome.given, *outcome.staged]}
    failed = {values[by_origin[origin] or b""]: message for origin, message in outcome.dead.items()}
    unread = [origin for origin in outcome.dead if values[by_origin[origin] or b""] == "value"]
    assert failed.keys() == set(CALLS)
    for call, message in failed.items():
        parts = split_headers(message.headers() or [])
        assert parts
        assert parts.origin["exception.class.name"].endswith("UnprocessableError"), call
        later = call in {"evaluate source", "produce fraud", "log line"}
        assert parts.origin["topic"] == (pipeline.by_source if later else pipeline.input), call
    require_one_place_each(outcome, unread=unread)
    require_verdicts_without(pipeline, outcome)


def produce_all(pipeline: Pipeline, pairs: Sequence[tuple[bytes, str]]) -> None:
    for target in sorted({target for _, target in pairs}):
        pipeline.produce([value for value, keyed in pairs if keyed == target], key=target.encode())
