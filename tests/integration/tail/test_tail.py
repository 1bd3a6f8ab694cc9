"""``scripts/tail`` on real topics."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tools.harness.pipeline import Pipeline, amounts
from tools.harness.raw_producer import RawProducer
from tools.harness.waiting import DEADLINE

SCRIPT = str(Path(__file__).parents[3] / "scripts" / "tail")


def tail(pipeline: Pipeline, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *arguments], env=variables(pipeline) | environment, capture_output=True, text=True, timeout=DEADLINE,
        check=False, cwd=pipeline.directory,
    )  # fmt: skip


def variables(pipeline: Pipeline) -> Mapping[str, str]:
    return {**os.environ, **pipeline.environment}


def parsed(lines: str) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=Decimal) for line in lines.splitlines()]


def test_it_prints_every_record_exactly(pipeline: Pipeline) -> None:
    values = pipeline.transactions(40)
    pipeline.produce(values)
    done = tail(pipeline, pipeline.input, "--from-beginning", "--until-end")
    assert done.returncode == 0, done.stderr
    records = parsed(done.stdout)
    assert sorted(record["amount"] for record in records) == sorted(amounts(values))
    for record, line in zip(records, done.stdout.splitlines(), strict=True):
        assert list(record) == ["id", "source", "target", "amount", "currency", "created_at"]
        assert re.search(r'"amount": [0-9]+\.[0-9]{2},', line)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["created_at"])
        assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", record["id"])


def test_it_ends_after_as_many_as_were_asked_for(pipeline: Pipeline) -> None:
    pipeline.produce(pipeline.transactions(40))
    assert len(parsed(tail(pipeline, pipeline.input, "--from-beginning", "--max", "7").stdout)) == 7


def test_with_meta_it_says_where_each_message_is(pipeline: Pipeline) -> None:
    pipeline.produce(pipeline.transactions(1), key=b"account00001", headers=[("trace", b"x")], partition=3)
    (message,) = parsed(tail(pipeline, pipeline.input, "--from-beginning", "--until-end", "--meta").stdout)
    assert (message["topic"], message["partition"], message["offset"]) == (pipeline.input, 3, 0)
    assert (message["key"], message["headers"]) == ("account00001", {"trace": "x"})
    assert message["value"]["currency"] == "EUR"


def test_what_cannot_be_decoded_is_named_and_the_rest_goes_on(pipeline: Pipeline) -> None:
    good = pipeline.transactions(2)
    pipeline.produce([good[0], b"junk", b"\0\x7f\xff\xff\xff?", None, good[1]], partition=0)
    done = tail(pipeline, pipeline.input, "--from-beginning", "--until-end")
    assert done.returncode == 0, done.stderr
    first, junk, unknown, tombstone, last = parsed(done.stdout)
    assert ("id" in first, "id" in last) == (True, True)
    assert (junk["partition"], junk["offset"]) == (0, 1)
    assert "magic byte" in junk["error"]
    assert "schema id 2147483647" in unknown["error"]
    assert "tombstone" in tombstone["error"]


def test_a_message_whose_headers_cannot_be_read(pipeline: Pipeline) -> None:
    with RawProducer(pipeline.cluster.bootstrap_servers) as producer:
        for value in pipeline.transactions(2):
            producer.produce(pipeline.input, value, None, [(b"\xff", b"x"), (b"trace", b"7")])
    messages = parsed(tail(pipeline, pipeline.input, "--from-beginning", "--until-end", "--meta").stdout)
    assert [list(message["headers"]) for message in messages] == [["error"]] * 2
    assert {message["value"]["currency"] for message in messages} == {"EUR"}


def test_a_dead_letter_shows_its_reason(pipeline: Pipeline) -> None:
    pipeline.produce([b"junk", *pipeline.transactions(1)], key=b"account00001")
    with pipeline.start("detector") as detector:
        pipeline.wait_for_outputs(2)
        assert detector.stop() == 0
    (letter,) = parsed(tail(pipeline, pipeline.dead, "--from-beginning", "--until-end").stdout)
    assert "magic byte" in letter["headers"]["__connect.errors.exception.message"]
    assert letter["headers"]["__connect.errors.topic"] == pipeline.input
    assert base64.b64decode(letter["value"]["base64"]) == b"junk"
    assert letter["key"] == "account00001"


def test_without_from_beginning_it_waits_for_what_comes(pipeline: Pipeline) -> None:
    pipeline.produce(pipeline.transactions(5, seed=1))
    assert tail(pipeline, pipeline.input, "--until-end").stdout == ""
    with running(pipeline, pipeline.input, "--max", "3", "--meta") as process:
        while process.poll() is None:  # until it listens, what comes is before its beginning
            pipeline.produce(pipeline.transactions(1, seed=2), partition=0)
        offsets = [message["offset"] for message in parsed(process.communicate(timeout=DEADLINE)[0])]
    assert offsets == list(range(offsets[0], offsets[0] + 3))
    assert offsets[0] > 0


def running(pipeline: Pipeline, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tools.tail", *arguments], env=variables(pipeline), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_it_ends_quietly_when_nobody_reads_on(pipeline: Pipeline) -> None:
    pipeline.produce(pipeline.transactions(3))
    with running(pipeline, pipeline.input, "--from-beginning") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()  # what `head -1` does; nothing more comes, so only the pipe itself can tell
        assert process.wait(DEADLINE) == 0
        assert process.stderr.read() == ""


def test_it_ends_quietly_on_ctrl_c(pipeline: Pipeline) -> None:
    pipeline.produce(pipeline.transactions(3), partition=0)
    with running(pipeline, pipeline.input, "--from-beginning") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
        assert process.stderr.read() == ""


def test_an_unknown_topic_is_an_error_that_names_close_ones(pipeline: Pipeline) -> None:
    done = tail(pipeline, pipeline.legit[:-1])
    assert done.returncode == 1
    assert f"there is no topic {pipeline.legit[:-1]}; did you mean {pipeline.legit}" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [[], ["topic", "--max", "0"], ["topic", "--max", "x"], ["topic", "--frm"]])
def test_wrong_usage(pipeline: Pipeline, arguments: list[str]) -> None:
    done = tail(pipeline, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_broker_that_does_not_answer(pipeline: Pipeline) -> None:
    done = tail(pipeline, pipeline.input, KAFKA_BROKER_URL="127.0.0.1:1")
    assert done.returncode == 3
    assert "no broker answers at 127.0.0.1:1" in done.stderr


def test_half_a_cluster_is_wrong_usage(pipeline: Pipeline) -> None:
    done = tail(pipeline, pipeline.input, SCHEMA_REGISTRY_URL="")
    assert done.returncode == 2
    assert "SCHEMA_REGISTRY_URL: not set" in done.stderr
