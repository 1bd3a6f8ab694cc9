"""Kills, pauses, joins and leaves: every transaction is in exactly one output, exactly once, read committed."""

import random
import signal
import time

import pytest

from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import DEADLINE


def wait_until_judged(pipeline: Pipeline, expected: list[bytes]) -> None:
    """Waits for the outputs and compares them with what was put in."""
    legit, fraud, dead = pipeline.wait_for_outputs(len(expected))
    outputs = legit + fraud
    assert dead == []
    assert len(outputs) - len(set(outputs)) == 0, "duplicates"
    assert set(expected) - set(outputs) == set(), "missing"
    assert len(outputs) == len(expected)
    assert pipeline.open_transactions() == 0


@pytest.mark.parametrize("seed", [random.randrange(2**32)])
def test_killed_at_random_moments(pipeline: Pipeline, seed: int) -> None:
    chance = random.Random(seed)  # the seed is in the test's name
    settings = {"INSTANCE_ID": "only", "COMMIT_INTERVAL_MS": "200"}
    expected: list[bytes] = []
    kills = hits = 0
    while kills < 10 or (hits < 3 and kills < 40):  # on a busy machine more of them come too early
        part = pipeline.transactions(30_000, seed=seed + kills)
        pipeline.produce(part)
        expected += part
        with pipeline.start("detector", **settings) as detector:
            detector.wait_for("rebalance", change="assigned")
            time.sleep(chance.uniform(0.05, 1.0))
            detector.kill()
        kills += 1
        hits += pipeline.open_transactions() > 0
    assert hits >= 3, f"only {hits} of {kills} kills hit an open transaction"
    with pipeline.start("detector", **settings) as detector:
        wait_until_judged(pipeline, expected)
        assert detector.stop() == 0


def test_a_paused_detector_is_fenced_and_comes_back(pipeline: Pipeline) -> None:
    """Paused past its session and transaction time-outs, it may commit nothing of what it had open."""
    first_part, second_part = pipeline.transactions(30_000, seed=1), pipeline.transactions(30_000, seed=2)
    settings = {"COMMIT_INTERVAL_MS": "2000", "KAFKA_CONFIG_SESSION_TIMEOUT_MS": "6000"}
    with pipeline.start("detector", INSTANCE_ID="zombie", **settings) as zombie:
        zombie.wait_for("rebalance", change="assigned")
        pipeline.produce(first_part)
        deadline = time.monotonic() + DEADLINE
        while not pipeline.open_transactions():
            assert time.monotonic() < deadline
        zombie.process.send_signal(signal.SIGSTOP)
        assert pipeline.open_transactions() > 0  # it was stopped with a transaction open
        with pipeline.start("detector", INSTANCE_ID="heir", **settings) as heir:
            heir.wait_for("rebalance", change="assigned")
            pipeline.produce(second_part)
            wait_until_judged(pipeline, first_part + second_part)
            zombie.process.send_signal(signal.SIGCONT)
            third_part = pipeline.transactions(10_000, seed=3)
            pipeline.produce(third_part)
            # Back with new clients, it takes part again: the heir hands partitions over.
            heir.wait_for("rebalance", change="revoked")
            wait_until_judged(pipeline, first_part + second_part + third_part)
            assert heir.stop() == 0
        assert zombie.stop() == 0


def test_detectors_join_and_leave_under_load(pipeline: Pipeline) -> None:
    expected: list[bytes] = []

    def load(seed: int) -> None:
        part = pipeline.transactions(20_000, seed=seed)
        expected.extend(part)
        pipeline.produce(part)

    def partitions_of(detector: Service) -> set[str]:
        owned: set[str] = set()
        for line in detector.events("rebalance"):
            owned = owned | set(line["partitions"]) if line["change"] == "assigned" else owned - set(line["partitions"])
        return owned

    with pipeline.start("detector") as first:
        first.wait_for("rebalance", change="assigned")
        load(1)
        with pipeline.start("detector") as second, pipeline.start("detector") as third:
            load(2)
            second.wait_for("rebalance", change="assigned")
            third.wait_for("rebalance", change="assigned")
            load(3)
            deadline = time.monotonic() + DEADLINE
            while sorted(len(partitions_of(one)) for one in (first, second, third)) != [1, 1, 2]:
                assert time.monotonic() < deadline, "the partitions were not shared out"
                time.sleep(0.1)
            load(4)
            assert second.stop() == 0  # leaves
            load(5)
            third.kill()  # vanishes
            load(6)
            deadline = time.monotonic() + DEADLINE
            while len(partitions_of(first)) != 4:
                assert time.monotonic() < deadline, "the partitions did not come back"
                time.sleep(0.1)
        wait_until_judged(pipeline, expected)
        assert first.stop() == 0


def test_sigterm_under_load_ends_within_its_time(pipeline: Pipeline) -> None:
    expected: list[bytes] = []
    for round_number in range(3):
        part = pipeline.transactions(50_000, seed=round_number)
        expected += part
        pipeline.produce(part)
        with pipeline.start("detector") as detector:
            detector.wait_for("new schema id")
            detector.process.terminate()
            assert detector.process.wait(10) == 0
    with pipeline.start("detector") as detector:
        wait_until_judged(pipeline, expected)
        assert detector.stop() == 0
