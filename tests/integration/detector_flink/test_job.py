"""The job on a real Flink cluster: equal to the detector, through a killed TaskManager, a savepoint and a rescale."""

import os
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Consumer, TopicPartition

from services.contracts import ColumnEncoder
from services.detection.settings import DEFAULT_RULES
from services.generator.scenarios import STANDARD, labelled_stream
from tests.support.confluent import deserialized
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for
from tools.local_cluster import Cluster
from tools.local_flink.cluster import FlinkCluster

pytestmark = pytest.mark.flink

COUNT = int(os.environ.get("FLINK_TRANSACTIONS", "20000"))
"""Transactions; the claim of docs/scaling.md is of 300,000."""

DUPLICATES = COUNT // 50
POISON = 30
PATIENCE = 240.0 + COUNT / 500  # seconds: a job takes minutes to start on a machine with much else to do
DAYS_MS = 86_400_000
RULES = (
    DEFAULT_RULES.read_text(encoding="utf-8")
    + """
[rules.busy-receiver]
severity = "low"
reason = "{payments} payments, {total}"
windows.payments = { measure = "count", by = ["target"], over = "10m", at_least = 4 }
windows.total = { measure = "sum amount", by = ["target"], over = "10m", at_least = 900 }

[rules.busy-payer]
severity = "low"
reason = "{largest}"
windows.largest = { measure = "max amount", by = ["source"], over = "30m", at_least = 990 }
windows.payments = { measure = "count", by = ["source"], over = "30m", at_least = 3 }
"""
)


def stream(pipeline: Pipeline) -> list[bytes]:
    """Days of payments with scenarios, then a rush; a fifth of them out of order, some twice; and some torn ones."""
    half, now = COUNT // 2, int(time.time() * 1000)
    rush_ms = half * 50
    blocks = [
        *labelled_stream(7, half, 1000, half / (3 * 86_400), STANDARD, now - 3 * DAYS_MS - rush_ms - 60_000),
        *labelled_stream(8, COUNT - half, 1000, 20, STANDARD, now - rush_ms - 60_000),
    ]
    columns = {name: np.concatenate([block.columns[name] for block in blocks]) for name in blocks[0].columns}
    chance = np.random.default_rng(3)
    moved = np.where(chance.random(COUNT) < 0.2, chance.integers(0, 30, COUNT), 0)
    order = np.argsort(np.arange(COUNT) + moved, kind="stable")
    again = chance.integers(0, COUNT, DUPLICATES)
    order = np.insert(order, again, order[np.maximum(again - 50, 0)])
    schema = pipeline.contracts.topic(pipeline.input).required_schema.json
    values = ColumnEncoder(schema, list(columns)).encode(
        {name: column[order] for name, column in columns.items()}, pipeline.schema_id
    )
    for number in range(POISON):
        values.insert(chance.integers(0, len(values)), values[number][: 10 + number])
    return values


def on_the_input_of(pipeline: Pipeline, cluster: Cluster, directory: Path) -> Pipeline:
    """Return a pipeline with topics of its own, but the input of another one."""
    other = Pipeline(cluster, directory)
    path = other.schemas / "contracts.toml"
    text = path.read_text()
    for end in ('"', "-"):
        text = text.replace(f"{other.input}{end}", f"{pipeline.input}{end}")
    path.write_text(text)
    return other


def evaluated(pipeline: Pipeline) -> int:
    """Return how many records the outputs have, markers of transactions included: cheap to ask."""
    consumer = Consumer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": "ends"})
    try:
        return sum(
            consumer.get_watermark_offsets(TopicPartition(topic, number), 10)[1]
            for topic in (pipeline.legit, pipeline.fraud)
            for number in range(4)
        )
    finally:
        consumer.close()


def results(pipeline: Pipeline) -> tuple[Counter[object], Counter[str]]:
    """Return verdicts and dead letters, with key, value and headers, and alerts, with ids and contributors; counted."""
    verdicts: Counter[object] = Counter()
    for topic, name in ((pipeline.legit, "legit"), (pipeline.fraud, "fraud"), (pipeline.dead, "dead")):
        for message in pipeline.read(topic):
            verdicts[name, message.key(), message.value(), tuple(message.headers())] += 1
    alerts: Counter[str] = Counter()
    for alert in deserialized(pipeline.cluster.registry_url, pipeline.read(pipeline.alerts)):
        del alert["detected_at"]
        alerts[repr(sorted(alert.items()))] += 1
    return verdicts, alerts


def require_all(pipeline: Pipeline, count: int) -> None:
    """Wait until every record has a verdict that is committed, or is a dead letter."""

    def committed() -> int:
        return sum(len(pipeline.read(topic)) for topic in (pipeline.legit, pipeline.fraud, pipeline.dead))

    wait_for(lambda: committed() >= count, lambda: f"{committed()} of {count} verdicts", PATIENCE, pause=1)


def test_equal_to_the_detector_through_kill_savepoint_and_rescale(
    cluster: Cluster, pipeline: Pipeline, flink: FlinkCluster, tmp_path: Path
) -> None:
    """All records are in one partition of the input: so repartition topics have one order, and verdicts one truth."""
    values = stream(pipeline)
    rules = pipeline.directory / "rules.toml"
    rules.write_text(RULES)

    def feed(begin: int, end: int) -> threading.Thread:
        thread = threading.Thread(
            target=lambda: pipeline.produce(values[begin:end], keyed=True, partition=0), daemon=True
        )
        thread.start()
        return thread

    def pass_by(count: int) -> None:
        wait_for(lambda: evaluated(pipeline) >= count, lambda: f"{evaluated(pipeline)} of {count}", PATIENCE, pause=0.5)

    half, most = len(values) // 2, len(values) * 4 // 5
    feed(0, 5000).join()
    settings = pipeline.environment | {"RULES_FILE": str(rules), "BATCH_ROWS": "1000"}
    job = flink.submit(settings, 2)
    pass_by(5000)
    feed(5000, half)
    pass_by(6000)
    flink.kill_task_manager(0)
    flink.add(1)
    pass_by(half)
    feed(half, most)
    pass_by(half + 1000)
    savepoint = flink.stop_job(job)
    at_stop = evaluated(pipeline)
    assert at_stop < len(values)
    flink.add(1)
    feed(most, len(values))
    job = flink.submit(settings, 3, savepoint)
    pass_by(len(values))
    require_all(pipeline, len(values))

    other = on_the_input_of(pipeline, cluster, tmp_path / "detector")
    with other.start("detector", RULES_FILE=str(rules), TRANSACTIONS_TOPIC=pipeline.input):
        require_all(other, len(values))
        expected = results(other)
    verdicts, alerts = results(pipeline)
    assert sum(verdicts.values()) == len(values)
    assert verdicts == expected[0]
    assert alerts == expected[1]
    names = [text for topic, *_, headers in verdicts if topic == "fraud" for _, text in headers[1:]]  # type: ignore[misc]
    fired = {name for text in names for name in text.decode().split(",")}
    assert fired >= {
        "large-amount",
        "rapid-fire",
        "busy-receiver",
        "busy-payer",
        *(["structuring"] if COUNT >= 40_000 else []),
    }
    assert len(pipeline.read(pipeline.dead)) == POISON
