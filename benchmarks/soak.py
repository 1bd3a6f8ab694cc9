"""Very many messages through one detector: does its memory stay flat?"""

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import OURS
from benchmarks.draining import QUIET
from benchmarks.lane import PATIENCE, Lane
from benchmarks.running import ContenderFailed, Running
from tools.local_cluster import Cluster

EVERY = 0.5


@dataclass(frozen=True)
class Moment:
    """The detector at one moment.

    Attributes:
        seconds: Since the first message was judged.
        messages: How many were judged and committed.
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
    lane = Lane(cluster, directory)
    fast = {"TRANSACTIONS_PER_SECOND": "0", "MAX_TRANSACTIONS": str(messages)}
    moments: list[Moment] = []
    with ExitStack() as stack:
        detector = stack.enter_context(Running(OURS.prepare(print), lane.environment, directory / "soak.log"))
        command = [sys.executable, "-m", "services.generator"]
        generator = stack.enter_context(Running(command, lane.environment | fast, directory / "soak-generator.log"))
        began = progressed = time.monotonic()
        while True:
            now, visible = time.monotonic(), lane.reached(lane.outputs)
            if not visible:
                began = progressed = now
            elif not moments or visible > moments[-1].messages:
                progressed = now
                moments.append(Moment(now - began, visible, detector.rss_mb))
            elif visible >= messages and now - progressed > QUIET:
                break
            detector.require_alive()
            generator.require_alive()
            if now - progressed > PATIENCE:
                raise ContenderFailed(f"stood still at {visible} of {messages} messages")
            time.sleep(EVERY)
    if (found := sum(lane.count(lane.outputs).values())) != messages:
        raise ContenderFailed(f"{found} of {messages} messages came out")
    lane.remove()
    return moments
