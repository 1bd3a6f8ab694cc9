"""The generator as a process on a real broker and registry, read back by an independent reader."""

import re
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.confluent import deserialized
from tests.support.probing import Endpoints
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for
from tools.local_cluster import Cluster
from tools.local_cluster.ports import free_ports

METRICS = ("transactions_total", "delivery_failures_total", "schedule_lateness_seconds")


def finished(service: Service) -> int:
    with service:
        return service.exit_code()


def test_transactions_are_read_back_by_an_independent_reader(pipeline: Pipeline) -> None:
    before = time.time()
    generator = pipeline.start(
        "generator", MAX_TRANSACTIONS="2500", TRANSACTIONS_PER_SECOND="5000", ACCOUNTS="300", SEED="1"
    )
    assert finished(generator) == 0, generator.text
    messages = pipeline.read(pipeline.input)
    records = deserialized(pipeline.cluster.registry_url, messages)

    assert len(records) == 2500
    assert len({record["id"] for record in records}) == 2500
    assert all(Decimal(1) <= record["amount"] <= Decimal(1000) for record in records)
    assert {record["currency"] for record in records} == {"EUR"}
    assert len({record["source"] for record in records}) == 300
    assert all(re.fullmatch("[0-9a-zA-Z]{12}", record["target"]) for record in records)
    assert [message.key().decode() for message in messages] == [record["target"] for record in records]
    created = sorted(record["created_at"].timestamp() for record in records)
    assert before <= created[0]
    assert created[-1] - created[0] == pytest.approx(2499 / 5000, abs=0.001)
    assert generator.events("ended")[0]["delivered"] == 2500


def test_a_key_is_always_in_the_partition_that_java_clients_would_choose(pipeline: Pipeline) -> None:
    generator = pipeline.start("generator", MAX_TRANSACTIONS="500", TRANSACTIONS_PER_SECOND="0", ACCOUNTS="40")
    assert finished(generator) == 0, generator.text
    for message in pipeline.read(pipeline.input):
        assert message.partition() == (murmur2(message.key()) & 0x7FFFFFFF) % 4


