"""Windows restored from a reader that is none: a little at a time, through failures, losses and other rules."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import CollectorRegistry

from services.contracts import ColumnEncoder, Registration, Schema, load_contracts
from services.detector import restore
from services.detector.headers import Incoming
from services.detector.metrics import DetectorMetrics
from services.detector.partition_states import PartitionStates
from services.detector.restore import Restorer
from services.detector.schema_decoder import Output
from services.detector.schema_decoders import SchemaDecoders
from services.errors import Unavailable
from services.rules.loading import parse_rules
from services.rules.model import Rule
from services.rules.state_requirements import requirements_of
from services.streaming.partition_reader import Chunk, CommittedOffset
from services.streaming.positions import Partition
from services.streaming.progress import LoopProgress
from services.streaming.restore_point import RestorePoint, Skipped

CONTRACTS = load_contracts(Path(__file__).parents[3] / "schemas" / "contracts.toml")
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


@pytest.fixture(autouse=True)
def without_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client's messages alone have headers that can be read."""
    monkeypatch.setattr(restore, "read_headers", lambda messages: (Incoming(messages, [None] * len(messages)), {}))


def rules(over: str = "1h") -> tuple[Rule, ...]:
    return tuple(parse_rules(RULES.replace("OVER", over), "rules.toml", TRANSACTION, {}).rules)


@dataclass(frozen=True)
class Record:
    """What is looked at of a message."""

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
    """Reads from lists, in chunks of 30, one partition after the other; fails where it is told to.

    Attributes:
        offsets: What is committed, with its metadata.
        failures: Raised one after the other, by the reads to come, behind a chunk that was given.
        read_offsets: All offsets that were given, by partition, in order.
    """

    offsets: dict[Partition, CommittedOffset]
    failures: list[Exception | None] = field(default_factory=list)
    read_offsets: dict[Partition, list[int]] = field(default_factory=dict)
    closed: int = 0

    def __post_init__(self) -> None:
        self.logs = {A: records(A), B: records(B)}
        self._stretches: dict[Partition, list[int]] = {}

    def committed(self, partitions: Sequence[Partition]) -> dict[Partition, CommittedOffset]:
        return {partition: self.offsets[partition] for partition in partitions}

    def start(self, stretches: Mapping[Partition, tuple[int, int]]) -> None:
        self._stretches = {partition: [start, end] for partition, (start, end) in stretches.items()}

    def read(self, _timeout: float) -> Iterator[Chunk]:
        """As the real one: what was consumed is gone, whether or not somebody takes all chunks of it."""
        chunks = []
        for partition, stretch in list(self._stretches.items()):
            begin, end = stretch
            some = self.logs[partition][begin : min(end, begin + 30)]
            stretch[0] += len(some)
            chunks.append(Chunk(partition, some, stretch[0], stretch[0] >= end))  # type: ignore[arg-type]
            if stretch[0] >= end:
                del self._stretches[partition]
        failure = self.failures.pop(0) if self.failures else None
        for number, chunk in enumerate(chunks):
            if failure and number == len(chunks) - 1:
                raise failure
            self.read_offsets.setdefault(chunk.partition, []).extend(one.offset() or 0 for one in chunk.messages)
            yield chunk

    def close(self) -> None:
        self.closed += 1
        self._stretches = {}


def committed(offset: int, **point: Any) -> CommittedOffset:
    return CommittedOffset(offset, RestorePoint(point.pop("start", 0), 3_600_000 + 60_000, **point).to_metadata())


