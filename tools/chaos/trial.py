"""One round of a fault: a pipeline, services on it, randomness, and a reader of its outputs."""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from services.errors import Unavailable
from tools.chaos.lab import Bench
from tools.chaos.output_watch import OutputWatch
from tools.chaos.plain_reader import PlainReader, compare
from tools.chaos.results import Broken, NotRun, Tally
from tools.chaos.rules_over_time import RulesOverTime
from tools.chaos.traffic import ACCOUNTS
from tools.chaos.verdict_comparison import content
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import DEADLINE, NeverCame, wait_for
from tools.topics.consumer_group import ConsumerGroup
from tools.topics.reader import Offsets

SESSION_TIMEOUT = 4.0
"""Seconds of silence after which the group gives a detector's partitions to others."""

DRAINED = 150.0
"""Seconds that everything may take to be processed after a fault: the longest time-out involved, several times over."""

PER_ACCOUNT_AND_SECOND = 3
"""Payments of an account of the generator, with rules over time: a few in a hundred of them match."""

PER_ACCOUNT = 60
"""Payments of an account in a round, about: says when one is busy."""

SHARE_OVER_TIME = 0.1
"""Share of a fixed number of messages, with rules over time: a backlog of the same moment matches all of them."""

RATE_OVER_TIME = 3_000
"""Transactions a second at the most, with rules over time: each of them is compared with a slow recomputation."""

T = TypeVar("T")

_DETECTOR = {"KAFKA_CONFIG_SESSION_TIMEOUT_MS": f"{SESSION_TIMEOUT * 1000:.0f}",
             "KAFKA_CONFIG_HEARTBEAT_INTERVAL_MS": "1000",
             # With short transactions a moment inside of one is hard to hit; `detector-killed` tries these as well.
             "COMMIT_INTERVAL_MS": "100"}  # fmt: skip


class Reference(Protocol):
    """The expected outcome of a round's messages."""

    def left(self) -> int:
        """Number of messages without an outcome yet."""

    def tally(self) -> Tally:
        """Compare the outcome with the expected one."""


