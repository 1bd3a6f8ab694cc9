"""A downstream reader that is there all the time, and notes when what became visible."""

import itertools
import threading
import time
from collections import defaultdict
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, TopicPartition

from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE, wait_for


class OutputWatch:
    """Reads the outputs of a pipeline, read committed, in a thread of its own.

    Keys decide the partitions of inputs and outputs alike, so the output partition tells the input partition.

    Args:
        pipeline: Whose outputs.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        topics = (pipeline.legit, pipeline.fraud, pipeline.dead)
        self._consumer = Consumer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": "watch",
                                   "isolation.level": "read_committed", "enable.auto.commit": False,
                                   "fetch.wait.max.ms": 20, "fetch.queue.backoff.ms": 10, "log_level": 0,
                                   "reconnect.backoff.max.ms": 500})  # fmt: skip
        self._dead = pipeline.dead
        self._consumer.assign(
            [TopicPartition(topic, n, 0) for topic in topics for n in range(1 if topic == pipeline.dead else 4)]
        )
        self._arrivals: dict[int, list[float]] = defaultdict(list)
        self._newest = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.total = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            messages = [message for message in self._consumer.consume(5000, 0.02) if message.error() is None]
            if not messages:
                continue
            self._newest = time.monotonic()
            self.total += len(messages)
            for partition in {int(message.partition() or 0) for message in messages if message.topic() != self._dead}:
                self._arrivals[partition].append(self._newest)

    def wait_until_more(self, since: float, timeout: float = DEADLINE) -> float:
        """Waits until something becomes visible after a time on the monotonic clock; seconds from then to that."""
        wait_for(lambda: self._newest > since, "an output becomes visible", timeout)
        return (
            min(moment for times in [*self._arrivals.values(), [self._newest]] for moment in times if moment > since)
            - since
        )

    def longest_pause(self, partition: int, begin: float, end: float) -> float:
        """The longest time within a window in which nothing of an input partition became visible, in seconds."""
        inside = [moment for moment in self._arrivals[partition] if begin < moment < end]
        marks = [begin, *inside, end]
        return max(after - before for before, after in itertools.pairwise(marks))
