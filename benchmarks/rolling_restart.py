"""A rolling restart of three detectors under load: how long a partition of each stage is without verdicts."""

import argparse
import itertools
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from benchmarks.window_traffic import RULES
from services.streaming.partitioner import partition_of_key
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.local_cluster import ephemeral

PARTITIONS = 4
TARGET = slice(56, 68)
SOURCE = slice(43, 55)
"""Bytes of the fields in a framed transaction: accounts have twelve letters."""

TEAM = ("one", "two", "three")
SETTLED = 6.0
"""Seconds after a change."""


class VerdictPauses:
    """Reads verdicts as they become visible, in a thread, and notes when there were any, by partition of each stage."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._consumer = Consumer({
            "bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": "pauses",
            "isolation.level": "read_committed", "fetch.wait.max.ms": 10,
        })  # fmt: skip
        outputs = itertools.product((pipeline.legit, pipeline.fraud), range(PARTITIONS))
        self._consumer.assign([TopicPartition(topic, number, 0) for topic, number in outputs])
        self._moments: dict[tuple[str, int], list[float]] = defaultdict(list)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            values = [message.value() or b"" for message in self._consumer.consume(2000, 0.02) if not message.error()]
            now = time.monotonic()
            for name, field in (("input", TARGET), ("by source", SOURCE)):
                for number in {partition_of_key(value[field], PARTITIONS) for value in values}:
                    self._moments[name, number].append(now)

    def longest(self, begin: float, end: float) -> dict[tuple[str, int], float]:
        """Return the longest time without a verdict of each partition within a span, in seconds."""
        pauses = {}
        for partition, moments in sorted(self._moments.items()):
            marks = [begin, *(moment for moment in moments if begin < moment < end), end]
            pauses[partition] = max(after - before for before, after in itertools.pairwise(marks))
        return pauses

    def end(self) -> None:
        """Stop reading."""
        self._ended.set()
        self._thread.join()
        self._consumer.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rolling_restart", description=__doc__)
    parser.add_argument("--rate", type=int, default=5_000, help="transactions a second")
    options = parser.parse_args(argv)
    with ephemeral() as cluster, tempfile.TemporaryDirectory() as scratch:
        pipeline = Pipeline(cluster, Path(scratch))
        team = {name: _detector(pipeline, name) for name in TEAM}
        for detector in team.values():
            detector.wait_for("rebalance", change="assigned")
        with pipeline.start("generator", TRANSACTIONS_PER_SECOND=str(options.rate), SCENARIOS=""):
            pauses = VerdictPauses(pipeline)
            time.sleep(2 * SETTLED)
            began = time.monotonic()
            time.sleep(SETTLED)
            calm = max(pauses.longest(began, time.monotonic()).values())
            began = time.monotonic()
            for name in TEAM:
                code = team[name].stop()
                print(f"{name} ended with exit code {code}", file=sys.stderr)
                team[name] = _detector(pipeline, name)
                team[name].wait_for("rebalance", change="assigned")
                time.sleep(SETTLED)
            longest = pauses.longest(began, time.monotonic())
            pauses.end()
        for detector in team.values():
            detector.stop()
    for (stage, number), seconds in longest.items():
        print(f"{stage:10} {number}  {seconds:.2f} s")
    print(f"longest time without a verdict: {max(longest.values()):.2f} s; {calm:.2f} s before the restarts")
    return 0


def _detector(pipeline: Pipeline, name: str) -> Service:
    return pipeline.start("detector", RULES_FILE=str(RULES), INSTANCE_ID=name)


if __name__ == "__main__":
    sys.exit(main())