class Trial:
    """One round of a fault.

    Args:
        bench: The cluster, and what breaks around it.
        directory: Takes contracts and logs.
        seed: Decides everything that is left to chance.
        scale: Share of a full round's load where a round has a fixed number of messages.
        leniency: Factor of limits of time, for machines that have other things to do.
        over_time: Whether detectors have rules over time; a fault may have its own besides.

    Attributes:
        reference: The expected outcome; None where one rule about amounts gives it.
        chance: The only source of randomness.
        rubbish: The values put in that are no transactions.
        proof: Proof that the fault happened.
        moment: Seconds from the first output to the fault.
        recovery: Seconds from the end of the fault to the first output.
        warm_up: Seconds from the start of the first service to the first output: tells how busy the machine is.
    """

    def __init__(
        self,
        bench: Bench,
        directory: Path,
        seed: int,
        scale: float = 1.0,
        leniency: float = 1.0,
        *,
        over_time: bool = False,
    ) -> None:
        self.bench = bench
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.scale = scale * (SHARE_OVER_TIME if over_time else 1)
        self._leniency = leniency
        self.pipeline = Pipeline(bench.cluster, directory)
        self.admin = AdminClient({"bootstrap.servers": bench.cluster.bootstrap_servers, "log_level": 0})
        self.rubbish: list[bytes] = []
        self.proof = ""
        self.moment = 0.0
        self.recovery: float | None = None
        self.warm_up = 0.0
        self._member = Consumer({"bootstrap.servers": bench.cluster.bootstrap_servers, "log_level": 0,
                                 "group.id": self.pipeline.group, "isolation.level": "read_uncommitted"})  # fmt: skip
        self._group = ConsumerGroup(self.admin, self.pipeline.group, self._member)
        self._detectors: list[Service] = []
        self._generators: list[Service] = []
        self._exit_codes: dict[Service, int | None] = {}  # of those that ran until the end of the round
        self._acknowledged = 0
        self._stack = ExitStack()
        self._began = self._started = 0.0
        self.reader = PlainReader(bench.cluster.registry_url)
        self.watch = OutputWatch(self.pipeline)
        self.reference: Reference | None = None
        self._rules = RulesOverTime(self, PER_ACCOUNT * ACCOUNTS) if over_time else None
        if self._rules:
            self._rules.is_dead = lambda message: content(message) in self.rubbish

    def __enter__(self) -> Self:
        self._stack.enter_context(self.watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        services = [*self._detectors, *self._generators]
        self._exit_codes = {service: service.process.poll() for service in services}
        for service in services:
            service.kill()
        self._stack.close()
        self._member.close()
        topics = [*(topic.name for topic in self.pipeline.contracts.topics), f"{self.pipeline.dead}.redriven"]
        with suppress(KafkaException):  # the cluster may be what is broken
            for answer in self.admin.delete_topics(topics, request_timeout=5).values():
                answer.result()

    def detector(self, name: str = "only", **environment: str) -> Service:
        """Starts a detector; one that ends by itself breaks the round."""
        rules = self._rules.environment if self._rules else {}
        return self._start("detector", self._detectors, {"INSTANCE_ID": name, **_DETECTOR, **rules, **environment})

    def generator(self, rate: int, **environment: str) -> Service:
        """Starts a generator that runs until everything is over; all that it sends must be acknowledged then.

        Args:
            rate: Transactions a second; 0 is as fast as it can.
            environment: Further settings.
        """
        settings = {"TRANSACTIONS_PER_SECOND": str(self.rate(rate)), "SEED": str(self.seed)}
        if self._rules:
            settings["ACCOUNTS"] = str(self.rate(rate) // PER_ACCOUNT_AND_SECOND)
        return self._start("generator", self._generators, settings | environment)

    def rate(self, rate: int) -> int:
        """Return the transactions a second of a generator: with rules over time not more than can be compared."""
        return min(rate or RATE_OVER_TIME, RATE_OVER_TIME) if self._rules else rate

    def _start(self, kind: str, among: list[Service], environment: Mapping[str, str]) -> Service:
        self._started = self._started or time.monotonic()
        among.append(self.pipeline.start(kind, **environment))
        return among[-1]

    def ended_by_themselves(self) -> list[str]:
        """Describe each service that was neither stopped nor killed by the round and has ended, by its exit code."""
        return [f"a {service.name} ended by itself with exit code {code}: {service.text[-500:]}"
                for service, code in self._exit_codes.items() if code is not None]  # fmt: skip

    def exclude(self, service: Service) -> None:
        """Leave a service out of all checks: it was killed on purpose."""
        self._detectors = [known for known in self._detectors if known is not service]
        self._generators = [known for known in self._generators if known is not service]

    def wait_for_output(self, timeout: float = DEADLINE) -> None:
        """Waits for the first output."""
        self.watch.wait_until_more(0.0, timeout)
        self._began = time.monotonic()
        self.warm_up = self._began - self._started

    def random_moment(self, earliest: float, latest: float) -> None:
        """Waits for a random time; that is the fault's moment."""
        time.sleep(self.chance.uniform(earliest, latest))
        self.note_fault()

    def note_fault(self) -> None:
        """Notes the fault's moment."""
        self.moment = time.monotonic() - self._began if self._began else 0.0

    def wait_for_open_transaction(self) -> int:
        """Wait for an open transaction, and return the number of partitions that hold it."""
        return wait_for(self.open_transactions, "a transaction is open", 20, pause=0.01)

    def open_transactions(self) -> int:
        """Number of output partitions with records of an open transaction."""
        return _answered(lambda: self.pipeline.open_transactions(self.admin))

    def leaders(self, topic: str) -> dict[int, int]:
        """Broker that leads each partition of a topic, -1 without one; empty while no broker answers."""
        with suppress(KafkaException):
            partitions = self.admin.list_topics(topic, timeout=10).topics[topic].partitions
            return {number: int(partition.leader) for number, partition in partitions.items()}
        return {}

    def preferred_leader(self, topic: str, partition: int) -> int:
        """The broker that is to lead a partition whenever it can."""

        def first() -> int:
            with suppress(KafkaException, LookupError):
                return int(self.admin.list_topics(topic, timeout=10).topics[topic].partitions[partition].replicas[0])
            return 0

        return wait_for(first, f"the replicas of {topic}-{partition} are known")

    def input_ends(self) -> Offsets:
        """The ends of the input topic's partitions."""
        return _answered(lambda: self._group.ends(self._group.partitions([self.pipeline.input])))

    def committed(self) -> Offsets:
        """The group's committed offset of each partition of the input topic; negative where there is none.

        Asked through a consumer: when a connection breaks while the admin client asks a coordinator, librdkafka 2.16
        ends the process (issue 4605).
        """
        partitions = [TopicPartition(topic, partition) for topic, partition in self.input_ends()]
        committed = _answered(lambda: self._member.committed(partitions, timeout=10))
        return {(str(answer.topic), int(answer.partition)): int(answer.offset) for answer in committed}

    def lag(self) -> int:
        """Number of messages of the input topic that are not processed yet."""
        ends, committed = self.input_ends(), self.committed()
        return sum(max(0, end - max(0, committed[partition])) for partition, end in ends.items())

    def prove(self, happened: object, proof: str) -> None:
        """Notes how it is known that the fault happened.

        Raises:
            NotRun: It did not.
        """
        if not happened:
            raise NotRun(f"it did not happen: {proof}")
        self.proof = f"{self.proof}; {proof}" if self.proof else proof

    def require(self, holds: object, promise: str) -> None:
        """Checks a promise besides the invariant.

        Raises:
            Broken: It is not kept.
        """
        if not holds:
            raise Broken(promise)

    def require_within(self, seconds: float, limit: float, what: str) -> None:
        """Checks a promise about time.

        Raises:
            Broken: It took longer than the limit.
        """
        self.require(seconds <= limit * self._leniency, f"{what} took {seconds:.2f} s, more than {limit:.0f} s")

    def wait_for_recovery(self, since: float, timeout: float = DRAINED) -> float:
        """Waits for an output that became visible after a time on the monotonic clock; the seconds between them."""
        self.recovery = self.watch.wait_until_more(since, timeout)
        return self.recovery

    def finish(self) -> Tally:
        """Lets everything drain, ends the services as an orchestrator would, and has the topics read.

        Raises:
            Broken: A service did not end as it should, or something was not acknowledged.
            NeverCame: If not everything was processed in time.
        """
        self.drain()
        for detector in self._detectors:
            code = detector.process.poll()
            self.require(code is None, f"a detector ended by itself with exit code {code}: {detector.text[-500:]}")
            self.require(detector.stop() == 0, f"SIGTERM, exit code {detector.process.returncode}")
        with suppress(NeverCame):  # what is still open then is counted
            wait_for(lambda: not self.open_transactions(), "no transaction is open", 40, pause=0.1)
        return self._tally()

    def drain(self) -> None:
        """Ends the generators and waits until everything is processed.

        Raises:
            Broken: Something was not acknowledged.
            NeverCame: If not everything was processed in time.
        """
        while self._generators:
            generator = self._generators.pop()
            code = generator.stop()
            self.require(code == 0, f"the generator ended with exit code {code}: {generator.text[-500:]}")
            self._acknowledged += sum(line["delivered"] for line in generator.events("ended"))
        left = 0

        def drained() -> bool:
            nonlocal left
            left = self.reference.left() if self.reference else self.lag()
            return left <= 0

        wait_for(drained, lambda: f"everything is judged; {left} messages are left", DRAINED, pause=0.1)

    def _tally(self) -> Tally:
        pipeline = self.pipeline
        inputs = pipeline.read(pipeline.input)
        if len(inputs) < self._acknowledged:
            raise Broken(f"{self._acknowledged} transactions were acknowledged and {len(inputs)} are there")
        if self.reference:
            return replace(self.reference.tally(), open_transactions=self.open_transactions())
        outputs = {"legit": pipeline.legit, "fraud": pipeline.fraud, "dead": pipeline.dead}
        contents = {name: pipeline.read(topic) for name, topic in outputs.items()}
        return replace(
            compare(inputs, contents, self.rubbish, self.reader.verdict), open_transactions=self.open_transactions()
        )


def _answered(question: Callable[[], T]) -> T:
    """The brokers' answer; they are asked again while they are busy or coming back.

    Raises:
        NeverCame: They did not answer in time.
    """

    def ask() -> tuple[T, ...]:
        with suppress(KafkaException, Unavailable):
            return (question(),)
        return ()

    return wait_for(ask, "the brokers answer", pause=0.1)[0]
