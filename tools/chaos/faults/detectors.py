"""Detectors that are killed, paused, joined by others, left by others, and asked to end."""

import signal
import time
from datetime import datetime

from tools.chaos.trial import SESSION_TIMEOUT, Trial
from tools.harness.processes import Service
from tools.harness.waiting import wait_for

START = 6.0
"""Seconds that a process may take to start and join; twice what it took before the fault, where that is more."""

ARRIVED = 0.1
"""Seconds after which the broker has acted on what a halted process had sent."""

PAUSE = 2.0
"""Seconds for which nothing of an untouched partition may become visible while others are handed over, besides those
for which that happens with nothing going on: on a busy machine everything pauses at times."""

CALM = 2.0
"""Seconds for which nothing goes on, to see that."""


def killed(trial: Trial) -> None:
    """SIGKILL in the middle of a transaction; another process of the same name takes over."""
    interval = trial.chance.choice(("auto", "100", "300", "1000"))
    detector = trial.detector(COMMIT_INTERVAL_MS=interval)
    trial.generator(15_000)
    trial.wait_for_output()
    trial.random_moment(0.0, 1.0)
    dead = kill(trial, detector, within=0.1 if interval == "auto" else int(interval) / 1000)
    trial.detector()
    time.sleep(0.2)  # what was committed before the kill has been seen by then
    recovery = trial.wait_for_recovery(dead + 0.2)
    trial.require_within(recovery, SESSION_TIMEOUT + max(START, 2 * trial.warm_up), "going on after a restart")


def paused(trial: Trial) -> None:
    """SIGSTOP past the session's time-out or past the transaction's as well; then the zombie wakes up."""
    past_transaction = trial.chance.random() < 0.5
    zombie = trial.detector("zombie", COMMIT_INTERVAL_MS="1000")
    trial.generator(4000)
    trial.wait_for_output()
    trial.random_moment(0.0, 1.0)
    unfinished = halted_in_a_transaction(trial, zombie, within=1.0)
    stopped = time.monotonic()
    trial.prove(unfinished, f"{unfinished} partitions held the open transaction of the one that was paused")
    heir = trial.detector("heir")
    heir.wait_for("rebalance", change="assigned")
    before = trial.lag()
    wait_for(lambda: trial.lag() < before, "the heir commits", pause=0.1)
    time.sleep(max(0.0, stopped + (18.0 if past_transaction else 0.0) - time.monotonic()))
    zombie.process.send_signal(signal.SIGCONT)
    awake = time.monotonic()
    trial.prove(True, f"after {awake - stopped:.0f} s it woke up, its partitions being another's")
    # Its transaction is either aborted by itself at once or has been by the broker: no more is committed of it.
    wait_for(lambda: zombie.events("rebalance", change="lost") or zombie.events("replacing Kafka clients")
             or zombie.events("transaction aborted"), "the zombie notices", 30, pause=0.1)  # fmt: skip
    trial.wait_for_recovery(awake)


def kill(trial: Trial, detector: Service, within: float) -> float:
    """Kills a detector in the middle of a transaction; the time on the monotonic clock.

    Args:
        trial: Its pipeline.
        detector: It owes nothing any more then.
        within: Seconds, of which the moment is a random one.

    Raises:
        NotRun: No transaction was open when it was killed.
    """
    unfinished = halted_in_a_transaction(trial, detector, within)
    trial.exclude(detector)
    detector.kill()
    dead = time.monotonic()
    trial.prove(unfinished, f"{unfinished} partitions held an open transaction when it was killed")
    return dead


def halted_in_a_transaction(trial: Trial, detector: Service, within: float) -> int:
    """Halts a detector (SIGSTOP) at random moments until one is in the middle of a transaction.

    What it had sent has arrived when the broker is asked, so a transaction that is open then stays open.

    Args:
        trial: Its pipeline.
        detector: It goes on where no transaction was open.
        within: Seconds, of which the moment is a random one.

    Returns:
        How many partitions hold the open transaction; 0 when no moment was found.
    """
    for _ in range(50):
        time.sleep(trial.chance.uniform(0.0, within))
        detector.process.send_signal(signal.SIGSTOP)
        time.sleep(ARRIVED)
        if unfinished := trial.open_transactions():
            return unfinished
        detector.process.send_signal(signal.SIGCONT)
    return 0


