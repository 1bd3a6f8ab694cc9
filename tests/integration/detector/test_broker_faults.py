"""A broker that comes late, dies, or is taken down: waited for, and nothing lost or doubled."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.detector.test_exactly_once import wait_until_judged
from tools.harness.pipeline import Pipeline
from tools.local_cluster import Cluster, ephemeral


@pytest.fixture(scope="module")
def fragile_cluster() -> Iterator[Cluster]:
    """A cluster whose broker may be killed without harm to other tests."""
    with ephemeral() as started:
        yield started


@pytest.fixture
def fragile(fragile_cluster: Cluster, tmp_path: Path) -> Pipeline:
    return Pipeline(fragile_cluster, tmp_path)


def test_a_broker_that_comes_late_is_waited_for(fragile: Pipeline) -> None:
    transactions = fragile.transactions(100)
    fragile.produce(transactions)
    broker = fragile.cluster.broker(1)
    broker.stop()
    with fragile.start("detector", STARTUP_TIMEOUT="120") as detector:
        detector.wait_for("waiting", waiting_for=f"broker {fragile.cluster.bootstrap_servers}")
        broker.start()
        broker.wait_healthy()
        wait_until_judged(fragile, transactions)
        assert detector.stop() == 0


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_broker_lost_while_running_loses_and_doubles_nothing(fragile: Pipeline, how: str) -> None:
    expected = fragile.transactions(60_000, seed=1)
    broker = fragile.cluster.broker(1)
    with fragile.start("detector", COMMIT_INTERVAL_MS="1000") as detector:
        detector.wait_for("rebalance", change="assigned")
        fragile.produce(expected)
        deadline = time.monotonic() + 30
        while not fragile.open_transactions():
            assert time.monotonic() < deadline
        getattr(broker, how)()
        time.sleep(2)  # long enough for the detector to notice
        assert detector.process.poll() is None
        broker.start()
        broker.wait_healthy()
        more = fragile.transactions(10_000, seed=2)
        fragile.produce(more)
        wait_until_judged(fragile, expected + more)
        assert detector.stop() == 0
    assert detector.events("librdkafka")  # it did notice


def test_sigterm_while_the_broker_is_away_ends_in_time(fragile: Pipeline) -> None:
    transactions = fragile.transactions(5000)
    broker = fragile.cluster.broker(1)
    with fragile.start("detector", COMMIT_INTERVAL_MS="1000") as detector:
        detector.wait_for("rebalance", change="assigned")
        fragile.produce(transactions)
        detector.wait_for("new schema id")
        broker.kill()
        detector.process.terminate()
        assert detector.process.wait(10) == 0
    broker.start()
    broker.wait_healthy()
    with fragile.start("detector") as detector:
        wait_until_judged(fragile, transactions)
        assert detector.stop() == 0
