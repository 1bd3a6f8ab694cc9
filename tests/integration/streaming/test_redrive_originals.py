"""Redrive of dead letters with omitted parts, and refused ones."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Message, Producer, TopicPartition

from services.errors import PoisonError
from services.streaming.clients import DEAD_LETTER_MAX_BYTES
from services.streaming.dead_letter_format import DeadLetterRecord, Original, dead_letter_record
from services.streaming.redrive_access import LEDGER
from tools.harness.pipeline import Pipeline
from tools.harness.raw_producer import RawProducer
from tools.harness.waiting import DEADLINE
from tools.local_cluster import Cluster

LARGE = b"\x00" + b"compresses well " * 200_000  # 3.2 MB: three times what the topic takes, compressed much less


@pytest.fixture
def pipeline(cluster: Cluster, tmp_path: Path) -> Pipeline:
    return Pipeline(cluster, tmp_path, register=False)


def produce(pipeline: Pipeline, value: bytes, **extra: object) -> Original:
    """Write a record as a producer with compression may; return it as it is read."""
    producer = Producer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "compression.type": "zstd",
                         "message.max.bytes": 100_000_000})  # fmt: skip
    written: list[Message] = []
    producer.produce(
        pipeline.input, value, partition=1, on_delivery=lambda _, message: written.append(message), **extra
    )
    assert producer.flush(DEADLINE) == 0
    assert written[0].error() is None
    (message,) = [message for message in pipeline.read(pipeline.input) if place(message) == place(written[0])]
    topic, partition, offset = place(message)
    return Original(topic, partition, offset, message.key(), message.value(), message.headers())  # type: ignore[arg-type]


def place(message: Message) -> tuple[str, int, int]:
    return str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)


def write_dead_letters(pipeline: Pipeline, *letters: DeadLetterRecord) -> None:
    producer = Producer({"bootstrap.servers": pipeline.cluster.bootstrap_servers,
                         "message.max.bytes": DEAD_LETTER_MAX_BYTES})  # fmt: skip
    failed: list[object] = []
    for letter in letters:
        producer.produce(
            pipeline.dead, letter.value, letter.key, headers=letter.headers,
            on_delivery=lambda error, _: error and failed.append(error),
        )  # fmt: skip
    assert (producer.flush(DEADLINE), failed) == (0, [])


def letter(original: Original, limit: int = DEAD_LETTER_MAX_BYTES) -> DeadLetterRecord:
    return dead_letter_record(original, PoisonError("because"), limit)


def redrive(pipeline: Pipeline, *arguments: str) -> tuple[int, list[str], list[str]]:
    """Exit code, output and errors."""
    command = [sys.executable, "-m", "services.commands.redrive", *arguments]
    done = subprocess.run(command, env=os.environ | pipeline.environment, capture_output=True, text=True, check=False,
                          timeout=DEADLINE)  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def newest(pipeline: Pipeline, original: Original) -> Message:
    """The message that was redriven: the one behind the original, in its partition where it has no key."""
    messages = [message for message in pipeline.read(pipeline.input) if message.value() == original.value]
    assert len(messages) == 2
    return max(messages, key=lambda message: message.timestamp()[1])


def test_omitted_values_are_read_from_the_original_topic(pipeline: Pipeline) -> None:
    original = produce(pipeline, LARGE, key=b"target", headers=[("trace", b"7")])
    record = letter(original)
    assert record.value is None
    write_dead_letters(pipeline, record)
    code, output, _ = redrive(pipeline, "--dry-run")
    assert (code, output[-1]) == (0, f"1 would be redriven to {pipeline.input}")
    assert redrive(pipeline) == (0, [f"1 redriven to {pipeline.input}"], [])
    message = newest(pipeline, original)
    assert (message.key(), message.headers()) == (b"target", [("trace", b"7"), ("__redrive.count", b"1")])
    assert redrive(pipeline) == (0, ["nothing to redrive"], [])


@pytest.mark.parametrize("limit", [16_000, 8000])
def test_omitted_headers_and_keys_are_read_from_the_original_topic(pipeline: Pipeline, limit: int) -> None:
    original = produce(pipeline, b"v" * 9000, key=b"k" * 9000, headers=[("trace", b"h" * 9000)])
    write_dead_letters(pipeline, letter(original, limit))
    assert redrive(pipeline)[0] == 0
    message = newest(pipeline, original)
    assert (message.key(), message.headers()) == (
        original.key,
        [("trace", b"h" * 9000), ("__redrive.count", b"1")],
    )


def test_unreadable_headers_are_dropped_by_a_redrive(pipeline: Pipeline) -> None:
    with RawProducer(pipeline.cluster.bootstrap_servers) as producer:
        for value in (b"small", LARGE[:900_000]):
            producer.produce(pipeline.input, value, b"target", [(b"\xff\xfe", b"x"), (b"trace", b"7")], partition=2)
    values = {message.offset(): message.value() for message in pipeline.read(pipeline.input)}
    small, large = (
        Original(pipeline.input, 2, offset, b"target", values[offset], None, headers_unreadable=True)
        for offset in (0, 1)
    )
    write_dead_letters(pipeline, letter(small), letter(large, limit=5000))
    _, output, _ = redrive(pipeline, "--dry-run")
    assert [line.endswith("because, without its headers") for line in output[:2]] == [True, True]
    code, output, _ = redrive(pipeline)
    assert (code, output[1]) == (0, "2 of them without their headers, which can't be read")
    back = [
        message
        for message in pipeline.read(pipeline.input)
        if (message.partition(), message.offset()) not in {(2, 0), (2, 1)}
    ]
    assert sorted(message.value() or b"" for message in back) == sorted(filter(None, values.values()))
    assert [message.headers() for message in back] == [[("__redrive.count", b"1")]] * 2


def gone(pipeline: Pipeline, original: Original) -> Original:
    admin = pipeline.admin
    where = TopicPartition(original.topic, original.partition, original.offset + 1)
    for answer in admin.delete_records([where]).values():
        answer.result()
    return original


def changed(_pipeline: Pipeline, original: Original) -> Original:
    return Original(original.topic, original.partition, original.offset, b"target", LARGE[:-1] + b"?", None)


def elsewhere(pipeline: Pipeline, original: Original) -> Original:
    return Original(pipeline.legit, original.partition, original.offset, b"target", b"forged", None)


def nowhere(_pipeline: Pipeline, original: Original) -> Original:
    return Original("__consumer_offsets", original.partition, original.offset, b"target", b"forged", None)


def no_partition(_pipeline: Pipeline, original: Original) -> Original:
    return Original(original.topic, 99, original.offset, None, b"forged", None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (gone, "its value did not fit, and {input}-1-0 is gone from its topic"),
        (
            changed,
            "its value did not fit, and {input}-1-0 is another record: a value of 3200001 bytes with the SHA-256",
        ),
        (elsewhere, '{legit} is no input: its contract does not say dead_letter_topic = "{dead}"'),
        (nowhere, "__consumer_offsets is no input"),
        (no_partition, "{input} has no partition 99"),
    ],
)
def test_refused_dead_letters_do_not_stop_the_others(
    pipeline: Pipeline, change: Callable[[Pipeline, Original], Original], words: str
) -> None:
    original = produce(pipeline, LARGE, key=b"target")
    good = produce(pipeline, b"good", key=b"target")
    write_dead_letters(pipeline, letter(good), letter(change(pipeline, original)), letter(good))
    expected = words.format(input=pipeline.input, legit=pipeline.legit, dead=pipeline.dead)
    for verb, arguments in (("would be ", ["--dry-run"]), ("", [])):
        code, output, errors = redrive(pipeline, *arguments)
        assert code == 1
        assert output[-2:] == [f"2 {verb}redriven to {pipeline.input}", f"1 {verb}refused"]
        assert len(errors) == 1
        assert errors[0].startswith(f"redrive: {pipeline.dead}-0-1 refused: {expected}"), errors
    assert pipeline.read(pipeline.legit) == []
    ledger = [message.key() for message in pipeline.read(pipeline.dead + LEDGER)]
    assert ledger == [b"0-0", b"0-2"]
    assert redrive(pipeline)[:2] == (1, ["1 refused"])  # it stays to be looked after


def test_a_record_that_its_topic_rejects_is_refused_alone(pipeline: Pipeline) -> None:
    originals = [produce(pipeline, os.urandom(size), key=b"target") for size in (1000, 30_000, 2000, 40_000, 3000)]
    write_dead_letters(pipeline, *map(letter, originals))
    pipeline.alter(pipeline.input, max_message_bytes="20000")
    code, output, errors = redrive(pipeline)
    assert (code, output) == (1, [f"3 redriven to {pipeline.input}", "2 refused"])
    assert [line.split()[1] for line in errors] == [f"{pipeline.dead}-0-1", f"{pipeline.dead}-0-3"]
    assert all(f"{pipeline.input} does not take it: MSG_SIZE_TOO_LARGE" in line for line in errors)
    pipeline.alter(pipeline.input, max_message_bytes="1000000")
    assert redrive(pipeline) == (0, [f"2 redriven to {pipeline.input}"], [])


def test_large_dead_letters_are_redriven_in_small_transactions(pipeline: Pipeline) -> None:
    """More than the producer's queue holds (256 MB) would be in one of 500 dead letters."""
    originals = [Original(pipeline.input, 0, 1, b"target", os.urandom(900_000), None) for _ in range(40)]
    write_dead_letters(pipeline, *map(letter, originals))
    assert redrive(pipeline)[:2] == (0, [f"40 redriven to {pipeline.input}"])
    assert len(pipeline.read(pipeline.input)) == 40


def test_a_dead_letter_topic_of_no_contract(pipeline: Pipeline) -> None:
    code, _, errors = redrive(pipeline, "--topic", pipeline.fraud)
    assert code == 1
    assert f'contracts.toml: no topic has dead_letter_topic = "{pipeline.fraud}"' in errors[0]
