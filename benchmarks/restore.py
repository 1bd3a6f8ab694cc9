"""Time from the assignment to the first verdict after a detector was killed, with the history of the default rules.

The topics hold what the windows of the five default rules keep at a rate: round amounts of the last 24 hours, amounts
just under the limit of the last two, small ones of the last minute, a payment of each account. The other transactions
of that time leave nothing in a window, so they are left out.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.window_traffic import RULES, uuids
from services.contracts import ColumnEncoder
from services.errors import Unavailable
from services.streaming.clients import PARTITIONER
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for
from tools.local_cluster import ephemeral
from tools.topics.consumer_group import ConsumerGroup

ACCOUNTS = 10_000
CHUNK = 200_000
LONG = 4 * 3600.0
# Share of all transactions, the seconds that they are kept for, and their amounts in cents.
KEPT = (
    (10 / 99_901, 86_400, range(10_000, 100_001, 10_000)),
    (5_000 / 99_901, 7_200, range(85_000, 90_000)),
    (19_900 / 99_901, 60, range(100, 20_000)),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure at one rate; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restore", description=__doc__)
    parser.add_argument("--rate", type=int, default=1_000, help="transactions a second of the history")
    parser.add_argument(
        "--state", choices=("topic", "off"), default="topic", help="restore from the state topic, or not"
    )
    options = parser.parse_args(argv)
    with ephemeral() as cluster, tempfile.TemporaryDirectory() as scratch:
        pipeline = Pipeline(cluster, Path(scratch))
        settings = {"RULES_FILE": str(RULES), "INSTANCE_ID": "measured"}
        settings |= {"STATE_TOPIC": "off"} if options.state == "off" else {}
        now = int(time.time() * 1000)
        with pipeline.start("detector", **settings) as detector:
            rows = _write(pipeline, _history(options.rate, now))
            _say(f"{rows:,} transactions written")
            _wait_for_verdicts(pipeline, detector)
            time.sleep(1.2)  # what was evaluated last is written with the next transaction
            rows += _write(pipeline, _recent(1_000, int(time.time() * 1000)))
            _wait_for_verdicts(pipeline, detector)
            _say(f"killing a detector of {_resident_mb(detector):,.0f} MB")
            detector.kill()
        _write(pipeline, _recent(1_000, int(time.time() * 1000)))
        with pipeline.start("detector", **settings) as detector:
            first = _wait_for_first(pipeline, detector)
            _wait_for_verdicts(pipeline, detector)
            _report(detector, first, rows)
            detector.stop()
    return 0


def _history(rate: int, now: int) -> Iterator[dict[str, Any]]:
    """Yield rows in the order of their event times."""
    random = np.random.default_rng(1)
    yield _columns(random, np.arange(ACCOUNTS), np.full(ACCOUNTS, now - 90_000_000), np.full(ACCOUNTS, 50_001))
    times: list[Any] = []
    amounts: list[Any] = []
    for share, seconds, kept in KEPT:
        count = int(rate * share * seconds)
        times.append(now - (random.random(count) * (seconds - 1) * 1000).astype(np.int64))
        amounts.append(random.choice(kept, count))
    all_times, all_amounts = np.concatenate(times), np.concatenate(amounts)
    order = np.argsort(all_times)
    for begin in range(0, len(order), CHUNK):
        rows = order[begin : begin + CHUNK]
        yield _columns(random, random.integers(0, ACCOUNTS, len(rows)), all_times[rows], all_amounts[rows])


def _recent(count: int, now: int) -> Iterator[dict[str, Any]]:
    random = np.random.default_rng(now)
    yield _columns(
        random, random.integers(0, ACCOUNTS, count), np.full(count, now), random.integers(20_000, 80_000, count)
    )


def _columns(random: np.random.Generator, sources: Any, times: Any, amounts: Any) -> dict[str, Any]:
    accounts = np.array([b"account%05d" % number for number in range(ACCOUNTS)])
    return {
        "id": uuids(random, len(sources)),
        "source": accounts[sources],
        "target": accounts[random.integers(0, ACCOUNTS, len(sources))],
        "amount": amounts,
        "currency": np.full(len(sources), b"EUR"),
        "created_at": times,
    }


def _write(pipeline: Pipeline, chunks: Iterator[dict[str, Any]]) -> int:
    producer = Producer({
        "bootstrap.servers": pipeline.cluster.bootstrap_servers, "linger.ms": 20, "batch.size": 1_000_000,
        "queue.buffering.max.messages": 1_000_000, "partitioner": PARTITIONER, "delivery.report.only.error": True,
    })  # fmt: skip
    written, encoder = 0, None
    for columns in chunks:
        encoder = encoder or ColumnEncoder(pipeline.contracts.topic(pipeline.input).required_schema.json, list(columns))
        values = encoder.encode(columns, pipeline.schema_id)
        for value, key in zip(values, columns["target"].tolist(), strict=True):
            producer.produce(pipeline.input, value, key)
        producer.flush(60)
        written += len(values)
    return written


def _wait_for_verdicts(pipeline: Pipeline, detector: Service) -> None:
    """Wait until the group has committed all of its input; the markers of transactions count as messages."""
    observed = Consumer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": pipeline.group,
                         "isolation.level": "read_uncommitted"})  # fmt: skip
    group = ConsumerGroup(pipeline.admin, pipeline.group, observed)
    partitions = group.partitions((pipeline.input, pipeline.by_source))

    def is_done() -> bool:
        detector.require_alive()
        with suppress(Unavailable):
            return group.lag(group.ends(partitions)) <= 2 * len(partitions)
        return False

    wait_for(is_done, "all verdicts", LONG, pause=0.5)


def _wait_for_first(pipeline: Pipeline, detector: Service) -> float:
    """Return when the restarted detector's first verdict was visible."""
    reader = Consumer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": "first",
                       "isolation.level": "read_committed", "fetch.wait.max.ms": 10})  # fmt: skip
    topics = [TopicPartition(topic, number) for topic in (pipeline.legit, pipeline.fraud) for number in range(4)]
    for topic in topics:
        topic.offset = reader.get_watermark_offsets(topic, 10)[1]
    reader.assign(topics)
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        if reader.consume(1, 0.2):
            return time.time()
        detector.require_alive()
    raise TimeoutError("no verdict")


def _report(detector: Service, first: float, rows: int) -> None:
    assigned = datetime.fromisoformat(detector.wait_for("rebalance", change="assigned")["timestamp"]).timestamp()
    started = datetime.fromisoformat(detector.lines[0]["timestamp"]).timestamp()
    for event in (*detector.events("state restored"), *detector.events("windows restored")):
        _say(
            " ".join(
                f"{name}={event[name]}"
                for name in ("event", "topic", "partition", "entries", "seconds")
                if name in event
            )
        )
    _say(f"{rows:,} transactions of history: first verdict {first - assigned:.1f} s after the assignment, "
         f"{first - started:.1f} s after the start; {_resident_mb(detector):,.0f} MB")  # fmt: skip


def _resident_mb(detector: Service) -> float:
    return float(psutil.Process(detector.process.pid).memory_info().rss / 1e6)


def _say(line: str) -> None:
    print(f"restore: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
