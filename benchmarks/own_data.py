"""A file of one's own, replayed and evaluated: is every row where it belongs, and how fast does it go?

    python -m benchmarks.own_data --rows 1000000 --seed 1

Makes CSV in the Handbook's layout, puts one of each kind of broken row among the rows, replays it into a cluster of its
own, reads the topics back with fastavro alone, and evaluates file and topics. Prints the figures as JSON; the exit code
is 1 if one count is not exact.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
from confluent_kafka import Consumer, TopicPartition

from benchmarks.handbook import write
from services.contracts import HEADER_SIZE
from tools.harness.pipeline import Pipeline
from tools.local_cluster import ephemeral

GOOD = ["0", "2018-04-01 12:00:00", "17", "4", "12.34", "0", "0", "0", "0"]


def _with(place: int, cell: str) -> bytes:
    return ",".join(cell if at == place else good for at, good in enumerate(GOOD)).encode()


BROKEN: Mapping[str, bytes] = {
    "a cell too few": b"0,2018-04-01 12:00:00,17,4,12.34,0,0,0",
    "a cell too many": b"0,2018-04-01 12:00:00,17,4,12,34,0,0,0,0",
    "another delimiter": b"0;2018-04-01 12:00:00;17;4;12.34;0;0;0;0",
    "text after a quotation mark": b'"0"0,2018-04-01 12:00:00,17,4,12.34,0,0,0,0',
    "no time": _with(1, ""),
    "a day that there is not": _with(1, "2018-02-30 12:00:00"),
    "a time that is a number": _with(1, "1522584000"),
    "a time of another form": _with(1, "01/04/2018 12:00"),
    "no payer": _with(2, ""),
    "no payee": _with(3, "  "),
    "an account that a spreadsheet cut": _with(2, "2.70319E+15"),
    "no amount": _with(4, ""),
    "a word as amount": _with(4, "twelve"),
    "an amount that is no number": _with(4, "NaN"),
    "an infinite amount": _with(4, "inf"),
    "an amount with a word": _with(4, "about 12.34"),
    "an amount with a decimal comma": _with(4, '"12,34"'),
    "too many decimals": _with(4, "12.345"),
    "a negative amount": _with(4, "-12.34"),
    "too large an amount": _with(4, "1e10"),
    "a label of another kind": _with(7, "2"),
    "a label that is none": _with(7, "maybe"),
}


@dataclass(frozen=True)
class Contents:
    """Contents of the topics.

    Attributes:
        transactions: Number of transactions.
        ids: Number of their different ids.
        amount: The sum of their amounts.
        frauds: Number of labels that say that it is fraud.
        labels: Number of labels.
        strangers: Number of labels of no transaction.
    """

    transactions: int
    ids: int
    amount: Decimal
    frauds: int
    labels: int
    strangers: int


def mixed(source: Path, target: Path, rows: int, seed: int) -> list[int]:
    """Copy the file with the broken rows at random places among the others; the lines that they are in."""
    places = sorted(np.random.default_rng(seed).choice(rows, len(BROKEN), replace=False).tolist())
    lines: list[int] = []
    with source.open("rb") as read, target.open("wb") as wrote:
        wrote.write(read.readline())
        left = iter(zip(places, BROKEN.values(), strict=True))
        place, broken = next(left)
        for row, good in enumerate(read):
            if row == place:
                wrote.write(broken + b"\n")
                lines.append(2 + row + len(lines))
                place, broken = next(left, (rows, b""))
            wrote.write(good)
    return lines


def contents(pipeline: Pipeline) -> Contents:
    """Read the topics back, without any of the code that wrote them."""
    ids = set()
    transactions, amount = 0, Decimal(0)
    for record in _records(pipeline, pipeline.input, "transaction.avsc"):
        transactions += 1
        amount += record["amount"]
        ids.add(record["id"])
    labels = [
        (label["transaction_id"] in ids, label["fraud"])
        for label in _records(pipeline, _labels(pipeline), "label.avsc")
    ]
    frauds = sum(fraud for _, fraud in labels)
    return Contents(transactions, len(ids), amount, frauds, len(labels), sum(not known for known, _ in labels))


def _records(pipeline: Pipeline, topic: str, schema: str) -> Iterator[Any]:
    named: dict[str, Any] = {}
    for file in dict.fromkeys(("transaction.avsc", schema)):  # a label may have the transaction inside
        parsed = fastavro.parse_schema(json.loads((pipeline.schemas / file).read_text()), named)
    consumer = Consumer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": "own-data"})
    partitions = [TopicPartition(topic, number, 0) for number in range(4)]
    left = sum(consumer.get_watermark_offsets(partition)[1] for partition in partitions)
    consumer.assign(partitions)
    while left:
        for message in consumer.consume(10_000, 1.0):
            value = message.value()
            if message.error() or value is None:
                raise RuntimeError(f"{topic}: {message.error() or 'a tombstone'}")
            left -= 1
            yield fastavro.schemaless_reader(BytesIO(value[HEADER_SIZE:]), parsed, None)
    consumer.close()


def _labels(pipeline: Pipeline) -> str:
    return f"{pipeline.prefix}queueing.transactions.labels"


def _run(module: str, pipeline: Pipeline, *arguments: str) -> tuple[dict[str, Any], list[str], float]:
    """The figures that a command prints, what it says on standard error, and how long it took."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments, "--json"],
        env={**os.environ, **pipeline.environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not done.stdout:
        raise RuntimeError(f"{module} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout), done.stderr.splitlines(), time.monotonic() - began


def measure(rows: int, seed: int) -> dict[str, Any]:
    """All figures; ``wrong`` names the counts that are not exact."""
    with tempfile.TemporaryDirectory(prefix="own-data-") as scratch, ephemeral() as cluster:
        directory = Path(scratch)
        frauds = write(directory / "good.csv", rows, seed)
        file = directory / "transactions.csv"
        lines = mixed(directory / "good.csv", file, rows, seed)
        cents = sum(
            int(line.split(b",", 5)[4].replace(b".", b""))
            for line in (directory / "good.csv").open("rb").readlines()[1:]
        )
        pipeline = Pipeline(cluster, directory / "pipeline")
        replay, said, seconds = _run("tools.replay", pipeline, str(file), "--profile", "handbook")
        actual = contents(pipeline)
        evaluated, _, file_seconds = _run("tools.evaluate", pipeline, "--file", str(file), "--profile", "handbook")
        from_topic, _, topic_seconds = _run(
            "tools.evaluate", pipeline, "--from-topic", pipeline.input, "--labels-topic", _labels(pipeline)
        )
    rejected = [line.removeprefix(f"{directory}/") for line in said if line.startswith(f"{file}:")]
    named = [int(line.split(":")[1]) for line in rejected]
    exact = {
        "rows sent": (replay["transactions"], rows),
        "labels sent": (replay["labels"], rows),
        "frauds sent": (replay["frauds"], frauds),
        "rows that don't fit": (replay["unfit"], len(BROKEN)),
        "lines named": (named, lines),
        "transactions, ids, amount, frauds, labels, labels of no transaction in the topics": (
            actual, Contents(rows, rows, Decimal(cents).scaleb(-2), frauds, rows, 0),
        ),
        "transactions and frauds evaluated from the file": (_total(evaluated), (rows, frauds)),
        "transactions and frauds evaluated from the topics": (_total(from_topic), (rows, frauds)),
    }  # fmt: skip
    return {
        "rows": rows,
        "frauds": frauds,
        "broken": dict(zip(BROKEN, rejected, strict=False)),
        "replay": {"rows_per_second": replay["rows_per_second"], "seconds": round(seconds, 1)},
        "evaluate": {"seconds": round(file_seconds, 1), "rows_per_second": round(rows / file_seconds)},
        "evaluate_from_topics": {"seconds": round(topic_seconds, 1), "rows_per_second": round(rows / topic_seconds)},
        "wrong": {name: f"{is_} is not {should}" for name, (is_, should) in exact.items() if is_ != should},
    }


def _total(figures: dict[str, Any]) -> tuple[int, int]:
    return figures["total"]["transactions"], figures["total"]["fraud"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Replay and evaluate a file in the Handbook's layout, and count.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    figures = measure(options.rows, options.seed)
    print(json.dumps(figures, indent=2))
    return 1 if figures["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
