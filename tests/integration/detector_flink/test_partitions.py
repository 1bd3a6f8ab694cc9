"""The job on an input of several partitions: equal to a recomputation from what the topics have."""

import random
from types import SimpleNamespace
from typing import Any

import pytest

from tools.chaos.plain_reader import PlainReader
from tools.chaos.rules_over_time import RulesOverTime
from tools.chaos.traffic import Traffic, payments
from tools.chaos.verdict_comparison import content
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for
from tools.local_flink.cluster import FlinkCluster

pytestmark = pytest.mark.flink

COUNT, POISON = 6000, 40
PATIENCE = 300.0  # seconds: a job takes minutes to start on a machine with much else to do


def test_verdicts_of_several_partitions_equal_a_recomputation(pipeline: Pipeline, flink: FlinkCluster) -> None:
    """Several partitions of both stages, on two slots, with records that are no transactions in between."""
    fired: list[int] = []
    trial: Any = SimpleNamespace(
        pipeline=pipeline, reader=PlainReader(pipeline.cluster.registry_url),
        prove=lambda count, _what: fired.append(count),
    )  # fmt: skip
    reference = RulesOverTime(trial, COUNT)
    poison = {b"no transaction %d" % number for number in range(POISON)}
    reference.is_dead = lambda message: content(message) in poison
    job = flink.submit(pipeline.environment | reference.environment | {"BATCH_ROWS": "500"}, 2)
    half = COUNT // 2
    written = payments(random.Random(5), COUNT)
    with Traffic(pipeline, written[:half], 10):
        pipeline.produce(sorted(poison)[::2], headers=[("note", b"kept")])
    with Traffic(pipeline, written[half:], 10):
        pipeline.produce(sorted(poison)[1::2], key=b"key")

    def done() -> int:
        return len(pipeline.read(pipeline.legit)) + len(pipeline.read(pipeline.fraud))

    wait_for(lambda: done() >= COUNT, lambda: f"{done()} of {COUNT} verdicts", PATIENCE, pause=1)
    flink.stop_job(job)
    tally = reference.tally()
    assert tally.messages == COUNT + POISON
    assert tally.holds, tally
    assert min(fired) > 30
    assert {message.partition() for message in pipeline.read(pipeline.input)} == {0, 1, 2, 3}
    dead = pipeline.read(pipeline.dead)
    assert {message.value() for message in dead} == poison
    assert sum(("note", b"kept") in (message.headers() or []) for message in dead) == POISON // 2
    assert sum(message.key() == b"key" for message in dead) == POISON // 2
