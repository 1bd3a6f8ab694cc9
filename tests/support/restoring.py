"""Partitions restored from a reader in memory, which fails where a test says so."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry

from services.contracts import ColumnEncoder, Registration, Schema, load_contracts
from services.detection.input_restorer import InputRestorer
from services.detection.metrics import DetectorMetrics
from services.detection.partition_states import PartitionStates
from services.detection.schema_decoder import Output
from services.detection.schema_decoder_cache import SchemaDecoderCache
from services.rules.loading import parse_rules
from services.rules.model import Rule
from services.rules.state_requirements import requirements_of
from services.streaming.partition_reader import Chunk, CommittedOffset
from services.streaming.positions import MessagePosition, Partition
from services.streaming.progress import LoopProgress
from services.streaming.restore_point import RestorePoint

CONTRACTS = load_contracts(Path(__file__).parents[2] / "schemas" / "contracts.toml")
TRANSACTION: Schema = CONTRACTS.topic("queueing.transactions").required_schema
NOW = 1_767_225_600_000
COUNT = 200  # records of each partition, a second apart
A, B = ("in", 0), ("in", 1)
RULES = """
[rules.count]
severity = "low"
reason = "{payments}"
windows.payments = { measure = "count", by = ["source"], over = "OVER", at_least = 1 }
"""


def rules(over: str = "1h") -> tuple[Rule, ...]:
    return tuple(parse_rules(RULES.replace("OVER", over), "rules.toml", TRANSACTION, {}).rules)


@dataclass(frozen=True)
class Record:
    """The parts of a message that matter here."""

    place: tuple[str, int, int]
    content: bytes

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.place[2]

    def value(self) -> bytes:
        return self.content

    def key(self) -> None:
        return None

    def __len__(self) -> int:
        return len(self.content)

    def timestamp(self) -> tuple[int, int]:
        return 1, NOW + self.place[2] * 1000


def records(partition: Partition) -> list[Record]:
    columns = {
        "id": np.array([b"%08d-0000-4000-8000-000000000000" % number for number in range(COUNT)]),
        "source": np.full(COUNT, b"payer"), "target": np.full(COUNT, b"shop"),
        "amount": np.full(COUNT, 100), "currency": np.full(COUNT, b"EUR"),
        "created_at": NOW + np.arange(COUNT) * 1000,
    }  # fmt: skip
    values = ColumnEncoder(TRANSACTION.json, list(columns)).encode(columns, 1)
    return [Record((*partition, offset), value) for offset, value in enumerate(values)]


class OneSchema:
    """A registry that knows one schema."""

    def schema_of(self, _number: int) -> Any:
        return TRANSACTION.json

    def subjects_of(self, _number: int) -> list[str]:
        return ["out-value"]


@dataclass
class Reader:
    """Reads from lists, in chunks of 30, one partition after the other; fails where `failures` says so.

    Attributes:
        offsets: The committed offsets with their metadata.
        failures: Raised one after the other, by the reads to come, behind a chunk that was given.
        read_offsets: All offsets that were given, by partition, in order.
    """

    offsets: dict[Partition, CommittedOffset]
    failures: list[Exception | None] = field(default_factory=list)
    read_offsets: dict[Partition, list[int]] = field(default_factory=dict)
    closed: int = 0

    def __post_init__(self) -> None:
        self.logs = {A: records(A), B: records(B)}
        self._ranges: dict[Partition, list[int]] = {}

    def committed(self, partitions: Sequence[Partition]) -> dict[Partition, CommittedOffset]:
        return {partition: self.offsets[partition] for partition in partitions}

    def start(self, ranges: Mapping[Partition, tuple[int, int]]) -> None:
        self._ranges = {partition: [start, end] for partition, (start, end) in ranges.items()}

    def read(self, _timeout: float) -> Iterator[Chunk]:
        """Read as the real reader: what was consumed is gone, whether or not all chunks of it are taken."""
        chunks = []
        for partition, span in list(self._ranges.items()):
            begin, end = span
            some = self.logs[partition][begin : min(end, begin + 30)]
            span[0] += len(some)
            chunks.append(Chunk(partition, some, span[0], span[0] >= end))  # type: ignore[arg-type]
            if span[0] >= end:
                del self._ranges[partition]
        failure = self.failures.pop(0) if self.failures else None
        for number, chunk in enumerate(chunks):
            if failure and number == len(chunks) - 1:
                raise failure
            self.read_offsets.setdefault(chunk.partition, []).extend(
                message.offset() or 0 for message in chunk.messages
            )
            yield chunk

    def close(self) -> None:
        self.closed += 1
        self._ranges = {}


def committed(offset: int, **point: Any) -> CommittedOffset:
    return CommittedOffset(offset, RestorePoint(point.pop("start", 0), 3_600_000 + 60_000, **point).to_metadata())


@dataclass
class Restoring:
    """Partitions over a reader."""

    reader: Reader
    dead: dict[Partition, set[int]] = field(default_factory=dict)
    read_ranges: list[Mapping[Partition, tuple[int, int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        registry: Any = OneSchema()
        decoders = SchemaDecoderCache(registry, TRANSACTION, [Output("out", Registration("out-value", 1, 1))])
        some: Any = self.reader
        self.progress = LoopProgress()
        self.restorer = InputRestorer(some, decoders, self._dead_offsets, self.progress, {})
        self.states = PartitionStates(some, self.restorer, DetectorMetrics(CollectorRegistry()), 60_000)

    def _dead_offsets(
        self, ranges: Mapping[Partition, tuple[int, int]]
    ) -> Mapping[Partition, Collection[MessagePosition]]:
        self.read_ranges.append(ranges)
        return {partition: {(*partition, offset) for offset in self.dead.get(partition, ()) if start <= offset < end}
                for partition, (start, end) in ranges.items()}  # fmt: skip

    def restore(self, some: tuple[Rule, ...] | None = None) -> bool:
        return self.states.restore({"in": requirements_of(some or rules(), 60_000)}, 0.05, between_transactions=True)

    def finish(self, some: tuple[Rule, ...] | None = None) -> None:
        deadline = time.monotonic() + 30
        while not self.restore(some):
            assert time.monotonic() < deadline

    def count(self, partition: Partition, some: tuple[Rule, ...] | None = None) -> int:
        """Number of transactions in a window, the current one included."""
        asking = {"id": np.array([b"%08d-0000-4000-8000-000000000000" % 10**7]), "source": np.array([b"payer"]),
                  "created_at": np.array([NOW + COUNT * 1000])}  # fmt: skip
        (match,) = self.states.evaluate(partition, asking, asking["created_at"], some or rules()).matches
        self.states.rollback()
        return int(match.aggregates["payments"])  # type: ignore[arg-type]


def both(offset: int = COUNT, **point: Any) -> Reader:
    return Reader({A: committed(offset, **point), B: committed(offset, **point)})
