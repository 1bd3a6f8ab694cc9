"""Windows that take long to restore, and records that are gone before they were read."""

import time
import urllib.request
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from services.streaming import partition_reader
from services.streaming.progress import LoopProgress
from tests.support.inside import detector
from tests.support.payments import Payment, pay
from tests.support.ports import free_port
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for

RULES = """
[rules.many-payments]
severity = "high"
reason = "{payments} payments to {target} in 1 h"
windows.payments = { measure = "count", by = ["target"], over = "1h", at_least = 100 }
"""
POLL_SECONDS = 6.0


class Slow:
    """A reader that gives a few records at a time, and takes its time over them."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.reading: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def read(self, timeout: float) -> Any:
        self.reading.append(time.monotonic())
        time.sleep(0.4)
        return self._real.read(timeout)


def test_a_restore_longer_than_the_poll_interval_keeps_the_membership(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow: list[Slow] = []
    rebalances: list[str] = []

    def slowly(reader: Any) -> Slow:
        slow.append(Slow(reader))
        return slow[-1]

    real = LoopProgress.revoked
    monkeypatch.setattr(LoopProgress, "revoked", lambda *args: rebalances.append("revoked") or real(*args))
    monkeypatch.setattr(partition_reader, "BATCH", 10)
    start = time.time_ns() // 1_000_000
    pay(pipeline, [Payment(f"payer{number}", "shop", 1000, start + number) for number in range(99)])
    pay(pipeline, [Payment(f"payer{number}", f"shop{number}", 1000, start + number) for number in range(101)])
    with detector(pipeline, monkeypatch, RULES, {}, STATE_TOPIC="off"):
        pipeline.wait_for_outputs(200)
    assert not pipeline.read(pipeline.fraud)
    rebalances.clear()
    properties = {"STATE_TOPIC": "off", "KAFKA_CONFIG_MAX_POLL_INTERVAL_MS": str(round(POLL_SECONDS * 1000)),
                  "KAFKA_CONFIG_SESSION_TIMEOUT_MS": str(round(POLL_SECONDS * 1000))}  # fmt: skip
    with detector(pipeline, monkeypatch, RULES, {"PartitionReader": slowly}, **properties) as progress:
        wait_for(progress.restores, "the restore begins")
        pay(pipeline, [Payment("payer", "shop", 1000, start + 1000)])
        pipeline.wait_for_outputs(201)
        assert not rebalances  # it was a member all the time
    took = slow[0].reading[-1] - slow[0].reading[0]
    assert took > POLL_SECONDS
    assert len(pipeline.read(pipeline.fraud)) == 1  # the hundredth: all others were restored


def test_records_deleted_before_they_were_read_are_counted_and_logged(pipeline: Pipeline) -> None:
    port = free_port()
    with pipeline.start("detector") as running:
        pay(pipeline, [Payment("payer", "shop", 1000)])
        pipeline.wait_for_outputs(1)
        assert running.stop() == 0
    pay(pipeline, [Payment("payer", "shop", 1000) for _ in range(20)])
    admin, (number,) = pipeline.admin, {message.partition() for message in pipeline.read(pipeline.input)}
    deleted = TopicPartition(pipeline.input, number, 16)
    admin.delete_records([deleted])[deleted].result()
    with pipeline.start("detector", METRICS_PORT=str(port)) as running:
        pipeline.wait_for_outputs(6)
        event = running.wait_for("records deleted before they were read")
        metrics = fetch(port)
        assert running.stop() == 0
    assert (event["level"], event["topic"], event["partition"], event["records"]) == (
        "error",
        pipeline.input,
        number,
        15,
    )
    assert lost(metrics) == {(pipeline.input, str(number)): 15}


def fetch(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        return str(response.read().decode())


def lost(metrics: str) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["topic"], sample.labels["partition"]): sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "fraud_detector_lost_records_total"
    }