def murmur2(data: bytes) -> int:
    """Compute the hash of org.apache.kafka.common.utils.Utils.murmur2."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    for at in range(0, len(data) - 3, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    tail = data[len(data) & ~3 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def test_a_seed_gives_the_same_transactions_at_any_rate(pipeline: Pipeline) -> None:
    for rate in ("0", "4000"):
        generator = pipeline.start("generator", MAX_TRANSACTIONS="1500", TRANSACTIONS_PER_SECOND=rate, SEED="42")
        assert finished(generator) == 0, generator.text
    counts = Counter(
        (record["id"], record["source"], record["target"], record["amount"])
        for record in deserialized(pipeline.cluster.registry_url, pipeline.read(pipeline.input))
    )
    assert len(counts) == 1500
    assert set(counts.values()) == {2}


def test_sigterm_delivers_all_messages_and_ends_with_0(pipeline: Pipeline) -> None:
    endpoints = Endpoints()
    with pipeline.start("generator", TRANSACTIONS_PER_SECOND="0", **endpoints.variables) as generator:
        generator.wait_for("started")
        wait_for(lambda: pipeline.read(pipeline.input), "the first transaction")
        metrics = {name: endpoints.series(f"fraud_generator_{name}")[""] for name in METRICS}
        probes = [endpoints.probe(path)[0] for path in ("/livez", "/readyz", "/")]
        assert generator.stop() == 0
    assert metrics.pop("transactions_total") > 0
    assert set(metrics.values()) == {0}
    assert probes == [200, 200, 404]
    assert generator.events("ended")[0]["delivered"] == len(pipeline.read(pipeline.input))


def test_a_broker_that_does_not_answer_is_named_and_fails_no_probe(fragile: Pipeline) -> None:
    endpoints = Endpoints()
    variables = endpoints.variables | {"KAFKA_CONFIG_QUEUE_BUFFERING_MAX_MESSAGES": "1000"}
    broker = fragile.cluster.broker(1)
    with fragile.start("generator", TRANSACTIONS_PER_SECOND="0", **variables) as generator:
        wait_for(lambda: endpoints.probe("/readyz")[0] == 200, "it sends")
        assert endpoints.probe("/readyz")[1]["partitions"] == []
        broker.pause()
        try:
            wait_for(lambda: endpoints.probe("/livez")[1]["reasons"], "a reason to wait")
            status, body = endpoints.probe("/readyz")
            assert (status, body["status"], len(body["degraded"])) == (200, "degraded", 1)
            assert "the producer's queue is full" in body["degraded"][0]
            assert endpoints.probe("/livez")[0] == 200
        finally:
            broker.resume()
        sent = endpoints.series("fraud_generator_transactions_total")[""]
        wait_for(lambda: endpoints.series("fraud_generator_transactions_total")[""] > sent, "it goes on")
        wait_for(lambda: not endpoints.probe("/livez")[1]["reasons"], "no reason to wait")
        assert generator.stop() == 0


def test_transactions_are_logged_only_when_set(pipeline: Pipeline) -> None:
    loud = pipeline.start("generator", MAX_TRANSACTIONS="20", LOG_TRANSACTIONS="1")
    quiet = pipeline.start("generator", MAX_TRANSACTIONS="20")
    assert (finished(loud), finished(quiet)) == (0, 0)
    records = {
        str(record["id"]): record
        for record in deserialized(pipeline.cluster.registry_url, pipeline.read(pipeline.input))
    }
    assert len(loud.events("transaction")) == 20
    for line in loud.events("transaction"):
        assert Decimal(line["amount"]) == records[line["id"]]["amount"]
        assert line["created_at"] == records[line["id"]]["created_at"].isoformat(timespec="milliseconds")
    assert quiet.events("transaction") == []


def test_an_unregistered_schema_ends_the_generator_with_a_hint(cluster: Cluster, tmp_path: Path) -> None:
    pipeline = Pipeline(cluster, tmp_path, register=False)
    generator = pipeline.start("generator")
    assert finished(generator) == 1
    (line,) = generator.events("stopped")
    assert f"{pipeline.input}-value" in line["reason"]
    assert "run avroguard register" in line["reason"]
    with pipeline.registry as registry:
        assert registry.versions(f"{pipeline.input}-value") == []


def test_a_missing_topic_ends_the_generator_and_is_not_created(cluster: Cluster, tmp_path: Path) -> None:
    pipeline = Pipeline(cluster, tmp_path, create=False, register=False)
    generator = pipeline.start("generator")
    assert finished(generator) == 1
    assert generator.events("stopped")[0]["reason"] == (
        f"topic {pipeline.input} does not exist: run scripts/create-topics"
    )
    assert pipeline.input not in pipeline.admin.list_topics(timeout=10).topics


def test_too_few_partitions_end_the_generator_with_a_hint(pipeline: Pipeline) -> None:
    contracts = pipeline.schemas / "contracts.toml"
    contracts.write_text(contracts.read_text().replace("partitions = 4", "partitions = 9"))
    generator = pipeline.start("generator")
    assert finished(generator) == 1
    assert f"topic {pipeline.input} has 4 partitions, contracts.toml says 9" in generator.events("stopped")[0]["reason"]


@pytest.mark.parametrize("missing", ["KAFKA_BROKER_URL", "SCHEMA_REGISTRY_URL"])
def test_the_generator_waits_for_broker_and_registry(pipeline: Pipeline, missing: str) -> None:
    (port,) = free_ports(1)
    nowhere = f"http://127.0.0.1:{port}" if missing.startswith("SCHEMA") else f"127.0.0.1:{port}"
    generator = pipeline.start("generator", **{missing: nowhere}, STARTUP_TIMEOUT="6", SCHEMA_REGISTRY_RETRIES="0")
    assert finished(generator) == 3, generator.text
    assert generator.events("waiting")
    assert str(port) in generator.events("stopped")[0]["reason"]
    assert "Traceback" not in generator.text


def test_wrong_settings_are_one_line_each(bare: Pipeline) -> None:
    generator = bare.start("generator", ACCOUNTS="1", SEED="-1", TRANSACTIONS_PER_SECOND="x", SCENARIOS="fan-in,fraud")
    assert finished(generator) == 2
    reasons = dict(line["reason"].split(": ", 1) for line in generator.events("stopped"))
    assert set(reasons) == {"ACCOUNTS", "SEED", "TRANSACTIONS_PER_SECOND", "SCENARIOS"}
    assert "fan-in, rapid-fire, structuring, account-takeover" in reasons["SCENARIOS"]
    assert "Traceback" not in generator.text


def test_a_dead_broker_ends_the_generator_with_the_counts(fragile: Pipeline) -> None:
    broker = fragile.cluster.broker(1)
    with fragile.start(
        "generator", TRANSACTIONS_PER_SECOND="2000", KAFKA_CONFIG_MESSAGE_TIMEOUT_MS="2000"
    ) as generator:
        generator.wait_for("started")
        wait_for(lambda: fragile.read(fragile.input), "the first transaction")
        broker.kill()
        assert generator.exit_code() == 1
    (line,) = generator.events("stopped")
    counts = re.search(r"(\d+) transactions delivered, (\d+) failed, (\d+) outstanding", line["reason"])
    assert counts, line
    delivered, failed, outstanding = map(int, counts.groups())
    assert failed > 0

    # What was reported as delivered is there; of the rest the broker may have some that it could not acknowledge.
    broker.start()
    broker.wait_healthy()
    assert delivered <= len(fragile.read(fragile.input)) <= delivered + failed + outstanding
