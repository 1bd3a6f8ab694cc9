"""Soak test: very many messages through one detector, whose memory should stay flat."""

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import OURS, ContenderFailed
from benchmarks.isolated_topics import TIMEOUT, IsolatedTopics
from benchmarks.measured_process import MeasuredProcess
from benchmarks.throughput import QUIET
from tools.local_cluster import Cluster

EVERY = 0.5


@dataclass(frozen=True)
class Moment:
    """The detector at one moment.

    Attributes:
        seconds: Seconds since the first message was evaluated.
        messages: Number of messages evaluated and committed.
        rss_mb: Its resident memory, in MB.
    """

    seconds: float
    messages: int
    rss_mb: float


def soak(cluster: Cluster, directory: Path, messages: int) -> list[Moment]:
    """One detector, and a generator beside it that goes as fast as it can.

    Raises:
        ContenderFailed: One of them ended or stood still, or not every message came out once.
    """
    topics = IsolatedTopics(cluster, directory)
    fast = {"TRANSACTIONS_PER_SECOND": "0", "MAX_TRANSACTIONS": str(messages)}
    moments: list[Moment] = []
    with ExitStack() as stack:
        detector = stack.enter_context(MeasuredProcess(OURS.prepare(print), topics.environment, directory / "soak.log"))
        command = [sys.executable, "-m", "services.generator"]
        generator = stack.enter_context(
            MeasuredProcess(command, topics.environment | fast, directory / "soak-generator.log")
        )
        began = progressed = time.monotonic()
        while True:
            now, visible = time.monotonic(), topics.reached(topics.outputs)
            if not visible:
                began = progressed = now
            elif not moments or visible > moments[-1].messages:
                progressed = now
                moments.append(Moment(now - began, visible, detector.rss_mb))
            elif visible >= messages and now - progressed > QUIET:
                break
            detector.require_no_failure()
            generator.require_no_failure()
            if now - progressed > TIMEOUT:
                raise ContenderFailed(f"stood still at {visible} of {messages} messages")
            time.sleep(EVERY)
    if (outputs := sum(topics.count(topics.outputs).values())) != messages:
        raise ContenderFailed(f"{outputs} of {messages} messages came out")
    topics.remove()
    return moments