def terminated(trial: Trial) -> None:
    """SIGTERM under full load: exit code 0 within ten seconds."""
    trial.pipeline.produce(trial.pipeline.transactions(int(150_000 * trial.scale), seed=trial.seed), keyed=True)
    preloaded = sum(trial.input_ends().values())
    trial.generator(15_000)
    wait_for(lambda: sum(trial.input_ends().values()) > preloaded, "more than the backlog comes", pause=0.05)
    detector = trial.detector("first")
    detector.wait_for("new schema id")
    trial.random_moment(0.0, 0.2)
    began = time.monotonic()
    trial.exclude(detector)
    code = detector.stop()
    seconds = time.monotonic() - began
    left = trial.lag()
    trial.prove(left, f"it ended after {seconds:.1f} s with {left} messages still to be judged")
    trial.require(code == 0, f"SIGTERM: exit code {code}")
    trial.require_within(seconds, 10, "ending after SIGTERM")
    ended = time.monotonic()
    trial.detector("second")
    trial.wait_for_recovery(ended)


def come_and_go(trial: Trial) -> None:
    """A third joins two, one leaves, and all are replaced one by one; partitions that stay put keep moving."""
    team = {name: trial.detector(name) for name in ("one", "two")}
    members = list(team.values())
    trial.generator(5000)
    trial.wait_for_output()
    owners = _settled(trial, team)
    began = time.monotonic()
    time.sleep(CALM)
    calm = max(trial.watch.longest_pause(partition, began, time.monotonic()) for partition in owners)
    worst = 0.0
    moved = 0

    def settle(began: float) -> None:
        nonlocal owners, worst, moved
        after = _settled(trial, team)
        time.sleep(0.5)
        untouched = [partition for partition in owners if owners[partition] == after[partition]]
        pauses = [trial.watch.longest_pause(partition, began, time.monotonic()) for partition in untouched]
        worst = max(worst, *pauses, 0.0)
        moved += len(owners) - len(untouched)
        owners = after

    trial.random_moment(0.0, 1.0)
    began = time.monotonic()
    team["three"] = trial.detector("three")
    members.append(team["three"])
    settle(began)
    began = time.monotonic()
    leaver = team.pop(trial.chance.choice(("one", "two")))
    trial.exclude(leaver)
    trial.require(leaver.stop() == 0, "one that left ended with another exit code than 0")
    settle(began)
    for name in list(team):  # rolling restart: each is replaced before the next one goes
        began = time.monotonic()
        old = team.pop(name)
        trial.exclude(old)
        trial.require(old.stop() == 0, "one that was replaced ended with another exit code than 0")
        settle(began)
        began = time.monotonic()
        team[f"{name} anew"] = trial.detector(f"{name} anew")
        settle(began)
    trial.prove(
        moved, f"{moved} partitions moved; untouched ones paused for {worst:.2f} s at most, {calm:.2f} s before"
    )
    trial.recovery = worst
    trial.require_within(worst, PAUSE + calm, "the longest pause of an untouched partition")


def _settled(trial: Trial, team: dict[str, Service]) -> dict[int, str]:
    """Waits until every partition of the input belongs to one of the team and each has one; who owns which."""

    def look() -> dict[int, str]:
        owned = [
            (name, partition) for name, detector in team.items() for partition in _owned(detector, trial.pipeline.input)
        ]
        shared = len(owned) == 4 and len({name for name, _ in owned}) == len(team)
        return {partition: name for name, partition in owned} if shared else {}

    return wait_for(look, "the partitions are shared out", pause=0.05)


def _owned(detector: Service, topic: str) -> set[int]:
    owned: set[int] = set()
    for line in sorted(detector.events("rebalance"), key=lambda line: datetime.fromisoformat(line["timestamp"])):
        names = (name.rpartition("-") for name in line["partitions"])
        partitions = {int(number) for of, _, number in names if of == topic}
        owned = owned | partitions if line["change"] == "assigned" else owned - partitions
    return owned
