"""Batches in a repartition topic: they fit it, and a transaction that fails in a later stage fails alone."""

import json
import os
import subprocess
import sys

import pytest

from services.streaming.dead_letter_format import split_headers
from tests.support.accounting import headers_of, outcome_of, require_one_place_each
from tests.support.payments import Payment, pay, pay_with_long_names
from tests.support.redriving import redrive
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import DEADLINE
from tools.topics.batches import RowMessage, place

RULES = """
[rules.third-payment]
severity = "high"
reason = "{payments} payments by {source} in 24 h"
windows.payments = { measure = "count", by = ["source"], over = "24h", at_least = 3 }
"""


def start(pipeline: Pipeline, **settings: str) -> Service:
    path = pipeline.directory / "rules.toml"
    path.write_text(RULES)
    return pipeline.start("detector", RULES_FILE=str(path), INSTANCE_ID="one", **settings)


def tail(pipeline: Pipeline, topic: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "tools.tail", topic, "--from-beginning", "--until-end", "--meta"]
    environment = os.environ | pipeline.environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=DEADLINE)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("settings", [{}, {"STATE_TOPIC": "off"}], ids=["state", "no-state"])
def test_a_row_that_an_output_refuses_is_a_dead_letter_alone_and_can_be_redriven(
    pipeline: Pipeline, settings: dict[str, str]
) -> None:
    with start(pipeline, **settings) as detector:
        detector.wait_for("rebalance", change="assigned")
        pay_with_long_names(pipeline, {})
        pipeline.wait_for_outputs(300)
        pipeline.alter(pipeline.legit, max_message_bytes="4000")
        values = pay_with_long_names(pipeline, {41: 4100})
        pipeline.wait_for_outputs(600)
        assert detector.events("delivery refused, searching for the record")
        detector.kill()
    outcome = outcome_of(pipeline)
    require_one_place_each(outcome)
    ((origin, message),) = outcome.dead.items()
    (row,) = (staged for staged in outcome.staged if place(staged) == origin)
    assert isinstance(row, RowMessage)
    assert row.value() == message.value() == values[41]
    parts = split_headers(headers_of(message))
    assert parts
    assert (row.key(), row.timestamp()[1]) == (message.key(), parts.timestamp_ms)
    assert parts.origin["exception.class.name"].endswith("UnprocessableError")
    assert (parts.own, parts.row) == (row.headers(), row.row)
    batch = row.partition(), row.offset()
    shown = [line for line in tail(pipeline, pipeline.by_source) if (line["partition"], line["offset"]) == batch]
    assert [line["row"] for line in shown] == list(range(len(shown)))
    assert all(str(line["key"]).startswith("payer") for line in shown)

    pipeline.alter(pipeline.legit, max_message_bytes="1048588")
    with start(pipeline, **settings) as detector:
        if settings:
            restored = detector.wait_for("windows restored", topic=pipeline.by_source, dead_letters=1)
        else:
            restored = detector.wait_for("state restored", topic=pipeline.by_source)
        assert restored["entries"] > 0
        assert redrive(pipeline) == f"1 redriven to {pipeline.by_source}\n"
        pipeline.wait_for_outputs(601)
        # Its payer's second payment: the dead letter does not count.
        assert values[41] in [verdict.value() for verdict in pipeline.read(pipeline.legit)]
        detector.kill()
    with start(pipeline, **settings) as detector:
        (third,) = pay(pipeline, [Payment("payer41", "shop", 1000)])
        pipeline.wait_for_outputs(602)
        assert detector.stop() == 0
    assert third in [verdict.value() for verdict in pipeline.read(pipeline.fraud)]
    assert len(pipeline.read(pipeline.dead)) == 1


def test_batches_fit_the_topic_and_what_fits_into_none_is_a_dead_letter_of_the_input(pipeline: Pipeline) -> None:
    pipeline.alter(pipeline.by_source, max_message_bytes="4000")
    values = pay_with_long_names(pipeline, {42: 3000, 41: 4100})
    with start(pipeline) as detector:
        pipeline.wait_for_outputs(300)
        assert not detector.events("delivery refused, searching for the record")
        assert not detector.events("transaction aborted")
        assert detector.stop() == 0
    outcome = outcome_of(pipeline)
    require_one_place_each(outcome)
    ((origin, message),) = outcome.dead.items()
    assert (origin[0], message.value()) == (pipeline.input, values[41])
    reason = dict(headers_of(message))["__connect.errors.exception.message"]
    assert f"too large for {pipeline.by_source}: max.message.bytes is 4000".encode() in (reason or b"")  # type: ignore[operator]
    rows = [staged.row for staged in outcome.staged if isinstance(staged, RowMessage)]
    assert len(rows) == 299
    assert 0 < max(rows) < 40  # of about 100 bytes each
