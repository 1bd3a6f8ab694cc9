"""A network that is cut between the services and the broker."""

import time

from tools.chaos.trial import Trial
from tools.local_cluster.ports import HOST


def cut(trial: Trial) -> None:
    """Connections break, or go silent, for a while that may outlast the session."""
    link = trial.bench.link
    assert link is not None  # noqa: S101 - its bench has one
    through = {"KAFKA_BROKER_URL": f"{HOST}:{link.port}"}
    silently = trial.chance.random() < 0.5
    seconds = trial.chance.uniform(0.5, 8.0)
    detector = trial.detector(COMMIT_INTERVAL_MS="300", **through)
    trial.generator(15_000, **through)
    trial.wait_for_output()
    trial.random_moment(0.0, 1.0)
    unfinished = trial.wait_for_open_transaction()
    link.cut(silently=silently)
    met = link.met
    time.sleep(seconds)
    link.restore()
    back = time.monotonic()
    how = "silent" if silently else "broken"
    trial.prove(
        link.met >= met > 0 and unfinished,
        f"{how} for {seconds:.1f} s in an open transaction, {link.met} connections met it",
    )
    trial.wait_for_recovery(back)
    trial.require(detector.process.poll() is None, "the detector ended when the network was cut")
