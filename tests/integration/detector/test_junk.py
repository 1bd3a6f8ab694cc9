"""Records at random beside good ones: each has exactly one place, and the good ones are evaluated as if alone.

More of them, or others: `JUNK_RECORDS=10000 JUNK_SEED=7 pytest tests/integration/detector/test_junk.py`.
"""

import json
import os
import random
import time
from collections import Counter
from decimal import Decimal

import pytest
from confluent_kafka import Message

from avroguard.avro.schema import parse_schema
from services.contracts import HEADER_SIZE, RecordDecoder, RecordEncoder, frame
from tests.support.accounting import Outcome, outcome_of, place_of, require_one_place_each
from tests.support.junk import Junk, JunkMaker, write
from tests.support.payments import Payment, account, encoded
from tools.harness.pipeline import Pipeline
from tools.harness.reference_windows import Record, Sliding, fired, records
from tools.harness.waiting import wait_for

RECORDS = int(os.environ.get("JUNK_RECORDS", "1000"))
SEED = int(os.environ.get("JUNK_SEED", "1"))
GOOD = 1500
LATENESS = 600
RULES = """
[rules.many-senders]
severity = "high"
reason = "{senders} senders to {target}"
windows.senders = { measure = "distinct source", by = ["target"], over = "2s", at_least = 6 }

[rules.rapid-fire]
severity = "high"
reason = "{payments} payments by {source} to {target} in {currency}"
windows.payments = { measure = "count", by = ["source"], over = "1s", at_least = 8 }

[rules.many-large]
severity = "high"
reason = "{total}"
windows.total = { measure = "sum amount", by = ["source"], over = "3s", where = "amount >= 500", at_least = 9000 }

[rules.large]
severity = "low"
when = "amount >= 900"
reason = "{amount} {currency} from {source} to {target} ({id})"
"""
BY_TARGET = [Sliding("many-senders", "target", 2000, lambda rows: len({row["source"] for row in rows}), 6)]
BY_SOURCE = [
    Sliding("rapid-fire", "source", 1000, len, 8),
    Sliding(
        "many-large", "source", 3000, lambda rows: sum(row["amount"] for row in rows), Decimal(9000),
        lambda row: row["amount"] >= 500,
    ),
]  # fmt: skip


def good_traffic(pipeline: Pipeline, chance: random.Random) -> list[Junk]:
    """Transactions of few accounts, some of them out of order, that no junk has to do with."""
    start = time.time_ns() // 1_000_000 - GOOD
    payments = [
        Payment(
            f"payer{chance.randrange(40)}", f"shop{chance.randrange(60)}", chance.randrange(100, 100_001),
            start + number + chance.choice([0, 0, 0, -40, -700]),
        )
        for number in range(GOOD)
    ]  # fmt: skip
    values = encoded(pipeline, payments)
    return [Junk(value, account(payment.target).encode())
            for value, payment in zip(values, payments, strict=True)]  # fmt: skip


def mixed(chance: random.Random, some: list[Junk], others: list[Junk]) -> list[Junk]:
    """Both, each in its order."""
    order = [True] * len(some) + [False] * len(others)
    chance.shuffle(order)
    first, second = iter(some), iter(others)
    return [next(first) if is_first else next(second) for is_first in order]


def good_of(messages: list[Message], values: frozenset[bytes | None]) -> list[Message]:
    return [message for message in messages if message.value() in values]


def require_good_as_if_alone(pipeline: Pipeline, outcome: Outcome, good: frozenset[bytes | None]) -> Counter[str]:
    """Every verdict on the good ones is that of a recomputation that knows nothing else; how often each rule fired."""
    dead = good_of(list(outcome.dead.values()), good)
    assert not dead, [message.headers() for message in dead[:3]]
    expected = fired(records(pipeline, good_of(list(outcome.given), good)), BY_TARGET, LATENESS * 1000)
    staged = records(pipeline, good_of(list(outcome.staged), good))
    for transaction, matches in fired(staged, BY_SOURCE, LATENESS * 1000).items():
        expected[transaction] |= matches
    fraud = records(pipeline, good_of(list(outcome.fraud), good))
    legit = records(pipeline, good_of(list(outcome.legit), good))
    expected_names = {transaction: {name for name, _ in matches} for transaction, matches in expected.items()}
    for _, record in fraud + legit:
        if record["amount"] >= 900:
            expected_names.setdefault(str(record["id"]), set()).add("large")
    found_by_id = {str(record["id"]): names(message) for message, record in fraud}
    assert len(fraud) + len(legit) == len(good)
    assert found_by_id == expected_names
    return Counter(name for rule_names in expected_names.values() for name in rule_names)


