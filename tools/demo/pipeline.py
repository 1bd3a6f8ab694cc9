"""Generator and detector as processes: the detector reads, the generator writes, both end well."""

import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from threading import Event
from typing import TypeVar

from services.errors import FatalError
from services.streaming.lifecycle import wait_until
from tools.demo import incidents
from tools.demo.display import Display
from tools.demo.watch import END_SECONDS, Watch
from tools.harness.processes import ChildProcess, ProcessDied
from tools.harness.waiting import NeverCame, wait_for
from tools.local_cluster.persistent import REPOSITORY
from tools.local_cluster.ports import free_ports, is_free
from tools.topics.consumer_group import ConsumerGroup
from tools.topics.reader import Offsets, Partition

LOGS = REPOSITORY / ".local" / "demo"
DETECTOR, CONSOLE, WARM_UP, GENERATOR, DRAIN = "detector", "console", "warm-up", "generator", "drain"
INCIDENTS = "incidents"

# A stable name: a run that was killed leaves a transaction open, which the next detector of that name ends at once.
INSTANCE_ID = "demo"

LEAVE_SECONDS = 15.0  # a detector that was killed counts as a member of its group for a session timeout of 10 s
STALLED_SECONDS = 15.0
ANSWER_SECONDS = 30.0
WARM_UP_SECONDS = 2
HIGH_RATE = 10_000  # transactions a second, from which on the broker's just-in-time compiler is in the way for longer
HIGH_RATE_WARM_UP_SECONDS = 6
WARM_UP_AT_FULL_SPEED = 100_000  # transactions
ACCOUNTS_PER_RATE = 10  # accounts for each transaction a second: more busy ones would look like fraud
FULL_SPEED = 400_000  # transactions a second, about what the generator can

T = TypeVar("T")
Pause = Callable[[float], object]


