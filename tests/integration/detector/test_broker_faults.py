"""A broker that comes late, or is away when the detector is asked to end. Dying brokers are `tools.chaos`'s matter."""

from tools.harness.pipeline import Pipeline


def wait_until_judged(pipeline: Pipeline, expected: list[bytes]) -> None:
    """Waits for the outputs and compares them with what was put in."""
    legit, fraud, dead = pipeline.wait_for_outputs(len(expected))
    assert dead == []
    assert sorted(legit + fraud) == sorted(expected)
    assert pipeline.open_transactions() == 0


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


def test_sigterm_while_the_broker_is_away_ends_in_time(fragile: Pipeline) -> None:
    transactions = fragile.transactions(5000)
    broker = fragile.cluster.broker(1)
    with fragile.start("detector", COMMIT_INTERVAL_MS="1000") as detector:
        detector.wait_for("rebalance", change="assigned")
        fragile.produce(transactions)
        detector.wait_for("new schema id")
        broker.kill()
        detector.process.terminate()
        assert detector.exit_code() == 0
    broker.start()
    broker.wait_healthy()
    with fragile.start("detector") as detector:
        wait_until_judged(fragile, transactions)
        assert detector.stop() == 0