def names(message: Message) -> set[str]:
    return set(dict(message.headers() or [])["rules.fired"].decode().split(","))  # type: ignore[union-attr]


def backwards_schema(pipeline: Pipeline) -> tuple[int, dict[str, object]]:
    """The transaction's schema with its fields in reverse, which no output's subject knows."""
    schema = json.loads((pipeline.schemas / "transaction.avsc").read_text())
    schema["fields"].reverse()
    with pipeline.registry as registry:
        return registry.register(f"{pipeline.prefix}other", parse_schema("b", json.dumps(schema).encode())).id, schema


def foreign_schema(pipeline: Pipeline) -> int:
    record = {"type": "record", "name": "Invoice", "fields": [{"name": "total", "type": "string"}]}
    with pipeline.registry as registry:
        return registry.register(f"{pipeline.prefix}invoice", parse_schema("i", json.dumps(record).encode())).id


@pytest.mark.parametrize("timestamps", ["LogAppendTime", "CreateTime"])
def test_random_records_have_one_place_each_and_disturb_no_others(pipeline: Pipeline, timestamps: str) -> None:
    newest = 2**62
    if timestamps == "CreateTime":
        pipeline.alter(pipeline.input, message_timestamp_type=timestamps)
        newest = time.time_ns() // 1_000_000 + 3_000_000  # brokers take no record that is dated ahead by an hour
    chance = random.Random(SEED)
    backwards_id, backwards = backwards_schema(pipeline)
    own = pipeline.contracts.topic(pipeline.input).required_schema.json
    decoder, encoder = RecordDecoder(backwards, own), RecordEncoder(own)

    def canonical(value: bytes) -> bytes:
        if value[1:HEADER_SIZE] != backwards_id.to_bytes(4, "big"):
            return value
        record: Record = decoder.decode(value[HEADER_SIZE:])
        return frame(pipeline.schema_id, encoder.encode(record))

    maker = JunkMaker(SEED, pipeline.schema_id, backwards_id, [foreign_schema(pipeline)], newest)
    count = RECORDS if timestamps == "LogAppendTime" else max(1, RECORDS // 10)
    junk, good = maker.make(count), good_traffic(pipeline, chance)
    path = pipeline.directory / "rules.toml"
    path.write_text(RULES)
    settings = {"RULES_FILE": str(path), "ALLOWED_LATENESS": str(LATENESS), "INPUT_KEYED": "trust"}
    with pipeline.start("detector", **settings) as detector:
        detector.wait_for("rebalance", change="assigned")
        write(pipeline.cluster.bootstrap_servers, pipeline.input, mixed(chance, good, junk))

        def evaluated() -> bool:
            assert detector.process.poll() is None
            places = sum(len(pipeline.read(topic)) for topic in (pipeline.legit, pipeline.fraud, pipeline.dead))
            return places >= count + GOOD

        wait_for(evaluated, "every record has a place", timeout=60 + RECORDS / 5, pause=0.5)
        searches = detector.events("batch failed, searching for the record")
        assert detector.stop() == 0
    outcome = outcome_of(pipeline)
    require_one_place_each(outcome, canonical)
    if timestamps == "LogAppendTime":  # with the producers' time, one that is dated ahead makes windows forget
        fired_on_good = require_good_as_if_alone(pipeline, outcome, frozenset(record.value for record in good))
        assert set(fired_on_good) == {"many-senders", "rapid-fire", "many-large", "large"}
    assert not searches  # whatever is wrong with a record was foreseen
    dead_in_input = sum(place_of(message) in outcome.dead for message in outcome.given)
    assert count / 10 < dead_in_input < count  # some of it was read
