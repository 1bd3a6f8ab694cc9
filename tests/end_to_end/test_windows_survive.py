"""Windows through kills and rebalances: every verdict and every alert equals a plain recomputation from the topics."""

import random
import threading
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from services.rules.alert_content import alert_id
from services.rules.loading import load_rules
from services.streaming.clients import PARTITIONER
from tests.support.killing import killed_inside_a_transaction
from tests.support.payments import Payment, account, encoded
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.reference_windows import Sliding, fired, records
from tools.harness.waiting import wait_for

COUNT = 20_000
LATENESS_MS = 60_000
RULES = """
[rules.many-senders]
severity = "high"
reason = "{senders} senders"
windows.senders = { measure = "distinct source", by = ["target"], over = "2s", at_least = 12 }

[rules.rapid-fire]
severity = "high"
reason = "{payments} payments"
windows.payments = { measure = "count", by = ["source"], over = "1s", at_least = 10 }

[rules.many-large]
severity = "high"
reason = "{total}"
windows.total = { measure = "sum amount", by = ["source"], over = "3s", where = "amount >= 500", at_least = 9000 }
"""
BY_TARGET = [Sliding("many-senders", "target", 2000, lambda rows: len({row["source"] for row in rows}), 12)]
BY_SOURCE = [
    Sliding("rapid-fire", "source", 1000, len, 10),
    Sliding(
        "many-large", "source", 3000, lambda rows: sum(row["amount"] for row in rows), Decimal(9000),
        lambda row: row["amount"] >= 500,
    ),
]  # fmt: skip


class Traffic:
    """Writes transactions of few accounts in the background, some of them out of order, one after the other."""

    def __init__(self, pipeline: Pipeline, seed: int) -> None:
        chance = random.Random(seed)
        start = time.time_ns() // 1_000_000 - COUNT
        payments = [
            Payment(
                f"payer{chance.randrange(150)}",
                f"shop{chance.randrange(200)}",
                chance.randrange(100, 100_001),
                start + number + chance.choice([0, 0, 0, -40, -700]),
            )
            for number in range(COUNT)
        ]
        self._pipeline = pipeline
        self._values = encoded(pipeline, payments)
        self._keys = [account(payment.target).encode() for payment in payments]
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.begin()
        self._thread.join()

    def begin(self) -> None:
        """Begins to write; only then, so that it goes on for seconds after what has to start has started."""
        self._begun.set()

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    def _write(self) -> None:
        self._begun.wait()
        producer = Producer({"bootstrap.servers": self._pipeline.cluster.bootstrap_servers, "partitioner": PARTITIONER})
        for number, (value, key) in enumerate(zip(self._values, self._keys, strict=True)):
            producer.produce(self._pipeline.input, value, key)
            if number % 20 == 0:
                producer.poll(0)
                time.sleep(0.01)
        assert producer.flush(60) == 0


def start(pipeline: Pipeline, name: str, **settings: str) -> Service:
    path = pipeline.directory / "rules.toml"
    path.write_text(RULES)
    return pipeline.start("detector", RULES_FILE=str(path), INSTANCE_ID=name, ALLOWED_LATENESS="60", **settings)


def restores(detector: Service) -> list[dict[str, Any]]:
    """Return the events of restores, from the state topic or by reading messages again."""
    events = [*detector.events("state restored"), *detector.events("windows restored")]
    return [event for event in events if event["entries"]]


def require_everything_as_recomputed(pipeline: Pipeline) -> Counter[str]:
    """Looks at every topic; how often each rule fired."""
    schema = pipeline.contracts.topic(pipeline.input).required_schema
    versions = {rule.name: rule for rule in load_rules(Path(pipeline.directory / "rules.toml"), schema, {}).rules}
    given = records(pipeline, pipeline.read(pipeline.input))
    staged = records(pipeline, pipeline.read(pipeline.by_source))
    ids = Counter(str(record["id"]) for _, record in given)
    assert set(ids.values()) == {1}
    assert len(ids) == COUNT
    assert Counter(str(record["id"]) for _, record in staged) == ids
    expected = fired(given, BY_TARGET, LATENESS_MS)
    for transaction, matches in fired(staged, BY_SOURCE, LATENESS_MS).items():
        expected[transaction] |= matches
    legit = records(pipeline, pipeline.read(pipeline.legit))
    fraud = records(pipeline, pipeline.read(pipeline.fraud))
    assert Counter(str(record["id"]) for _, record in legit + fraud) == ids
    verdicts = {
        str(record["id"]): set(dict(message.headers())["rules.fired"].decode().split(",")) for message, record in fraud
    }
    assert verdicts == {transaction: {name for name, _ in matches} for transaction, matches in expected.items()}
    alerts = Counter(read_alert_ids(pipeline))
    expected_alerts = {
        str(alert_id(versions[name], [key], transaction))
        for transaction, matches in expected.items()
        for name, key in matches
    }
    assert set(alerts.values()) == {1}
    assert set(alerts) == expected_alerts
    return Counter(name for matches in expected.values() for name, _ in matches)


def read_alert_ids(pipeline: Pipeline) -> list[str]:
    """The id is an alert's first field: 36 characters behind the header and their number."""
    return [(message.value() or b"")[6:42].decode() for message in pipeline.read(pipeline.alerts)]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"STATE_TOPIC": "off"}], ids=["state", "no-state"])
def test_kills_change_no_verdict(pipeline: Pipeline, settings: dict[str, str]) -> None:
    proven = 0
    with Traffic(pipeline, seed=1) as traffic:
        while not traffic.over:
            with start(pipeline, "one", **settings) as detector:
                detector.wait_for("rebalance", change="assigned")
                traffic.begin()
                wait_for(lambda: pipeline.read(pipeline.legit), "something that a successor has to restore")
                time.sleep(random.uniform(0.2, 1.5))
                proven += killed_inside_a_transaction(pipeline, detector)
    with start(pipeline, "one", **settings) as detector:
        wait_for(
            lambda: len(pipeline.read(pipeline.legit)) + len(pipeline.read(pipeline.fraud)) >= COUNT, "outputs", 120
        )
        restored = restores(detector)
        assert bool(detector.events("state restored")) == (not settings)
        assert detector.stop() == 0
    assert proven
    assert restored
    assert set(require_everything_as_recomputed(pipeline)) == {"many-senders", "rapid-fire", "many-large"}


@pytest.mark.slow
def test_detectors_that_come_and_go_change_no_verdict(pipeline: Pipeline) -> None:
    with Traffic(pipeline, seed=2) as traffic, start(pipeline, "one") as first, start(pipeline, "two") as second:
        first.wait_for("rebalance", change="assigned")
        traffic.begin()
        wait_for(lambda: len(pipeline.read(pipeline.legit)) > COUNT // 20, "windows to be rebuilt in every partition")
        with start(pipeline, "three") as third:
            third.wait_for("rebalance", change="assigned")
            wait_for(lambda: restores(third), "restored windows")
            assert second.stop() == 0
            time.sleep(1)
            third.kill()
        with start(pipeline, "four") as fourth:
            fourth.wait_for("rebalance", change="assigned")
            wait_for(
                lambda: len(pipeline.read(pipeline.legit)) + len(pipeline.read(pipeline.fraud)) >= COUNT, "outputs", 120
            )
            assert (first.stop(), fourth.stop()) == (0, 0)
    moved = [event for service in (first, second, third, fourth) for event in restores(service)]
    assert len({(event["topic"], event["partition"]) for event in moved}) >= 2
    assert set(require_everything_as_recomputed(pipeline)) == {"many-senders", "rapid-fire", "many-large"}