class Pipeline:
    """The services of one run.

    Every method raises FatalError where a service dies or does not do its part; with the last lines of its log.

    Args:
        stack: Ends the services with its block.
        display: Shows the steps.
        group: The detector's consumer group.
        stages: The partitions of each topic that the detector reads, in the order that transactions go through them.
        timeout: Seconds that a service may take to begin its work.
        login: Variables with which a service logs in.
    """

    def __init__(
        self,
        stack: ExitStack,
        display: Display,
        group: ConsumerGroup,
        stages: Sequence[Sequence[Partition]],
        timeout: float,
        *,
        login: Callable[[str], Mapping[str, str]] = lambda _service: {},
    ) -> None:
        self._stack = stack
        self._display = display
        self._group = group
        self._stages = stages
        self._timeout = timeout
        self._login = login
        self._services: dict[str, ChildProcess] = {}

    def require_alive(self) -> None:
        """Make sure that the services run."""
        for service in self._services.values():
            service.require_alive()

    def start_detector(self) -> None:
        """Start the detector and wait until it reads the input topic; others in its group are an error."""
        partitions = self._stages[0]
        with self._display.step(DETECTOR, "starting") as step:
            self._require_no_members()
            detector = self._start(DETECTOR, {"INSTANCE_ID": INSTANCE_ID})
            self._wait(
                lambda: self._group.owns(f"detector-{INSTANCE_ID}", partitions),
                f"the detector does not begin to read {partitions[0][0]}; see {detector.log}",
            )
            step.detail = f"reads {len(partitions)} partitions of {partitions[0][0]}"

    def start_console(self) -> str:
        """Start the console on an empty database, and return a link that logs in once."""
        with self._display.step(CONSOLE, "starting") as step:
            for file in LOGS.glob("console.db*"):
                file.unlink()
            port = 8080 if is_free(8080) else free_ports(1)[0]
            console = self._start(CONSOLE, {"CONSOLE_PORT": str(port), "DATABASE_URL": f"sqlite:///{LOGS}/console.db"})
            self._wait(lambda: '"link"' in console.text, f"the console does not start; see {console.log}")
            lines = [json.loads(line) for line in console.text.splitlines() if '"link"' in line]
            step.detail = str(lines[0]["link"])
        return step.detail

    def warm_up(self, rate: int) -> None:
        """Have some transactions evaluated that are not counted, after what an earlier run may have left.

        A broker that has just been started takes a second for its first transaction, and at high rates it compiles its
        code for some more; what is measured is all the others.
        """
        count = rate * (WARM_UP_SECONDS if rate < HIGH_RATE else HIGH_RATE_WARM_UP_SECONDS) or WARM_UP_AT_FULL_SPEED
        with self._display.step(WARM_UP, f"{count:,} transactions that are not counted") as step:
            # A SEED of the user's is for what is counted; the same ids twice would look like duplicates.
            generator = self._start(GENERATOR, {**_pace(rate, count), "SEED": str(secrets.randbits(64))})
            while not generator.ended:
                self._services[DETECTOR].require_alive()
                time.sleep(0.1)
            generator.require_success()
            self._process_rest(WARM_UP, "transactions left to evaluate", time.sleep)
            step.detail = f"{count:,} transactions, not counted"

    def start_generator(self, watch: Watch, rate: int, seed: int | None) -> None:
        """Start the generator and wait for its first transaction.

        Args:
            watch: Reads verdicts from the first one on.
            rate: Transactions per second; 0: as fast as it can.
            seed: Seed of incidents of fraud; None for none.
        """
        with self._display.step(GENERATOR, "starting") as step:
            watch.observe(0.5)  # so that the reader is connected when the first verdict comes
            generator = self._start(GENERATOR, _pace(rate, 0))
            if seed is not None:
                self._start(INCIDENTS, incidents.settings(rate, seed), GENERATOR)
            self._wait(watch.has_begun, f"the generator generates nothing; see {generator.log}", watch.observe)
            step.detail = f"{rate:,} transactions a second" if rate else "as fast as it can"

    def drain(self, watch: Watch) -> Offsets:
        """End the generator, let the detector process the rest, and end it.

        Returns:
            The offsets of the input topic at which this run ends.
        """
        with self._display.step(DRAIN, "ending the generator") as step:
            for name in (GENERATOR, INCIDENTS):
                if name in self._services:
                    self._end(name, watch)
            ends = _answered(lambda: self._group.ends(self._stages[0]))
            self._process_rest(DRAIN, "left to evaluate", watch.observe)
            self._display.show_step(DRAIN, "ending the detector")
            self._end(DETECTOR, watch)
            watch.sample()
            step.detail = "all evaluated"
        return ends

    def _start(self, name: str, variables: Mapping[str, str], service: str = "") -> ChildProcess:
        inherited = {name: value for name, value in os.environ.items() if name != "METRICS_PORT"}  # fits only one
        log = LOGS / f"{name}.log"
        log.unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", f"services.{service or name}"]
        environment = {**inherited, **self._login(service or name), **variables}
        process = self._stack.enter_context(ChildProcess(name, command, environment, log))
        self._services[name] = process
        return process

    def _end(self, name: str, watch: Watch) -> None:
        service = self._services[name]
        service.terminate()
        with suppress(NeverCame):
            wait_for(lambda: service.ended, name, END_SECONDS, pause=partial(watch.observe, 0.05))
        service.require_success()

    def _require_no_members(self) -> None:
        deadline = time.monotonic() + LEAVE_SECONDS
        while members := _answered(self._group.members):
            if time.monotonic() > deadline:
                raise FatalError(
                    f"consumer group {self._group.group} has members already ({', '.join(sorted(members))}): another "
                    "demo or detector is at work on this cluster; end it, or set CONSUMER_GROUP to another group"
                )
            self._display.show_step(DETECTOR, "waiting for an earlier detector to leave its group")
            time.sleep(0.5)

    def _wait(self, condition: Callable[[], bool], failure: str, pause: Pause = time.sleep) -> None:
        def is_met() -> bool:
            self.require_alive()
            return _answered(condition)

        wait_for(is_met, failure, self._timeout, pause=partial(pause, 0.1), error=ProcessDied)

    def _process_rest(self, step: str, left: str, pause: Pause) -> None:
        """Wait until everything is processed, stage by stage: the output of one is the input of the next.

        Where the detector stalls, the waiting ends, too: the count then tells why.
        """
        for partitions in self._stages:
            ends = _answered(partial(self._group.ends, partitions))
            lowest, moved_at = float("inf"), time.monotonic()
            while lag := _answered(partial(self._group.lag, ends)):
                self._services[DETECTOR].require_alive()
                if lag < lowest:
                    lowest, moved_at = lag, time.monotonic()
                elif time.monotonic() > moved_at + STALLED_SECONDS:
                    break
                self._display.show_step(step, f"{lag:,} {left}")
                pause(0.1)


def _pace(rate: int, limit: int) -> Mapping[str, str]:
    """The generator's settings: an account pays about once in 10 s at every rate."""
    accounts = os.environ.get("ACCOUNTS") or str(ACCOUNTS_PER_RATE * (rate or FULL_SPEED))
    return {"TRANSACTIONS_PER_SECOND": str(rate), "MAX_TRANSACTIONS": str(limit), "ACCOUNTS": accounts}


def _answered(ask: Callable[[], T]) -> T:
    """The brokers' answer; they are asked again where they can't answer yet, as a new cluster can't at first."""
    return wait_until(ask, waiting_for="broker", timeout=ANSWER_SECONDS, stop=Event())
