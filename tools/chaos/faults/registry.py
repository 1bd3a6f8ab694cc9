"""A registry that is away, slow, or out of order: waited for, and no message pays for it."""

import time

from tools.chaos.trial import DRAINED, Trial
from tools.harness.registry_proxy import RegistryProxy
from tools.harness.waiting import wait_for


def down_cold(trial: Trial) -> None:
    """Run with the registry away when the detector starts."""
    _at_start(trial, "drop")


def down_warm(trial: Trial) -> None:
    """Run with the registry away when a new schema id turns up among known ones."""
    _for_a_new_id(trial, "drop")


def answers_500(trial: Trial) -> None:
    """Answers 500, at the start or for a new schema id."""
    trial.chance.choice((_at_start, _for_a_new_id))(trial, "error")


def slow(trial: Trial) -> None:
    """Answers after five seconds, at the start or for a new schema id."""
    trial.chance.choice((_at_start, _for_a_new_id))(trial, "slow")


def _at_start(trial: Trial, mode: str) -> None:
    with RegistryProxy(trial.pipeline.cluster.registry_url) as proxy:
        proxy.mode, proxy.delay = mode, 5.0
        detector = trial.detector(SCHEMA_REGISTRY_URL=proxy.url, SCHEMA_REGISTRY_RETRIES="0")
        trial.generator(8000)
        if mode == "slow":
            trial.wait_for_output(DRAINED)  # several answers of five seconds, one after the other
        else:
            detector.wait_for("waiting", waiting_for="schema registry")
            time.sleep(trial.chance.uniform(0.0, 4.0))
        trial.prove(proxy.met(mode), f"{proxy.met(mode)} requests of a starting detector met it ({mode})")
        proxy.mode = "pass"
        if mode != "slow":
            trial.wait_for_recovery(time.monotonic())
        trial.drain()  # through a registry that is up again


def _for_a_new_id(trial: Trial, mode: str) -> None:
    with RegistryProxy(trial.pipeline.cluster.registry_url) as proxy:
        detector = trial.detector(SCHEMA_REGISTRY_URL=proxy.url, SCHEMA_REGISTRY_RETRIES="0")
        trial.generator(5000)
        trial.wait_for_output()
        trial.random_moment(0.0, 1.0)
        proxy.mode, proxy.delay = mode, 5.0
        trial.pipeline.evolve()
        trial.pipeline.produce(trial.pipeline.transactions(200, seed=trial.seed), keyed=True)
        wait_for(lambda: proxy.met(mode), "the detector asks about the new id", pause=0.05)
        if mode == "slow":
            time.sleep(proxy.delay)
        else:
            detector.wait_for("waiting")
            time.sleep(trial.chance.uniform(0.0, 4.0))
        trial.prove(proxy.met(mode), f"{proxy.met(mode)} requests about a new schema id met it ({mode})")
        back = time.monotonic()
        proxy.mode = "pass"
        trial.wait_for_recovery(back)
        trial.drain()  # through a registry that is up again
