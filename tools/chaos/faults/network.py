"""A network that is cut between the services and the broker."""

import time

from tools.chaos.stage import Stage
from tools.local_cluster.ports import HOST


def cut(stage: Stage) -> None:
    """Connections break, or go silent, for a while that may outlast the session."""
    link = stage.bench.link
    assert link is not None  # noqa: S101 - its bench has one
    through = {"KAFKA_BROKER_URL": f"{HOST}:{link.port}"}
    silently = stage.chance.random() < 0.5
    seconds = stage.chance.uniform(0.5, 8.0)
    detector = stage.detector(COMMIT_INTERVAL_MS="300", **through)
    stage.generator(15_000, **through)
    stage.until_moving()
    stage.random_moment(0.0, 1.0)
    unfinished = stage.until_open()
    link.cut(silently=silently)
    met = link.met
    time.sleep(seconds)
    link.restore()
    back = time.monotonic()
    how = "silent" if silently else "broken"
    stage.prove(
        link.met >= met > 0 and unfinished,
        f"{how} for {seconds:.1f} s in an open transaction, {link.met} connections met it",
    )
    stage.until_recovered(back)
    stage.require(detector.process.poll() is None, "the detector ended when the network was cut")
