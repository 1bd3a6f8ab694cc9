"""Dead letters that were redriven and are met again: with the detector, to the verdicts."""

import os
import subprocess
import sys

import pytest

from services.streaming.dead_letter_reading import DeadLetter, dead_letter_of
from tests.support.confluent import deserialized
from tests.support.payments import Payment, pay
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.raw_producer import RawProducer
from tools.harness.registry_proxy import RegistryProxy
from tools.harness.waiting import DEADLINE

COUNTING = """
[rules.third-payment]
severity = "high"
reason = "{payments} payments in 24 h"
windows.payments = { measure = "count", by = ["target"], over = "24h", at_least = 3 }
"""


def redrive(pipeline: Pipeline, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "services.commands.redrive", *arguments]
    environment = os.environ | pipeline.environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def letters(pipeline: Pipeline) -> list[DeadLetter]:
    return [letter for message in pipeline.read(pipeline.dead) if (letter := dead_letter_of(message)) is not None]


def end(detector: Service, how: str) -> None:
    if how == "kill":
        detector.kill()
    else:
        assert detector.stop() == 0


@pytest.mark.parametrize("size", [1_500_000, 3_000_000])
def test_a_record_that_is_small_only_on_the_wire_can_be_redriven(pipeline: Pipeline, size: int) -> None:
    """It fits its topic compressed; neither an output nor the dead-letter topic takes it as it is."""
    good = pipeline.transactions(20)
    large = good[0] + b"x" * size
    pipeline.produce(good[:10])
    with RawProducer(pipeline.cluster.bootstrap_servers, compression_type="zstd", message_max_bytes="9000000") as raw:
        raw.produce(pipeline.input, large, b"account00001", [(b"trace", b"7")])
    pipeline.produce(good[10:])
    with pipeline.start("detector") as detector:
        legit, fraud, _ = pipeline.wait_for_outputs(21)
        assert sorted(legit + fraud) == sorted(good)
        (letter,) = letters(pipeline)
        assert letter.is_whole is (size < 2_000_000)
        for times in (1, 2):
            assert redrive(pipeline) == [f"1 redriven to {pipeline.input}"]
            pipeline.wait_for_outputs(21 + times)
            again = letters(pipeline)[-1]
            assert (again.redrives, again.is_whole, again.key) == (times, letter.is_whole, b"account00001")
        assert detector.stop() == 0
    redriven = [message for message in pipeline.read(pipeline.input) if message.value() == large]
    assert [message.headers() for message in redriven] == [
        [("trace", b"7")],
        [("trace", b"7"), ("__redrive.count", b"1")],
        [("trace", b"7"), ("__redrive.count", b"2")],
    ]


def test_a_record_with_unreadable_headers_is_evaluated_without_them(pipeline: Pipeline) -> None:
    (value,) = pipeline.transactions(1)
    with RawProducer(pipeline.cluster.bootstrap_servers) as raw:
        raw.produce(pipeline.input, value, b"account00001", [(b"\xff\xfe", b"x"), (b"trace", b"7")])
    with pipeline.start("detector") as detector:
        pipeline.wait_for_outputs(1)
        assert [letter.omitted for letter in letters(pipeline)] == [{"unreadable-headers"}]
        assert redrive(pipeline)[0] == f"1 redriven to {pipeline.input}"
        pipeline.wait_for_outputs(2)
        assert detector.stop() == 0
    (message,) = pipeline.read(pipeline.legit) + pipeline.read(pipeline.fraud)
    assert (message.value(), message.key()) == (value, b"account00001")
    assert dict(message.headers() or [])["__redrive.count"] == b"1"


@pytest.mark.parametrize("state", ["written", "off"])
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_redriven_message_counts_once_also_after_a_restart(pipeline: Pipeline, how: str, state: str) -> None:
    """Without a written state the input is read again from the good payment on, so over the dead original.

    Its schema is known by then.
    """
    rules = pipeline.directory / "rules.toml"
    rules.write_text(COUNTING)
    settings = {"RULES_FILE": str(rules), "INSTANCE_ID": "one"} | ({"STATE_TOPIC": "off"} if state == "off" else {})
    good, unknown, third = (Payment(f"guest{n}x", "shop", 1000) for n in range(3))
    with (
        RegistryProxy(pipeline.cluster.registry_url) as proxy,
        pipeline.start("detector", SCHEMA_REGISTRY_URL=proxy.url, **settings) as detector,
    ):
        pay(pipeline, [good])
        pipeline.wait_for_outputs(1)
        pipeline.evolve()
        proxy.mode = "forget"
        pay(pipeline, [unknown])
        pipeline.wait_for_outputs(2)
        assert len(letters(pipeline)) == 1
        end(detector, how)
    assert redrive(pipeline) == [f"1 redriven to {pipeline.input}"]
    for _ in range(2):  # with the dead original before the committed offset, and then with the one redriven as well
        with pipeline.start("detector", **settings) as detector:
            pipeline.wait_for_outputs(3)
            if state == "off":
                restored = detector.wait_for("windows restored", topic=pipeline.input, dead_letters=1)
                assert restored["from_offset"] < restored["to_offset"] - 1
            else:
                detector.wait_for("state restored", topic=pipeline.input)
            end(detector, how)
    assert (len(pipeline.read(pipeline.legit)), pipeline.read(pipeline.fraud)) == (2, [])
    pay(pipeline, [third])
    with pipeline.start("detector", **settings) as detector:
        pipeline.wait_for_outputs(4)
        assert detector.stop() == 0
    (message,) = pipeline.read(pipeline.fraud)
    assert dict(message.headers() or [])["rules.fired"] == b"third-payment"
    (alert,) = deserialized(pipeline.cluster.registry_url, pipeline.read(pipeline.alerts))
    assert alert["figures"] == {"payments": "3"}
