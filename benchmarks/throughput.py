"""Throughput of a contender on an input that is complete at the start; every output is counted."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import Contender, ContenderFailed
from benchmarks.figures import Pace, Sample, pace
from benchmarks.isolated_topics import TIMEOUT, IsolatedTopics
from benchmarks.measured_process import MeasuredProcess, cpu_seconds
from benchmarks.rules_work import ids_of, rules_work
from benchmarks.work import Work, avro_work, json_work
from tools.harness.waiting import wait_for
from tools.local_cluster import Cluster

# As long as nothing has become visible for so many seconds, a slow transaction may still be on its way.
QUIET = 0.5
TICK = 0.015
START_TIMEOUT = 60.0
JVM_START_TIMEOUT = 300.0


@dataclass(frozen=True)
class Drained:
    """Figures of one run.

    Attributes:
        messages: Number of messages done; the outputs were counted and are as many.
        pace: The speed.
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
        messages: Number of messages for a contender with a share of 1.
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
        topics = IsolatedTopics(self._cluster, self._directory)
        work = self._work(contender, topics.schema_id)
        drained = self._drain(contender, command, topics, work)
        legit, fraud = topics.outputs
        counts, expected = topics.count(topics.outputs), {legit: len(work) - work.fraud, fraud: work.fraud}
        if contender.finds_more:  # none is lost, none doubled, and no large amount is missed
            enough = counts[fraud] >= expected[fraud]
            expected = {legit: len(work) - counts[fraud], fraud: counts[fraud]} if enough else expected
        if counts != expected:
            raise ContenderFailed(f"{contender.name}: its outputs are {counts}, expected {expected}")
        topics.remove()
        return drained

    def same_rules(self, contender: Contender, command: list[str]) -> Drained:
        """One run of a detector with the five default rules, whose verdicts are compared one by one.

        All topics have one partition, as the verdicts of rules over time depend on the order of the log.

        Raises:
            ContenderFailed: It ended, stood still, or a verdict is another than the recomputation's.
        """
        topics = IsolatedTopics(self._cluster, self._directory, partitions=1)
        work = rules_work(int(self._messages * contender.share), topics.schema_id)
        drained = self._drain(contender, command, topics, work)
        legit, fraud = (topics.values(topic) for topic in topics.outputs)
        suspicious = frozenset(ids_of(fraud))
        if len(legit) + len(fraud) != len(work) or len(suspicious) != len(fraud):
            raise ContenderFailed(f"{contender.name}: {len(legit)} + {len(fraud)} outputs, expected {len(work)}")
        if differing := suspicious ^ work.suspicious:
            raise ContenderFailed(
                f"{contender.name}: {len(differing)} verdicts differ from the recomputation's, such as that of "
                f"{min(differing).decode()}"
            )
        topics.remove()
        return drained

    def _drain(self, contender: Contender, command: list[str], topics: IsolatedTopics, work: Work) -> Drained:
        """Have an input evaluated, and measure it."""
        topics.load(work)
        log = self._directory / f"{contender.name}.log"
        earlier = _count_in(log, contender.ready)
        with ExitStack() as stack:
            processes = [
                stack.enter_context(MeasuredProcess(command, {**topics.environment, **contender.environment}, log))
                for _ in range(contender.processes)
            ]
            if contender.ready:
                _wait_until_said(contender.ready, processes, log, earlier)
            else:
                wait_until_ready(topics, processes)
            samples = self._watch(topics, processes, len(work), topics.outputs, topics.reveal)
        return Drained(len(work), pace(samples), samples[-1].rss_mb / len(processes))

    def generator(self, contender: Contender, command: list[str]) -> Drained:
        """One run of a generator; timed from its first messages on.

        Raises:
            ContenderFailed: It ended badly or did not make as many as it should.
        """
        topics = IsolatedTopics(self._cluster, self._directory)
        count = int(self._messages * contender.share)
        environment = {**topics.environment, **contender.environment, "MAX_TRANSACTIONS": str(count)}
        with MeasuredProcess(command, environment, self._directory / f"{contender.name}-generator.log") as process:
            samples = self._watch(topics, [process], count, (topics.input,), lambda: None)
        if (made := topics.count((topics.input,))[topics.input]) != count:
            raise ContenderFailed(f"{contender.name}: made {made} messages, expected {count}")
        topics.remove()
        return Drained(count, pace(samples), samples[-1].rss_mb)

    def _work(self, contender: Contender, schema_id: int) -> Work:
        count = int(self._messages * contender.share)
        key = (contender.form, count, schema_id)
        if key not in self._made:
            self._made[key] = avro_work(count, schema_id) if contender.form == "avro" else json_work(count)
        return self._made[key]

    def _watch(
        self,
        topics: IsolatedTopics,
        processes: Sequence[MeasuredProcess],
        count: int,
        names: tuple[str, ...],
        start: Callable[[], None],
    ) -> list[Sample]:
        """Look at the outputs until all are there."""
        brokers = [process for broker in self._cluster.brokers if (process := broker.process.find())]

        def gauge() -> tuple[float, float, float]:
            return time.monotonic() - began, sum(process.cpu for process in processes), sum(map(cpu_seconds, brokers))

        began = time.monotonic()
        _, cpu, broker_cpu = gauge()
        samples = [Sample(0, 0, cpu, broker_cpu)]
        start()
        while True:
            before = gauge()
            visible = topics.reached(names)
            if visible > samples[-1].visible:
                # The answer is of a moment between asking and hearing it.
                now, cpu, broker_cpu = ((early + late) / 2 for early, late in zip(before, gauge(), strict=True))
                samples.append(Sample(now, visible, cpu, broker_cpu, sum(process.rss_mb for process in processes)))
            quiet = time.monotonic() - began - samples[-1].seconds
            if visible >= count and quiet > QUIET and sum(topics.count(names).values()) >= count:
                return _as_messages(samples, count)
            for process in processes:
                process.require_no_failure()
            if quiet > TIMEOUT:
                raise ContenderFailed(f"stood still at {visible} of {count} messages")
            time.sleep(TICK)


def _as_messages(samples: list[Sample], count: int) -> list[Sample]:
    """Offsets count the markers of transactions as well; spread evenly, they fall out."""
    last = samples[-1].visible
    return [replace(sample, visible=sample.visible * count / last) for sample in samples]


def _wait_until_said(text: str, processes: Sequence[MeasuredProcess], log: Path, earlier: int) -> None:
    """Wait until processes that join no consumer group say that they are ready.

    Raises:
        ContenderFailed: They did not in time.
        ProcessDied: One of them failed.
    """

    def said() -> bool:
        for process in processes:
            process.require_no_failure()
        return _count_in(log, text) >= earlier + len(processes)

    wait_for(said, f"did not say {text!r}", JVM_START_TIMEOUT, pause=0.5, error=ContenderFailed)


def _count_in(log: Path, text: str) -> int:
    return log.read_text(errors="replace").count(text) if text and log.exists() else 0


def wait_until_ready(topics: IsolatedTopics, processes: Sequence[MeasuredProcess]) -> None:
    """Wait until the processes share all partitions of the input.

    Raises:
        ContenderFailed: They did not in time.
        ProcessDied: One of them failed.
    """

    def ready() -> bool:
        for process in processes:
            process.require_no_failure()
        return topics.ready(len(processes))

    wait_for(ready, "did not get all partitions", START_TIMEOUT, pause=0.1, error=ContenderFailed)
