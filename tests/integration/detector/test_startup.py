"""A detector that lacks something at start ends with one clear line, never a traceback."""

import pytest
from confluent_kafka.admin import NewPartitions, NewTopic

from services.streaming.topics import partition_counts
from tests.support.ports import free_port
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for
from tools.local_cluster import Cluster


def reason(detector: Service, exit_code: int) -> list[str]:
    assert detector.exit_code() == exit_code
    assert "Traceback" not in detector.text
    stopped = detector.events("stopped")
    assert {line["exit_code"] for line in stopped} == {exit_code}
    return [line["reason"] for line in stopped]


def test_a_missing_topic_is_named(cluster: Cluster, tmp_path) -> None:  # type: ignore[no-untyped-def]
    pipeline = Pipeline(cluster, tmp_path, create=False)
    with pipeline.start("detector") as detector:
        lines = reason(detector, 1)
    assert [line.split(":")[0] for line in lines] == [
        f"topic {topic} does not exist"
        for topic in (
            pipeline.input, pipeline.by_source, pipeline.legit, pipeline.fraud, pipeline.alerts, pipeline.dead,
            pipeline.state, pipeline.rules,
        )
    ]  # fmt: skip
    assert all("scripts/create-topics" in line for line in lines)
    assert pipeline.input not in pipeline.admin.list_topics(timeout=10).topics  # and none came into being


def test_a_topic_with_too_few_partitions_is_named(cluster: Cluster, tmp_path) -> None:  # type: ignore[no-untyped-def]
    pipeline = Pipeline(cluster, tmp_path, create=False)
    admin = pipeline.admin  # a client that is let go of ends its requests
    admin.create_topics([NewTopic(pipeline.input, 2)])[pipeline.input].result()
    others = pipeline.legit, pipeline.fraud, pipeline.alerts, pipeline.dead, pipeline.state, pipeline.rules
    pipeline.create_topics_of(pipeline.by_source, *others)
    with pipeline.start("detector") as detector:
        (line,) = reason(detector, 1)
    assert line.startswith(f"topic {pipeline.input} has 2 partitions, contracts.toml says 4")
    pipeline.create_topics()  # grows it
    with pipeline.start("detector") as detector:
        detector.wait_for("rebalance", change="assigned")
        assert detector.stop() == 0
    admin.create_partitions([NewPartitions(pipeline.by_source, 6)])[pipeline.by_source].result()
    wait_for(lambda: partition_counts(admin)[pipeline.by_source] == 6, "growth")
    with pipeline.start("detector") as detector:
        (line,) = reason(detector, 1)
    assert f"{pipeline.input} has 4, {pipeline.by_source} has 6, {pipeline.state} has 4; give them the same" in line


def test_a_schema_that_is_not_registered_is_named(cluster: Cluster, tmp_path) -> None:  # type: ignore[no-untyped-def]
    pipeline = Pipeline(cluster, tmp_path, register=False)
    with pipeline.start("detector") as detector:
        (line,) = reason(detector, 1)
    assert f"{pipeline.input}-value" in line
    assert "avroguard register" in line
    with pipeline.registry as registry:
        assert registry.versions(f"{pipeline.input}-value") == []  # a service never registers


def test_a_topic_that_no_contract_covers_is_named(bare: Pipeline) -> None:
    with bare.start("detector", TRANSACTIONS_TOPIC="elsewhere") as detector:
        (line,) = reason(detector, 1)
    assert "elsewhere" in line
    assert "contracts.toml" in line


def test_dead_letters_that_redrive_would_refuse_are_named(bare: Pipeline) -> None:
    with bare.start("detector", DEAD_LETTER_TOPIC=bare.fraud) as detector:
        (line,) = reason(detector, 1)
    assert f'topic {bare.input} has dead_letter_topic = "{bare.dead}", and DEAD_LETTER_TOPIC is {bare.fraud}' in line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("COMMIT_INTERVAL_MS", "soon"),
        ("COMMIT_INTERVAL_MS", "-1"),
        ("SUSPICIOUS_AMOUNT", "-900"),
        ("SUSPICIOUS_AMOUNT", "NaN"),
        ("KAFKA_BROKER_URL", "nowhere"),
        ("SCHEMA_REGISTRY_URL", "nowhere"),
        ("KAFKA_CONFIG_NO_SUCH_THING", "1"),
        ("KAFKA_CONFIG_ENABLE_AUTO_COMMIT", "true"),
        ("SUSPICIOUS_AMOUNTS", "900"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(bare: Pipeline, variable: str, value: str) -> None:
    with bare.start("detector", **{variable: value}) as detector:
        (line,) = reason(detector, 2)
    assert line.startswith(f"{variable}: ")


def test_no_broker_at_start_is_waited_for_and_then_given_up(bare: Pipeline) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with bare.start("detector", KAFKA_BROKER_URL=nobody, STARTUP_TIMEOUT="3") as detector:
        (line,) = reason(detector, 3)
    assert nobody in line
    assert detector.events("waiting", waiting_for=f"broker {nobody}")


def test_sigterm_while_waiting_for_a_broker_is_no_failure(bare: Pipeline) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with bare.start("detector", KAFKA_BROKER_URL=nobody) as detector:
        detector.wait_for("waiting", waiting_for=f"broker {nobody}")
        assert detector.stop() == 0


def test_a_metrics_port_in_use_is_named(bare: Pipeline) -> None:
    port = str(bare.cluster.registry_url.split(":")[2].split("/")[0])
    with bare.start("detector", METRICS_PORT=port, METRICS_HOST="127.0.0.1") as detector:
        (line,) = reason(detector, 2)
    assert line.startswith("METRICS_PORT: ")


def test_no_secret_is_logged(pipeline: Pipeline) -> None:
    secrets = {
        "SCHEMA_REGISTRY_BASIC_AUTH": "clerk:s3cret-one",
        "KAFKA_CONFIG_SASL_PASSWORD": "s3cret-two",
        "KAFKA_CONFIG_SASL_USERNAME": "clerk",
        "KAFKA_CONFIG_SASL_MECHANISM": "PLAIN",
    }
    with pipeline.start("detector", LOG_LEVEL="debug", **secrets) as detector:
        detector.wait_for("rebalance", change="assigned")
        assert detector.stop() == 0
    assert "s3cret" not in detector.text