@dataclass
class Restoring:
    """Partitions over a reader."""

    reader: Reader
    dead: dict[Partition, set[int]] = field(default_factory=dict)
    asked: list[Mapping[Partition, tuple[int, int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        registry: Any = OneSchema()
        decoders = SchemaDecoders(registry, TRANSACTION, [Output("out", Registration("out-value", 1, 1))])
        some: Any = self.reader
        self.progress = LoopProgress()
        self.restorer = Restorer(some, decoders, self._dead_offsets, self.progress)
        self.states = PartitionStates(some, self.restorer, DetectorMetrics(CollectorRegistry()), 60_000)

    def _dead_offsets(self, ranges: Mapping[Partition, tuple[int, int]]) -> Mapping[Partition, Collection[int]]:
        self.asked.append(ranges)
        return {partition: {offset for offset in self.dead.get(partition, ()) if start <= offset < end}
                for partition, (start, end) in ranges.items()}  # fmt: skip

    def restore(self, some: tuple[Rule, ...] | None = None) -> bool:
        return self.states.restore({"in": requirements_of(some or rules(), 60_000)}, 0.05, between_transactions=True)

    def finish(self, some: tuple[Rule, ...] | None = None) -> None:
        deadline = time.monotonic() + 30
        while not self.restore(some):
            assert time.monotonic() < deadline

    def count(self, partition: Partition, some: tuple[Rule, ...] | None = None) -> int:
        """How many transactions a window holds, the one that asks included."""
        asking = {"id": np.array([b"%08d-0000-4000-8000-000000000000" % 10**7]), "source": np.array([b"payer"]),
                  "created_at": np.array([NOW + COUNT * 1000])}  # fmt: skip
        (match,) = self.states.evaluate(partition, asking, asking["created_at"], some or rules()).matches
        self.states.rollback()
        return int(match.aggregates["payments"])  # type: ignore[arg-type]


def both(offset: int = COUNT, **point: Any) -> Reader:
    return Reader({A: committed(offset, **point), B: committed(offset, **point)})


def test_partitions_are_restored_side_by_side_and_are_ready_on_their_own() -> None:
    reader = Reader({A: committed(40), B: committed(COUNT)})
    restoring = Restoring(reader)
    restoring.states.assigned([A, B])
    assert set(restoring.states.unrestored()) == {A, B}
    ready_first = []
    while not restoring.states.restore({"in": requirements_of(rules(), 60_000)}, 0, between_transactions=True):
        if set(restoring.states.unrestored()) == {B}:
            ready_first.append(A)
        restoring.restorer.work(0.001)
    assert ready_first
    assert (restoring.count(A), restoring.count(B)) == (41, COUNT + 1)
    assert reader.closed


@pytest.mark.parametrize("failure", [
    Unavailable("away"),
    KafkaException(KafkaError(KafkaError._TIMED_OUT, "who leads?")),
    RuntimeError("unforeseen"),
])  # fmt: skip
def test_a_failure_loses_nothing_and_reads_nothing_twice(failure: Exception) -> None:
    reader = both()
    reader.failures = [None, failure, None, failure]
    restoring = Restoring(reader)
    restoring.states.assigned([A, B])
    failed = 0
    for _ in range(100):
        try:
            if restoring.restore():
                break
        except type(failure):
            failed += 1
    assert failed == 2
    assert reader.read_offsets == {A: list(range(COUNT)), B: list(range(COUNT))}
    assert (restoring.count(A), restoring.count(B)) == (COUNT + 1, COUNT + 1)


def test_dead_letters_are_left_out_and_asked_for_only_where_there_may_be_some() -> None:
    reader = Reader({A: committed(COUNT), B: committed(COUNT, dead_letters=False)})
    restoring = Restoring(reader, dead={A: {0, 7, 199}, B: {5}})
    restoring.states.assigned([A, B])
    restoring.finish()
    assert restoring.asked == [{A: (0, COUNT)}]
    assert (restoring.count(A), restoring.count(B)) == (COUNT + 1 - 3, COUNT + 1)
    assert RestorePoint.from_metadata(restoring.states.offset_metadata(A)) == RestorePoint(
        0, 3_660_000, dead_letters=True
    )
    assert RestorePoint.from_metadata(restoring.states.offset_metadata(B)) == RestorePoint(
        0, 3_660_000, dead_letters=False
    )


def test_a_question_about_dead_letters_that_fails_is_asked_again() -> None:
    restoring = Restoring(both())
    answers: list[Callable[[], Any]] = [lambda: (_ for _ in ()).throw(Unavailable("away"))]
    real = restoring._dead_offsets
    restoring.restorer._dead_offsets = lambda ranges: answers.pop()() if answers else real(ranges)
    restoring.states.assigned([A])
    with pytest.raises(Unavailable):
        restoring.finish()
    restoring.finish()
    assert restoring.count(A) == COUNT + 1


def test_what_will_be_written_again_is_left_out_until_windows_have_gone_past_it() -> None:
    skipped = Skipped(before=100, from_ms=NOW + 60_000)  # offsets 60 to 99
    restoring = Restoring(both(skipped=skipped))
    restoring.states.assigned([A])
    restoring.finish()
    assert restoring.count(A) == COUNT + 1 - 40
    point = RestorePoint.from_metadata(restoring.states.offset_metadata(A))
    assert point is not None
    assert point.skipped == skipped


def test_a_restore_begins_where_windows_begin() -> None:
    reader = Reader({A: committed(COUNT, start=150)})
    restoring = Restoring(reader)
    restoring.states.assigned([A])
    restoring.finish()
    assert reader.read_offsets[A] == list(range(150, COUNT))


@pytest.mark.parametrize("finished", [True, False])
def test_a_partition_that_comes_back_reads_only_what_is_new(finished: bool) -> None:
    reader = Reader({A: committed(120)})
    restoring = Restoring(reader)
    restoring.states.assigned([A])
    if finished:
        restoring.finish()
    else:
        while not 0 < len(reader.read_offsets.get(A, [])) < 120:
            restoring.states.restore({"in": requirements_of(rules(), 60_000)}, 0, between_transactions=True)
            restoring.restorer.work(0.0001)
    restoring.states.revoked([A], lost=True)
    assert not restoring.states.unrestored()
    reader.offsets[A] = committed(COUNT)  # another process had it meanwhile
    restoring.states.assigned([A])
    restoring.finish()
    assert reader.read_offsets[A] == list(range(COUNT))
    assert restoring.count(A) == COUNT + 1


@pytest.mark.parametrize("offset", [50, None])
def test_a_partition_that_comes_back_from_before_is_restored_anew(offset: int | None) -> None:
    reader = Reader({A: committed(120)})
    restoring = Restoring(reader)
    restoring.states.assigned([A])
    restoring.finish()
    restoring.states.revoked([A], lost=True)
    reader.offsets[A] = CommittedOffset(None, "") if offset is None else committed(offset)
    restoring.states.assigned([A])
    restoring.finish()
    assert restoring.count(A) == (offset or 0) + 1


def test_a_partition_that_was_given_away_is_read_from_its_restore_point() -> None:
    reader = Reader({A: committed(COUNT)})
    restoring = Restoring(reader)
    restoring.states.assigned([A])
    restoring.finish()
    restoring.states.revoked([A], lost=False)
    restoring.states.assigned([A])
    restoring.finish()
    assert reader.read_offsets[A] == 2 * list(range(COUNT))
    assert restoring.count(A) == COUNT + 1


@pytest.mark.parametrize(("over", "expected"), [("2h", COUNT + 1), ("50s", 50)])
def test_other_rules_while_restoring_begin_anew_with_their_windows(over: str, expected: int) -> None:
    reader = both()
    restoring = Restoring(reader)
    restoring.states.assigned([A, B])
    while not reader.read_offsets:
        restoring.states.restore({"in": requirements_of(rules(), 60_000)}, 0, between_transactions=True)
        restoring.restorer.work(0.0001)
    assert restoring.states.unrestored()
    restoring.finish(rules(over))
    assert (restoring.count(A, rules(over)), restoring.count(B, rules(over))) == (expected, expected)


def test_longer_windows_of_other_rules_know_what_was_before_them() -> None:
    restoring = Restoring(both())
    restoring.states.assigned([A])
    restoring.finish(rules("50s"))
    assert restoring.count(A, rules("50s")) == 50
    together = (*rules("50s"), *rules("2h"))
    restoring.finish(together)
    assert restoring.count(A, rules("2h")) == COUNT + 1
    assert restoring.count(A, rules("50s")) == 50


def test_a_record_that_nobody_can_add_is_left_out_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = both()
    restoring = Restoring(reader)
    restoring.states.assigned([A])
    bad = reader.logs[A][77]

    def value(_self: Any) -> bytes:
        raise RuntimeError("unforeseen")

    reader.logs[A][77] = type("Bad", (Record,), {"value": value})(bad.place, bad.content)
    restoring.finish()
    assert restoring.count(A) == COUNT


def test_nothing_committed_is_nothing_to_restore() -> None:
    restoring = Restoring(Reader({A: CommittedOffset(None, "")}))
    restoring.states.assigned([A])
    assert restoring.restore()
    assert restoring.count(A) == 1
