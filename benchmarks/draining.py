"""How fast a contender works through an input that is all there: the outputs are counted, every one of them."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import Contender
from benchmarks.figures import Pace, Sample, pace
from benchmarks.lane import PATIENCE, Lane
from benchmarks.running import ContenderFailed, Running, cpu_seconds
from benchmarks.work import Work, avro_work, json_work
from tools.local_cluster import Cluster

# As long as nothing has become visible for so many seconds, a slow transaction may still be on its way.
QUIET = 0.5
TICK = 0.015
START_PATIENCE = 60.0


@dataclass(frozen=True)
class Drained:
    """What one run gave.

    Attributes:
        messages: How many were done; the outputs were counted and are as many.
        pace: How fast.
        rss_mb: Resident memory at the end, the mean over the processes.
    """

    messages: int
    pace: Pace
    rss_mb: float


class Drains:
    """Runs contenders one after the other on one cluster.

    Args:
        cluster: The cluster.
        directory: Takes logs.
        messages: How many a contender with a share of 1 gets.
    """

    def __init__(self, cluster: Cluster, directory: Path, messages: int) -> None:
        self._cluster = cluster
        self._directory = directory
        self._messages = messages
        self._made: dict[tuple[str, int, int], Work] = {}

    def detector(self, contender: Contender, command: list[str]) -> Drained:
        """One run of a detector.

        Raises:
            ContenderFailed: It ended, stood still, or its outputs are not what they should be.
        """
        lane = Lane(self._cluster, self._directory)
        work = self._work(contender, lane.schema_id)
        lane.load(work)
        log = self._directory / f"{contender.name}.log"
        with ExitStack() as stack:
            running = [
                stack.enter_context(Running(command, {**lane.environment, **contender.environment}, log))
                for _ in range(contender.processes)
            ]
            wait(lambda: lane.ready(len(running)), running, START_PATIENCE, "did not get all partitions")
            samples = self._watch(lane, running, len(work), lane.outputs, lane.reveal)
        legit, fraud = lane.outputs
        found, wanted = lane.count(lane.outputs), {legit: len(work) - work.fraud, fraud: work.fraud}
        if contender.finds_more:  # none is lost, none doubled, and no large amount is missed
            enough = found[fraud] >= wanted[fraud]
            wanted = {legit: len(work) - found[fraud], fraud: found[fraud]} if enough else wanted
        if found != wanted:
            raise ContenderFailed(f"{contender.name}: its outputs are {found}, expected {wanted}")
        lane.remove()
        return Drained(len(work), pace(samples), samples[-1].rss_mb / len(running))

    def generator(self, contender: Contender, command: list[str]) -> Drained:
        """One run of a generator; timed from its first messages on.

        Raises:
            ContenderFailed: It ended badly or did not make as many as it should.
        """
        lane = Lane(self._cluster, self._directory)
        count = int(self._messages * contender.share)
        environment = {**lane.environment, **contender.environment, "MAX_TRANSACTIONS": str(count)}
        topics = (lane.input,)
        with Running(command, environment, self._directory / f"{contender.name}-generator.log") as running:
            samples = self._watch(lane, [running], count, topics, lambda: None)
        if (found := lane.count(topics)[lane.input]) != count:
            raise ContenderFailed(f"{contender.name}: made {found} messages, expected {count}")
        lane.remove()
        return Drained(count, pace(samples), samples[-1].rss_mb)

    def _work(self, contender: Contender, schema_id: int) -> Work:
        count = int(self._messages * contender.share)
        key = (contender.form, count, schema_id)
        if key not in self._made:
            self._made[key] = avro_work(count, schema_id) if contender.form == "avro" else json_work(count)
        return self._made[key]

    def _watch(
        self, lane: Lane, running: list[Running], count: int, topics: tuple[str, ...], start: Callable[[], None]
    ) -> list[Sample]:
        """Look at the outputs until all are there."""
        brokers = [found for broker in self._cluster.brokers if (found := broker.process.find())]

        def gauge() -> tuple[float, float, float]:
            return time.monotonic() - began, sum(one.cpu for one in running), sum(map(cpu_seconds, brokers))

        began = time.monotonic()
        _, cpu, broker_cpu = gauge()
        samples = [Sample(0, 0, cpu, broker_cpu)]
        start()
        while True:
            before = gauge()
            visible = lane.reached(topics)
            if visible > samples[-1].visible:
                # The answer is of a moment between asking and hearing it.
                now, cpu, broker_cpu = ((one + other) / 2 for one, other in zip(before, gauge(), strict=True))
                samples.append(Sample(now, visible, cpu, broker_cpu, sum(one.rss_mb for one in running)))
            quiet = time.monotonic() - began - samples[-1].seconds
            if visible >= count and quiet > QUIET and sum(lane.count(topics).values()) >= count:
                return _as_messages(samples, count)
            for one in running:
                one.require_alive()
            if quiet > PATIENCE:
                raise ContenderFailed(f"stood still at {visible} of {count} messages")
            time.sleep(TICK)


def _as_messages(samples: list[Sample], count: int) -> list[Sample]:
    """Offsets count the markers of transactions as well; spread evenly, they fall out."""
    last = samples[-1].visible
    return [replace(one, visible=one.visible * count / last) for one in samples]


def wait(condition: Callable[[], bool], running: list[Running], patience: float, what: str) -> None:
    """Wait for a condition while all processes run.

    Raises:
        ContenderFailed: One ended, or the condition did not come; with `what` as the reason.
    """
    deadline = time.monotonic() + patience
    while not condition():
        for one in running:
            one.require_alive()
        if time.monotonic() > deadline:
            raise ContenderFailed(what)
        time.sleep(0.1)
