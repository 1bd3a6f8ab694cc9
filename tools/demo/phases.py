"""The phases of a run, in their order: the detector reads, the generator writes, both end well."""

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Event
from typing import TypeVar

from services.errors import FatalError
from services.streaming.lifecycle import wait_until
from tools.demo.children import Child, ServiceDied, Services
from tools.demo.interrupts import Interrupts
from tools.demo.observer import Observer
from tools.demo.offsets import GroupWatch, Offsets, Partition
from tools.demo.presenting import Presenter
from tools.demo.steps import Say, step
from tools.demo.watch import Watch

DETECTOR, WARM_UP, GENERATOR, DRAIN = "detector", "warm-up", "generator", "drain"

# A stable name: a run that was killed leaves a transaction open, which the next detector of that name ends at once.
INSTANCE_ID = "demo"

LEAVE_SECONDS = 15.0  # a detector that was killed counts as a member of its group for a session timeout of 10 s
STALLED_SECONDS = 15.0
END_SECONDS = 30.0
PATIENCE_SECONDS = 30.0
WARM_UP_SECONDS = 2
HIGH_RATE = 10_000  # transactions a second, from which on the broker's just-in-time compiler is in the way for longer
HIGH_RATE_WARM_UP_SECONDS = 6
WARM_UP_AT_FULL_SPEED = 100_000  # transactions
ACCOUNTS_PER_RATE = 10  # accounts for each transaction a second: more busy ones would look like fraud
FULL_SPEED = 400_000  # transactions a second, about what the generator can

T = TypeVar("T")


def start_detector(
    presenter: Presenter, services: Services, group: GroupWatch, partitions: Sequence[Partition], timeout: float
) -> None:
    """Start the detector and wait until it reads.

    Args:
        presenter: Told how it goes.
        services: Starts it.
        group: Its consumer group.
        partitions: Those of the input topic.
        timeout: Seconds that it may take to begin reading.

    Raises:
        FatalError: Other detectors are in its group, or it died.
    """
    with step(presenter, DETECTOR, "starting") as say:
        _require_no_members(group, say)
        detector = services.start(DETECTOR, {"INSTANCE_ID": INSTANCE_ID})
        _wait_until(
            lambda: group.owns(f"detector-{INSTANCE_ID}", partitions),
            services,
            timeout,
            f"the detector does not begin to read {partitions[0][0]}; see {detector.log}",
        )
        say.result(f"reads {len(partitions)} partitions of {partitions[0][0]}")


def warm_up(
    presenter: Presenter, services: Services, group: GroupWatch, stages: Sequence[Sequence[Partition]], rate: int
) -> None:
    """Have some transactions judged that are not counted, after what an earlier run may have left.

    A broker that has just been started takes a second for its first transaction, and at high rates it compiles its code
    for some more; this is about all the others.

    Raises:
        FatalError: Generator or detector died.
    """
    seconds = WARM_UP_SECONDS if rate < HIGH_RATE else HIGH_RATE_WARM_UP_SECONDS
    count = rate * seconds or WARM_UP_AT_FULL_SPEED
    with step(presenter, WARM_UP, f"{count:,} transactions that are not counted") as say:
        # A SEED of the user's is for what is counted; the same ids twice would look like duplicates.
        generator = services.start(GENERATOR, {**_pace(rate, count), "SEED": str(secrets.randbits(64))})
        while not generator.ended:
            services[DETECTOR].require_alive()
            time.sleep(0.1)
        generator.require_clean_end()
        _judge_rest(
            group, stages, services[DETECTOR], lambda lag: say(f"{lag:,} transactions left to judge"), time.sleep
        )
        say.result(f"{count:,} transactions, not counted")


def start_generator(presenter: Presenter, services: Services, watch: Watch, rate: int, timeout: float) -> None:
    """Start the generator and wait for its first transaction.

    Args:
        presenter: Told how it goes.
        services: Starts it.
        watch: Reads verdicts from the first one on.
        rate: Transactions per second; 0: as fast as it can.
        timeout: Seconds that it may take.

    Raises:
        FatalError: It, or the detector, died.
    """
    with step(presenter, GENERATOR, "starting") as say:
        watch.observe(0.5)  # so that the reader is connected when the first verdict comes
        generator = services.start(GENERATOR, _pace(rate, 0))
        failure = f"the generator generates nothing; see {generator.log}"
        _wait_until(watch.has_begun, services, timeout, failure, watch.observe)
        say.result(f"{rate:,} transactions a second" if rate else "as fast as it can")


