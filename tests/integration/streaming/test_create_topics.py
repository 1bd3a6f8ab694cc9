"""`create-topics`: creates missing topics, reports differences, and never shrinks or deletes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME
from confluent_kafka.admin import NewTopic

from services.streaming.topics import partition_counts, topic_configs
from tests.support.ports import free_port
from tools.harness.pipeline import Pipeline
from tools.local_cluster import Cluster


def create_topics(pipeline: Pipeline, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.commands.create_topics", *arguments]
    settings = {"PATH": os.environ["PATH"], **pipeline.environment, **environment}
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=False)


def statuses(output: str) -> dict[str, str]:
    """Return the status of each topic."""
    return dict(line.split()[:2] for line in output.splitlines())


def all_of(pipeline: Pipeline, status: str) -> dict[str, str]:
    return dict.fromkeys((topic.name for topic in pipeline.contracts.topics), status)


@pytest.fixture
def pipeline(cluster: Cluster, tmp_path: Path) -> Pipeline:
    return Pipeline(cluster, tmp_path, create=False, register=False)


def test_creates_once_and_then_changes_nothing(pipeline: Pipeline) -> None:
    dry = create_topics(pipeline, "--dry-run")
    assert statuses(dry.stdout) == all_of(pipeline, "CREATED")
    assert pipeline.input not in partition_counts(pipeline.admin)
    first = create_topics(pipeline)
    assert (first.returncode, statuses(first.stdout)) == (0, all_of(pipeline, "CREATED"))
    counts = partition_counts(pipeline.admin)
    assert [counts[topic] for topic in (pipeline.input, pipeline.legit, pipeline.fraud, pipeline.dead)] == [4, 4, 4, 1]
    second = create_topics(pipeline)
    assert (second.returncode, statuses(second.stdout)) == (0, all_of(pipeline, "UNCHANGED"))


def test_grows_reports_and_never_shrinks(pipeline: Pipeline) -> None:
    admin = pipeline.admin
    config = {"retention.ms": str(7 * 24 * 3_600_000), "message.timestamp.type": "LogAppendTime"}
    new = [NewTopic(pipeline.input, 2, config=config), NewTopic(pipeline.legit, 9)]
    for created in admin.create_topics(new).values():
        created.result()
    result = create_topics(pipeline)
    assert result.returncode == 1
    changed = {pipeline.input: "GROWN", pipeline.legit: "DIFFERS"}
    assert statuses(result.stdout) == all_of(pipeline, "CREATED") | changed
    assert "9 partitions, the contract says 4" in result.stdout
    counts = partition_counts(admin)
    assert (counts[pipeline.input], counts[pipeline.legit]) == (4, 9)


def test_reports_another_retention_and_leaves_it(pipeline: Pipeline) -> None:
    assert create_topics(pipeline).returncode == 0
    pipeline.alter(pipeline.fraud, retention_ms="3600000")
    for _ in range(2):
        result = create_topics(pipeline)
        assert result.returncode == 1
        assert "retention.ms is 3600000, the contract says 2592000000" in result.stdout


def timestamp_type(pipeline: Pipeline, topic: str) -> str:
    admin = pipeline.admin
    return topic_configs(admin, [pipeline.contracts.topic(topic)])[topic].message_timestamp_type


def test_the_broker_sets_the_timestamps_of_the_input_topic(pipeline: Pipeline) -> None:
    assert create_topics(pipeline).returncode == 0
    assert timestamp_type(pipeline, pipeline.input) == "LogAppendTime"
    assert {timestamp_type(pipeline, topic) for topic in (pipeline.legit, pipeline.by_source, pipeline.dead)} == {
        "CreateTime"
    }
    pipeline.produce([b"x"], timestamp=1_000)
    pipeline.produce([b"y"], timestamp=int((time.time() + 86_400) * 1000))  # CreateTime topics refuse this one
    for message in pipeline.read(pipeline.input):
        kind, milliseconds = message.timestamp()
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        assert abs(milliseconds / 1000 - time.time()) < 600


def test_reports_timestamps_of_producers_and_leaves_them(pipeline: Pipeline) -> None:
    admin = pipeline.admin
    new = NewTopic(pipeline.input, 4, config={"retention.ms": str(7 * 24 * 3_600_000)})
    admin.create_topics([new])[pipeline.input].result()
    result = create_topics(pipeline)
    assert result.returncode == 1
    assert statuses(result.stdout) == all_of(pipeline, "CREATED") | {pipeline.input: "DIFFERS"}
    assert (
        "message.timestamp.type is CreateTime, the contract says LogAppendTime: change it with kafka-configs --alter "
        f"--topic {pipeline.input} --add-config message.timestamp.type=LogAppendTime" in result.stdout
    )
    assert timestamp_type(pipeline, pipeline.input) == "CreateTime"


@pytest.mark.parametrize(
    ("environment", "code", "words"),
    [
        ({"KAFKA_BROKER_URL": "nowhere"}, 2, "KAFKA_BROKER_URL: "),
        ({"SCHEMAS_DIR": "/nowhere"}, 1, "contracts.toml"),
        ({"KAFKA_BROKER_URL": f"127.0.0.1:{free_port()}", "STARTUP_TIMEOUT": "1"}, 3, "no broker answers"),
    ],
)
def test_errors_are_one_line_each(pipeline: Pipeline, environment: dict[str, str], code: int, words: str) -> None:
    result = create_topics(pipeline, **environment)
    assert result.returncode == code
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    for line in result.stderr.splitlines():
        assert line.startswith("create-topics: ") or json.loads(line)
