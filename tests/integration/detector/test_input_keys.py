"""An input with wrong keys: mismatches are counted, logged and shown; repartitioned, it is evaluated correctly."""

import time
import urllib.request
from collections.abc import Sequence

import pytest

from tests.support.payments import Payment, account, encoded
from tests.support.ports import free_port
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for

RULES = """
[rules.many-senders]
severity = "high"
reason = "{senders} senders"
windows.senders = { measure = "distinct source", by = ["target"], over = "1h", at_least = 20 }

[rules.rapid-fire]
severity = "high"
reason = "{payments} payments"
windows.payments = { measure = "count", by = ["source"], over = "1h", at_least = 3 }
"""
SENDERS = 30


def start(pipeline: Pipeline, **settings: str) -> Service:
    path = pipeline.directory / "rules.toml"
    path.write_text(RULES)
    return pipeline.start("detector", RULES_FILE=str(path), **settings)


def fan_in(pipeline: Pipeline) -> list[bytes]:
    """Payments of many to one, and the last sender three times."""
    now = time.time_ns() // 1_000_000  # of one moment, so that it is the same in whatever order they are evaluated
    names = [*range(SENDERS), SENDERS - 1, SENDERS - 1]
    return encoded(pipeline, [Payment(f"payer{name}", "mule", 1000, now) for name in names])


def spread(pipeline: Pipeline, values: Sequence[bytes], key: bytes | None) -> None:
    """Produce as a client that spreads records over all partitions."""
    for number, value in enumerate(values):
        pipeline.produce([value], key=key, partition=number % 4)


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as response:
        return str(response.read().decode())


@pytest.mark.parametrize(
    ("key", "kind"), [(None, "no key"), (b"mule00000000", "other partitioner"), (b"x", "other key")]
)
def test_a_mismatch_is_counted_logged_and_shown(pipeline: Pipeline, key: bytes | None, kind: str) -> None:
    port = free_port()
    with start(pipeline, METRICS_PORT=str(port)) as detector:
        detector.wait_for("rebalance", change="assigned")
        pipeline.produce(fan_in(pipeline), key=account("mule").encode())
        pipeline.wait_for_outputs(SENDERS + 2)
        assert "keyed" not in get(port, "/readyz")
        spread(pipeline, fan_in(pipeline), key)
        pipeline.wait_for_outputs(2 * (SENDERS + 2))
        event = detector.wait_for("input key mismatch")
        assert event[kind.replace(" ", "_")] >= 1
        counted = f'fraud_detector_input_key_mismatches_total{{kind="{kind}"}}'
        wait_for(lambda: counted in get(port, "/metrics"), "the metric")
        assert f"{pipeline.input} is not keyed by target as Java's clients do it" in get(port, "/readyz")  # and ready
        assert len(detector.events("input key mismatch")) == 1
        assert detector.stop() == 0


def test_repartitioned_it_has_the_verdicts_of_a_well_keyed_one(pipeline: Pipeline) -> None:
    by_target = f"{pipeline.prefix}streaming.transactions.by-target"
    stages = f"target={by_target},source={pipeline.by_source}"
    with start(pipeline, INPUT_KEYED="repartition", REPARTITION_TOPICS=stages) as detector:
        detector.wait_for("rebalance", change="assigned")
        values = fan_in(pipeline)
        spread(pipeline, values, None)
        legit, fraud, dead = pipeline.wait_for_outputs(len(values))
        assert not detector.events("input key mismatch")
        assert detector.stop() == 0
    assert sorted(legit + fraud) == sorted(values)
    assert not dead
    names = [dict(message.headers() or [])["rules.fired"] for message in pipeline.read(pipeline.fraud)]
    many = sum(b"many-senders" in str(name).encode() for name in names)
    # All that come after the nineteenth sender; the three payments of one sender may be among those before.
    assert SENDERS + 2 - 19 - 2 <= many <= SENDERS + 2 - 19
    assert sum("rapid-fire" in str(name) for name in names) == 1
    assert {message.key() for message in pipeline.read(by_target)} == {account("mule").encode()}
