"""Brokers that are killed, lost for good, or out of disk."""

import time

from confluent_kafka.admin import AdminClient

from tools.chaos.stage import Stage
from tools.harness.waiting import wait_for
from tools.local_cluster.kafka import Broker


def killed(stage: Stage) -> None:
    """The only broker is killed in the middle of a transaction, and comes back after a while."""
    broker = stage.bench.cluster.broker(1)
    unfinished = _under_load(stage)
    broker.kill()
    stage.prove(not broker.running, f"killed with {unfinished} partitions in an open transaction")
    time.sleep(stage.chance.uniform(0.0, 4.0))
    _come_back(stage, broker)


def lost(stage: Stage) -> None:
    """One of three brokers is killed in the middle of a transaction, and stays away."""
    cluster = stage.bench.cluster
    broker = stage.chance.choice(cluster.brokers)
    unfinished = _under_load(stage)
    began = time.monotonic()
    broker.kill()
    stage.prove(
        not broker.running, f"broker {broker.plan.node} killed with {unfinished} partitions in an open transaction"
    )

    def led_by_others() -> bool:
        leaders = set(stage.leaders(stage.pipeline.input).values())
        return bool(leaders) and not leaders & {-1, broker.plan.node}

    wait_for(led_by_others, "others lead its partitions", pause=0.1)
    stage.until_recovered(began + 0.2)


def disk_full(stage: Stage) -> None:
    """There is no room left on the broker's disk: it stops, and goes on when there is room again."""
    disk, broker = stage.bench.disk, stage.bench.cluster.broker(1)
    assert disk is not None  # noqa: S101 - its bench has one
    unfinished = _under_load(stage)
    disk.fill()
    wait_for(lambda: not broker.running, "the broker gives up", 60, pause=0.1)
    said = "No space left on device" in broker.process.log.read_text(errors="replace")
    disk.free()
    _come_back(stage, broker)
    stage.prove(said, f"no space left with {unfinished} partitions in an open transaction; the broker ended")


def _under_load(stage: Stage) -> int:
    """Starts the services and waits for a random moment with a transaction open."""
    stage.detector(COMMIT_INTERVAL_MS="500")
    stage.generator(10_000)
    stage.until_moving()
    stage.random_moment(0.0, 1.5)
    return stage.until_open()


def _come_back(stage: Stage, broker: Broker) -> None:
    broker.start()
    broker.wait_healthy()
    back = time.monotonic()
    stage.admin = AdminClient({"bootstrap.servers": stage.bench.cluster.bootstrap_servers, "log_level": 0})
    stage.until_recovered(back)