def watch_until_end(watch: Watch, services: Services, interrupts: Interrupts, duration: float | None) -> None:
    """Watch until the time is up or a signal says so.

    Raises:
        ServiceDied: The generator or the detector ended before.
    """
    end = float("inf") if duration is None else watch.meter.began + duration
    while (left := end - time.monotonic()) > 0 and not interrupts.wanted:
        services.require_alive()
        watch.observe(min(0.1, left))


def drain(
    presenter: Presenter, watch: Watch, services: Services, group: GroupWatch, stages: Sequence[Sequence[Partition]]
) -> Offsets:
    """End the generator, let the detector judge what is left, and end it.

    Args:
        presenter: Told how it goes.
        watch: Goes on reading verdicts.
        services: Those that are to end.
        group: Of the detector.
        stages: The partitions of each topic that the detector reads, in the order that transactions go through them.

    Returns:
        Where this run ends in the input topic.

    Raises:
        FatalError: One of them did not end as it should.
    """
    with step(presenter, DRAIN, "ending the generator") as say:
        _end(services[GENERATOR], watch)
        ends = _patiently(lambda: group.ends(stages[0]))
        _judge_rest(group, stages, services[DETECTOR], lambda lag: say(f"{lag:,} left to judge"), watch.observe)
        say("ending the detector")
        _end(services[DETECTOR], watch)
        watch.sample()
        say.result("all judged")
    return ends


def read_to_end(watch: Watch, observer: Observer, ends: Offsets) -> None:
    """Take in the last verdicts.

    Raises:
        FatalError: They don't become readable.
    """
    deadline = time.monotonic() + END_SECONDS
    while not observer.has_reached(ends):
        if time.monotonic() > deadline:
            raise FatalError("the output topics can't be read to their ends: a transaction on them was left open")
        watch.observe(0.1)


def _pace(rate: int, most: int) -> Mapping[str, str]:
    """The generator's settings: at whatever rate, an account pays about once in 10 s, as at the default one."""
    accounts = os.environ.get("ACCOUNTS") or str(ACCOUNTS_PER_RATE * (rate or FULL_SPEED))
    return {"TRANSACTIONS_PER_SECOND": str(rate), "MAX_TRANSACTIONS": str(most), "ACCOUNTS": accounts}


def _require_no_members(group: GroupWatch, say: Say) -> None:
    deadline = time.monotonic() + LEAVE_SECONDS
    while members := _patiently(group.members):
        if time.monotonic() > deadline:
            raise FatalError(
                f"consumer group {group.group} has members already ({', '.join(sorted(members))}): another demo or "
                "detector is at work on this cluster; end it, or set CONSUMER_GROUP to another group"
            )
        say("waiting for an earlier detector to leave its group")
        time.sleep(0.5)


def _patiently(ask: Callable[[], T]) -> T:
    """Ask the brokers again when they can't answer just now: a new cluster looks for its coordinators for a while."""
    return wait_until(ask, waiting_for="broker", timeout=PATIENCE_SECONDS, stop=Event())


def _wait_until(
    condition: Callable[[], bool],
    services: Services,
    timeout: float,
    failure: str,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    deadline = time.monotonic() + timeout
    while not _patiently(condition):
        services.require_alive()
        if time.monotonic() > deadline:
            raise ServiceDied(failure)
        wait(0.1)


def _judge_rest(
    group: GroupWatch,
    stages: Sequence[Sequence[Partition]],
    detector: Child,
    say: Callable[[int], None],
    wait: Callable[[float], None],
) -> None:
    """Wait until everything is judged, stage by stage: what one passes on is the next one's to judge."""
    for partitions in stages:
        _follow_lag(group, _patiently(partial(group.ends, partitions)), detector, say, wait)


def _follow_lag(
    group: GroupWatch,
    ends: Offsets,
    detector: Child,
    say: Callable[[int], None],
    wait: Callable[[float], None],
) -> None:
    """Wait until everything before ``ends`` is judged, or nothing moves any more: then the count tells why."""
    least, moved_at = None, time.monotonic()
    while lag := _patiently(lambda: group.lag(ends)):
        detector.require_alive()
        if least is None or lag < least:
            least, moved_at = lag, time.monotonic()
        elif time.monotonic() > moved_at + STALLED_SECONDS:
            return
        say(lag)
        wait(0.1)


def _end(child: Child, watch: Watch) -> None:
    child.ask_to_end()
    deadline = time.monotonic() + END_SECONDS
    while not child.ended and time.monotonic() < deadline:
        watch.observe(0.05)
    child.require_clean_end()
