"""Latency: from the scheduled time of a transaction until an independent reader has it, read committed.

The generator stamps each transaction with the time at which it was scheduled, so that a delay of the generator itself,
of the broker or of the detector counts in full: leaving it out is the error known as coordinated omission.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer, TopicPartition

from benchmarks.contenders import Contender, ContenderFailed
from benchmarks.isolated_topics import READER, TIMEOUT, IsolatedTopics
from benchmarks.measured_process import MeasuredProcess
from benchmarks.throughput import wait_until_ready
from services.contracts import ColumnDecoder, load_contracts
from tools.harness.latency_histogram import LatencyHistogram
from tools.local_cluster import Cluster

# Transactions of the first seconds are not measured: caches fill, just-in-time compilers warm up.
WARM_SECONDS = 3


@dataclass(frozen=True)
class Latency:
    """Percentiles in milliseconds."""

    p50: float
    p99: float
    p999: float


def measure_latency(
    cluster: Cluster, directory: Path, contender: Contender, command: list[str], *, rate: int, seconds: int
) -> Latency:
    """One run at a steady rate.

    Args:
        cluster: The cluster.
        directory: Takes logs.
        contender: The contender to measure.
        command: The command that starts it.
        rate: Transactions a second.
        seconds: Duration of the measurement.

    Raises:
        ContenderFailed: It ended, or the outputs did not come.
    """
    topics = IsolatedTopics(cluster, directory)
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap_servers, **READER})
    consumer.assign([TopicPartition(topic, number, 0) for topic in topics.outputs for number in range(4)])
    feeder = "services.generator" if contender.form == "avro" else "benchmarks.feeder"
    pace = {"TRANSACTIONS_PER_SECOND": str(rate), "MAX_TRANSACTIONS": str(rate * seconds), "ACCOUNTS": str(10 * rate)}
    with ExitStack() as stack:
        log = directory / f"{contender.name}-latency.log"
        detector = stack.enter_context(MeasuredProcess(command, {**topics.environment, **contender.environment}, log))
        wait_until_ready(topics, [detector])
        log = directory / f"{contender.name}-latency-generator.log"
        generator = stack.enter_context(MeasuredProcess([sys.executable, "-m", feeder], topics.environment | pace, log))
        latency = _observe(consumer, _decoder(contender), rate * seconds, [detector, generator])
    consumer.close()
    topics.remove()
    return latency


def _observe(
    consumer: Consumer,
    created_ms: Callable[[Sequence[bytes]], npt.NDArray[np.int64]],
    count: int,
    processes: Sequence[MeasuredProcess],
) -> Latency:
    histogram, seen, began_ms = LatencyHistogram(), 0, 0
    deadline = time.monotonic() + TIMEOUT
    while seen < count:
        first = consumer.consume(1, 0.5)
        messages = [*first, *consumer.consume(10_000, 0)] if first else []
        now_ms = time.time_ns() // 1_000_000
        values = [value for message in messages if message.error() is None and (value := message.value())]
        if not values:
            for process in processes:
                process.require_no_failure()
            if time.monotonic() > deadline:
                raise ContenderFailed(f"only {seen} of {count} transactions came out")
            continue
        created = created_ms(values)
        began_ms = began_ms or int(created.min())
        seen += len(values)
        histogram.add(now_ms - created[created >= began_ms + WARM_SECONDS * 1000])
        deadline = time.monotonic() + TIMEOUT
    return Latency(*(float(histogram.percentile(percent) or 0) for percent in (50, 99, 99.9)))


def _decoder(contender: Contender) -> Callable[[Sequence[bytes]], npt.NDArray[np.int64]]:
    if contender.form == "json":
        return lambda values: np.array([json.loads(value)["created_at"] for value in values])
    schema = load_contracts().topic("queueing.transactions").required_schema.json
    columns = ColumnDecoder(schema, schema, ["created_at"])
    return lambda values: columns.decode(values).columns["created_at"]
