"""A registry that can't be reached is never a message's fault: wait, say so, dead-letter nothing."""

import pytest

from tests.support.ports import free_port
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.registry_proxy import RegistryProxy


@pytest.mark.parametrize("mode", ["drop", "error"])
def test_unreachable_at_start_it_waits_and_says_so(pipeline: Pipeline, mode: str) -> None:
    transactions = pipeline.transactions(100)
    pipeline.produce(transactions)
    with RegistryProxy(pipeline.cluster.registry_url) as proxy:
        proxy.mode = mode
        with pipeline.start("detector", SCHEMA_REGISTRY_URL=proxy.url, SCHEMA_REGISTRY_RETRIES="0") as detector:
            waiting = detector.wait_for("waiting", waiting_for="schema registry")
            assert proxy.url.removeprefix("http://") in waiting["reason"]
            proxy.mode = "pass"
            legit, fraud, dead = pipeline.wait_for_outputs(100)
            assert detector.stop() == 0
        assert proxy.met(mode) > 0
    assert sorted(legit + fraud) == sorted(transactions)
    assert dead == []


def test_unreachable_at_start_it_gives_up_after_the_startup_timeout(pipeline: Pipeline) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with pipeline.start("detector", SCHEMA_REGISTRY_URL=nobody, STARTUP_TIMEOUT="2") as detector:
        assert detector.exit_code() == 3
    (stopped,) = detector.events("stopped")
    assert nobody.removeprefix("http://") in stopped["reason"]
    assert "Traceback" not in detector.text


def test_unreachable_for_known_ids_it_goes_on(pipeline: Pipeline) -> None:
    with (
        RegistryProxy(pipeline.cluster.registry_url) as proxy,
        pipeline.start("detector", SCHEMA_REGISTRY_URL=proxy.url) as detector,
    ):
        pipeline.produce(pipeline.transactions(100))
        pipeline.wait_for_outputs(100)
        proxy.mode = "drop"
        pipeline.produce(pipeline.transactions(100, seed=2))
        _, _, dead = pipeline.wait_for_outputs(200)
        assert detector.stop() == 0
        assert proxy.met("drop") == 0
    assert dead == []


def test_it_gives_up_when_the_registry_stays_away_and_loses_nothing(pipeline: Pipeline) -> None:
    def start(**environment: str) -> Service:
        return pipeline.start("detector", SCHEMA_REGISTRY_RETRIES="0", **environment)

    transactions = pipeline.transactions(100)
    with RegistryProxy(pipeline.cluster.registry_url) as proxy:
        with start(SCHEMA_REGISTRY_URL=proxy.url, RETRY_TIMEOUT="1") as detector:
            detector.wait_for("rebalance", change="assigned")
            proxy.mode = "drop"
            pipeline.produce(transactions)
            assert detector.exit_code() == 3
        assert proxy.met("drop") > 1
    assert pipeline.outputs() == ([], [], [])
    with start() as detector:
        legit, fraud, dead = pipeline.wait_for_outputs(100)
        assert detector.stop() == 0
    assert sorted(legit + fraud) == sorted(transactions)
    assert dead == []
