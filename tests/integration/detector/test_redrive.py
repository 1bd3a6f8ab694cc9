"""Dead letters go back on their topic after a fix: once each, by filter, as they were."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from confluent_kafka import Message

from services.detection.headers import OWNED
from services.streaming.redrive_access import LEDGER
from tests.support.redriving import redrive, redriving
from tools.harness.pipeline import Pipeline
from tools.harness.registry_proxy import RegistryProxy
from tools.harness.waiting import DEADLINE, wait_for

NOWHERE = """
[topics.nowhere]
partitions = 1
retention = "1d"
value = "bytes"
"""


def detect(pipeline: Pipeline, count: int, **environment: str) -> tuple[list[bytes | None], list[Message]]:
    """Runs the detector until there are `count` outputs; return the evaluated values, and the dead letters."""
    with pipeline.start("detector", **environment) as detector:
        legit, fraud, dead = pipeline.wait_for_outputs(count)
        assert detector.stop() == 0
    return legit + fraud, dead


def strange(pipeline: Pipeline, count: int, seed: int = 1) -> list[bytes]:
    """Transactions of a schema id that no registry knows."""
    return [b"\x00\x7f\xff\xff\xff" + value[5:] for value in pipeline.transactions(count, seed=seed)]


def headers(message: Message) -> list[tuple[str, bytes]]:
    return message.headers() or []


def test_after_a_fix_dead_letters_are_evaluated_once_unchanged(pipeline: Pipeline) -> None:
    pipeline.alter(pipeline.input, message_timestamp_type="CreateTime")
    known = pipeline.transactions(50)
    yesterday = int(time.time() * 1000) - 86_400_000
    with (
        RegistryProxy(pipeline.cluster.registry_url) as proxy,
        pipeline.start("detector", SCHEMA_REGISTRY_URL=proxy.url) as detector,
    ):
        pipeline.produce(known)
        pipeline.wait_for_outputs(50)
        pipeline.evolve()
        proxy.mode = "forget"
        new = pipeline.transactions(50, seed=2)
        pipeline.produce(new, key=b"target", headers=[("trace", b"7")], timestamp=yesterday)
        _, _, dead = pipeline.wait_for_outputs(100)
        assert detector.stop() == 0
    assert sorted(message.value() for message in dead) == sorted(new)
    assert redrive(pipeline) == f"50 redriven to {pipeline.input}\n"
    assert redrive(pipeline) == "nothing to redrive\n"  # twice is once
    evaluated, _ = detect(pipeline, 150)  # the registry knows the schema now
    assert sorted(evaluated) == sorted(known + new)
    revived = [
        message for topic in (pipeline.legit, pipeline.fraud) for message in pipeline.read(topic) if message.key()
    ]
    assert len(revived) == 50
    for message in revived:
        assert message.key() == b"target"
        assert message.timestamp()[1] == yesterday
        assert [header for header in headers(message) if header[0] not in OWNED] == [
            ("trace", b"7"),
            ("__redrive.count", b"1"),
        ]


def test_a_redrive_loop_shows_the_number_of_redrives(pipeline: Pipeline) -> None:
    pipeline.produce(strange(pipeline, 1))
    detect(pipeline, 1)
    for times in (1, 2):
        assert redrive(pipeline) == f"1 redriven to {pipeline.input}\n"
        _, dead = detect(pipeline, times + 1)
        counts = [value for name, value in headers(dead[-1]) if name == "__redrive.count"]
        assert counts == [str(times).encode()]
    assert "redriven 2 times before" in redrive(pipeline, "--dry-run")


def test_only_selected_dead_letters_are_redriven(pipeline: Pipeline) -> None:
    pipeline.alter(pipeline.input, message_timestamp_type="CreateTime")
    now = datetime.now(UTC)
    for days, letters in ((3, strange(pipeline, 3)), (1, strange(pipeline, 2, seed=2))):
        pipeline.produce(letters, timestamp=int((now - timedelta(days=days)).timestamp() * 1000))
    pipeline.produce([b"rubbish", b"more rubbish"])
    detect(pipeline, 7)
    before = len(pipeline.read(pipeline.input))
    lines = redrive(pipeline, "--dry-run", "--error", "UnframedError").splitlines()
    assert len(lines) == 3
    assert all("UnframedError" in line for line in lines[:2])
    assert lines[-1] == f"2 would be redriven to {pipeline.input}"
    assert len(pipeline.read(pipeline.input)) == before  # a dry run does nothing
    assert pipeline.dead + LEDGER not in pipeline.admin.list_topics(timeout=10).topics
    redriven = f"redriven to {pipeline.input}\n"
    between = ("--since", (now - timedelta(days=4)).isoformat(), "--until", f"{now - timedelta(days=2):%Y-%m-%dT%H:%M}")
    early = ("--error", "UnknownSchemaId", *between)
    assert redrive(pipeline, *early, "--max", "2") == f"2 {redriven}"
    assert redrive(pipeline, *early) == f"1 {redriven}"
    assert redrive(pipeline, "--partition", "0", "--offset", "0-1000", "--error", "UnknownSchemaId") == f"2 {redriven}"
    assert redrive(pipeline, "--partition", "7") == "nothing to redrive\n"
    assert redrive(pipeline) == f"2 {redriven}"
    values = Counter(message.value() for message in pipeline.read(pipeline.input))
    assert len(values) == 7
    assert set(values.values()) == {2}


def test_an_old_message_is_deleted_neither_before_it_is_redriven_nor_before_it_is_read(pipeline: Pipeline) -> None:
    pipeline.alter(pipeline.input, message_timestamp_type="CreateTime", retention_ms="-1")
    pipeline.produce(strange(pipeline, 1), timestamp=1_700_000_000_000)
    began = time.time() * 1000 - 1000
    _, dead = detect(pipeline, 1)
    assert dead[0].timestamp()[1] >= began  # so the retention of its topic counts from now
    assert redrive(pipeline, "--dry-run", "--since", "2024-01-01") == "nothing to redrive\n"  # and it has its own time
    pipeline.alter(pipeline.input, retention_ms="604800000")
    assert redrive(pipeline) == f"1 redriven to {pipeline.input}\n"
    newest = pipeline.read(pipeline.input)[-1]
    assert newest.timestamp()[1] >= began


def test_each_is_redriven_once_over_a_killed_run_and_the_next(pipeline: Pipeline) -> None:
    letters = strange(pipeline, 30_000)
    pipeline.produce(letters)
    detect(pipeline, 30_000)
    # So that each of its transactions waits for the last one's end: it takes seconds, however fast the machine.
    process = redriving(pipeline, KAFKA_CONFIG_RETRY_BACKOFF_MS="200")
    memory, admin = pipeline.dead + LEDGER, pipeline.admin
    wait_for(lambda: memory in admin.list_topics(timeout=10).topics, "the topic of what was redriven")
    wait_for(lambda: pipeline.read(memory), "the first that is redriven")
    process.kill()
    process.communicate()
    redriven = len(pipeline.read(memory))
    assert 0 < redriven < 30_000  # it was killed midway
    assert redrive(pipeline) == f"{30_000 - redriven} redriven to {pipeline.input}\n"
    values = Counter(message.value() for message in pipeline.read(pipeline.input))
    assert len(values) == 30_000
    assert set(values.values()) == {2}


def test_a_newer_run_takes_over_from_an_older_one(pipeline: Pipeline) -> None:
    pipeline.produce(strange(pipeline, 30_000))
    detect(pipeline, 30_000)
    processes = [redriving(pipeline) for _ in range(2)]
    codes = []
    for process in processes:
        _, errors = process.communicate(timeout=DEADLINE)
        codes.append(process.returncode)
        assert process.returncode == 0 or "has taken over" in errors
    assert 0 in codes
    redrive(pipeline)
    values = Counter(message.value() for message in pipeline.read(pipeline.input))
    assert set(values.values()) == {2}


def test_an_impossible_redrive_is_refused_in_a_line(pipeline: Pipeline) -> None:
    contracts = pipeline.schemas / "contracts.toml"
    contracts.write_text(contracts.read_text().replace(f'= "{pipeline.dead}"', '= "nowhere"') + NOWHERE)
    assert "topic nowhere does not exist" in redrive(pipeline, "--topic", "nowhere", code=1)
    assert "expected a time" in redrive(pipeline, "--since", "yesterday", code=2)
    assert "expected an offset" in redrive(pipeline, "--offset", "first", code=2)
