"""A group without committed offsets where results are there already: refused, until a start is chosen."""

import time
from collections import Counter

import pytest

from tests.support.payments import Payment, pay
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for

RULES = """
[rules.rapid-fire]
severity = "high"
reason = "{payments} payments by {source} in 1 h"
windows.payments = { measure = "count", by = ["source"], over = "1h", at_least = 5 }
"""

AT = time.time_ns() // 1_000_000
"""Event time of every payment, so that each counts those before it in whatever order partitions are read."""


def start(pipeline: Pipeline, **settings: str) -> Service:
    path = pipeline.directory / "rules.toml"
    path.write_text(RULES)
    return pipeline.start("detector", RULES_FILE=str(path), **settings)


def detect(pipeline: Pipeline, count: int, **settings: str) -> Service:
    """Runs a detector until there are `count` verdicts."""
    with start(pipeline, **settings) as detector:
        pipeline.wait_for_outputs(count)
        assert detector.stop() == 0
    return detector


def forget_offsets(pipeline: Pipeline) -> None:
    """Delete a group's offsets as brokers do, 7 days after the last member has left."""
    admin = pipeline.admin
    admin.delete_consumer_groups([pipeline.group])[pipeline.group].result()


def refusal(pipeline: Pipeline, **settings: str) -> str:
    with start(pipeline, **settings) as detector:
        assert detector.exit_code() == 1
        assert "Traceback" not in detector.text
    return str(detector.events("stopped")[-1]["reason"])


def payments(count: int, source: str = "payer") -> list[Payment]:
    return [Payment(source, f"shop{number}", 1000, AT) for number in range(count)]


def fraud(pipeline: Pipeline) -> int:
    return len(pipeline.read(pipeline.fraud))


def test_expired_offsets_are_refused_and_each_choice_gives_what_it_says(pipeline: Pipeline) -> None:
    old = pay(pipeline, payments(4))
    detect(pipeline, 4)
    forget_offsets(pipeline)
    reason = refusal(pipeline)
    assert f"group {pipeline.group} has no committed offsets of {pipeline.input}, {pipeline.by_source}" in reason
    assert "START_FROM=end" in reason
    # From the end: what came before has its verdict, and is in the windows once.
    with start(pipeline, START_FROM="end") as running:
        running.wait_for("start offsets committed")
        running.wait_for("rebalance", change="assigned")
        new = pay(pipeline, payments(1))
        legit, _, _ = pipeline.wait_for_outputs(5)
        assert running.stop() == 0
    assert sorted(legit + [message.value() for message in pipeline.read(pipeline.fraud)]) == sorted(old + new)
    # From the beginning: everything gets another verdict, by windows that hold nothing twice.
    forget_offsets(pipeline)
    before = fraud(pipeline)
    detect(pipeline, 10, START_FROM="beginning")
    values = Counter(message.value() for topic in (pipeline.legit, pipeline.fraud) for message in pipeline.read(topic))
    assert values == Counter(2 * (old + new))
    assert fraud(pipeline) - before == 1  # the fifth of five, not five of ten
    # It is chosen for a group without offsets: those that there are now count.
    with start(pipeline, START_FROM="beginning") as running:
        running.wait_for("rebalance", change="assigned")
        assert not running.events("start offsets committed")
        assert running.stop() == 0
    assert len(pipeline.read(pipeline.by_source)) == 10


def test_windows_include_earlier_transactions_once_after_a_start_time(pipeline: Pipeline) -> None:
    first = pay(pipeline, payments(3))
    detect(pipeline, 3)
    time.sleep(0.1)
    since = time.time_ns() // 1_000_000
    time.sleep(0.1)
    second = pay(pipeline, payments(3))
    detect(pipeline, 6)
    assert fraud(pipeline) == 2  # the fifth and the sixth
    forget_offsets(pipeline)
    detect(pipeline, 9, START_FROM=str(since))
    values = Counter(message.value() for topic in (pipeline.legit, pipeline.fraud) for message in pipeline.read(topic))
    assert values == Counter(first + 2 * second)
    assert fraud(pipeline) == 4  # the same two again: three were before them, and not six
    # What was left out stays left out when windows are restored.
    pay(pipeline, payments(1, "other"))
    detect(pipeline, 10)
    pay(pipeline, payments(1))
    with start(pipeline) as detector:
        pipeline.wait_for_outputs(11)
        assert detector.stop() == 0
    last = pipeline.read(pipeline.alerts)
    assert any(b"7 payments" in (message.value() or b"") for message in last)


@pytest.mark.parametrize("at_work", [True, False])
def test_a_second_group_on_the_same_topics_is_refused(pipeline: Pipeline, at_work: bool) -> None:
    pay(pipeline, payments(3))
    with start(pipeline) as first:
        pipeline.wait_for_outputs(3)
        if not at_work:
            assert first.stop() == 0
        reason = refusal(pipeline, CONSUMER_GROUP=f"{pipeline.prefix}blue")
        if at_work:
            assert (
                f"repartition topic {pipeline.by_source} belongs to group {pipeline.group}, which is active" in reason
            )
            assert refusal(pipeline, CONSUMER_GROUP=f"{pipeline.prefix}blue", START_FROM="beginning") == reason
        else:
            assert f"group {pipeline.prefix}blue has no committed offsets" in reason
        pay(pipeline, payments(3, "another"))
        if not at_work:
            detect(pipeline, 6)
        wait_for(lambda: len(pipeline.read(pipeline.legit)) == 6, "one verdict each")
