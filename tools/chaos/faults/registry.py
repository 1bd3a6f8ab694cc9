"""A registry that is away, slow, or out of order: waited for, and no message pays for it."""

import time

from tools.chaos.stage import DRAINED, Stage
from tools.harness.registry_proxy import RegistryProxy
from tools.harness.waiting import wait_for


def down_cold(stage: Stage) -> None:
    """Away when the detector starts."""
    _at_start(stage, "drop")


def down_warm(stage: Stage) -> None:
    """Away when a new schema id turns up among known ones."""
    _for_a_new_id(stage, "drop")


def answers_500(stage: Stage) -> None:
    """Answers 500, at the start or for a new schema id."""
    stage.chance.choice((_at_start, _for_a_new_id))(stage, "error")


def slow(stage: Stage) -> None:
    """Answers after five seconds, at the start or for a new schema id."""
    stage.chance.choice((_at_start, _for_a_new_id))(stage, "slow")


def _at_start(stage: Stage, mode: str) -> None:
    with RegistryProxy(stage.pipeline.cluster.registry_url) as proxy:
        proxy.mode, proxy.delay = mode, 5.0
        detector = stage.detector(SCHEMA_REGISTRY_URL=proxy.url, SCHEMA_REGISTRY_RETRIES="0")
        stage.generator(8000)
        if mode == "slow":
            stage.until_moving(DRAINED)  # several answers of five seconds, one after the other
        else:
            detector.wait_for("waiting", waiting_for="schema registry")
            time.sleep(stage.chance.uniform(0.0, 4.0))
        stage.prove(proxy.met(mode), f"{proxy.met(mode)} requests of a starting detector met it ({mode})")
        proxy.mode = "pass"
        if mode != "slow":
            stage.until_recovered(time.monotonic())
        stage.drain()  # through a registry that is up again


def _for_a_new_id(stage: Stage, mode: str) -> None:
    with RegistryProxy(stage.pipeline.cluster.registry_url) as proxy:
        detector = stage.detector(SCHEMA_REGISTRY_URL=proxy.url, SCHEMA_REGISTRY_RETRIES="0")
        stage.generator(5000)
        stage.until_moving()
        stage.random_moment(0.0, 1.0)
        proxy.mode, proxy.delay = mode, 5.0
        stage.pipeline.evolve()
        stage.pipeline.produce(stage.pipeline.transactions(200, seed=stage.seed), keyed=True)
        wait_for(lambda: proxy.met(mode), "the detector asks about the new id", pause=0.05)
        if mode == "slow":
            time.sleep(proxy.delay)
        else:
            detector.wait_for("waiting")
            time.sleep(stage.chance.uniform(0.0, 4.0))
        stage.prove(proxy.met(mode), f"{proxy.met(mode)} requests about a new schema id met it ({mode})")
        back = time.monotonic()
        proxy.mode = "pass"
        stage.until_recovered(back)
        stage.drain()  # through a registry that is up again
