"""Brokers that are killed, lost for good, or out of disk."""

import time

from confluent_kafka.admin import AdminClient

from tools.chaos.trial import Trial
from tools.harness.waiting import wait_for
from tools.local_cluster.kafka import Broker


def killed(trial: Trial) -> None:
    """The only broker is killed in the middle of a transaction, and comes back after a while."""
    broker = trial.bench.cluster.broker(1)
    unfinished = _under_load(trial)
    broker.kill()
    trial.prove(not broker.running, f"killed with {unfinished} partitions in an open transaction")
    time.sleep(trial.chance.uniform(0.0, 4.0))
    _come_back(trial, broker)


def lost(trial: Trial) -> None:
    """One of three brokers is killed in the middle of a transaction, and stays away."""
    cluster = trial.bench.cluster
    broker = trial.chance.choice(cluster.brokers)
    unfinished = _under_load(trial)
    began = time.monotonic()
    broker.kill()
    trial.prove(
        not broker.running, f"broker {broker.plan.node} killed with {unfinished} partitions in an open transaction"
    )

    def led_by_others() -> bool:
        leaders = set(trial.leaders(trial.pipeline.input).values())
        return bool(leaders) and not leaders & {-1, broker.plan.node}

    wait_for(led_by_others, "others lead its partitions", pause=0.1)
    trial.wait_for_recovery(began + 0.2)


def disk_full(trial: Trial) -> None:
    """There is no room left on the broker's disk: it stops, and goes on when there is room again."""
    disk, broker = trial.bench.disk, trial.bench.cluster.broker(1)
    assert disk is not None  # noqa: S101 - its bench has one
    unfinished = _under_load(trial)
    disk.fill()
    wait_for(lambda: not broker.running, "the broker gives up", 60, pause=0.1)
    said = "No space left on device" in broker.process.log.read_text(errors="replace")
    disk.free()
    _come_back(trial, broker)
    trial.prove(said, f"no space left with {unfinished} partitions in an open transaction; the broker ended")


def _under_load(trial: Trial) -> int:
    """Starts the services and waits for a random moment with a transaction open."""
    trial.detector(COMMIT_INTERVAL_MS="500")
    trial.generator(10_000)
    trial.wait_for_output()
    trial.random_moment(0.0, 1.5)
    return trial.wait_for_open_transaction()


def _come_back(trial: Trial, broker: Broker) -> None:
    broker.start()
    broker.wait_healthy()
    back = time.monotonic()
    trial.admin = AdminClient({"bootstrap.servers": trial.bench.cluster.bootstrap_servers, "log_level": 0})
    trial.wait_for_recovery(back)
