"""Batches of Flink's source, handed to the detector's handler."""

from collections.abc import Callable, Collection, Sequence

import pytest
from confluent_kafka import Message

from services.detector_flink.batch_evaluator import BatchEvaluator, BatchOffsets, OrderError, message_of
from services.detector_flink.output_rows import OutputRows
from services.errors import PoisonError, Unavailable
from services.streaming.poison_search import PoisonRecords
from services.streaming.positions import Partition, RecordPosition, position_of
from services.streaming.sink import Sink


class Handler:
    """Passes values on; notes what it is asked for."""

    def __init__(self, reader: BatchOffsets, fails: Callable[[bytes], Exception | None]) -> None:
        self.reader = reader
        self.fails = fails
        self.restored: dict[Partition, int | None] = {}
        self.calls: list[str] = []
        self.writes_state: set[int] = set()
        self._new: list[Partition] = []

    def assigned(self, partitions: Sequence[Partition]) -> None:
        self._new += partitions

    def is_restored(self) -> bool:
        return not self._new

    def restore(self, _seconds: float, *, between_transactions: bool) -> None:
        assert between_transactions
        partition = self._new.pop()
        self.restored[partition] = self.reader.committed([partition])[partition].offset

    def handle(self, messages: Sequence[Message], sink: Sink) -> int:
        assert not self._new
        for message in messages:
            value = message.value() or b""
            sink.send("out", value, message.key(), timestamp=1)
            if error := self.fails(value):
                raise error
        return len(messages)

    def search_inside(self, _position: RecordPosition) -> bool:
        return False

    def dead_lettered(self, _partition: Partition, offset: int) -> None:
        self.calls.append(f"dead {offset}")

    def write_state(self, sink: Sink, offsets: dict[Partition, int]) -> None:
        for (topic, number), offset in offsets.items():
            if offset in self.writes_state:
                sink.send("state", b"entries", topic.encode(), partition=number, timestamp=1)

    def offset_metadata(self, partition: Partition) -> str:
        return f"point of {partition[0]}-{partition[1]}"

    def committed(self) -> None:
        self.calls.append("committed")

    def aborted(self) -> None:
        self.calls.append("aborted")


def evaluator(fails: Callable[[bytes], Exception | None] = lambda _: None) -> tuple[BatchEvaluator, Handler]:
    reader, output = BatchOffsets(_no_consumer, lambda *_: ""), OutputRows(lambda _: 4)
    handler = Handler(reader, fails)
    sink = Sink(output, "dead", 1_000_000, handler.dead_lettered)  # type: ignore[arg-type]
    return BatchEvaluator(handler, reader, output, sink), handler  # type: ignore[arg-type]


def _no_consumer() -> None:
    raise AssertionError("nothing is read here")


def records(*offsets: int, topic: str = "in", partition: int = 0) -> list[Message]:
    return [message_of(topic, partition, offset, 5, b"k", b"%d" % offset, None, None) for offset in offsets]


def written(rows: Collection[Sequence[bytes | None]]) -> list[tuple[bytes | None, bytes | None]]:
    return [(row[0], row[2]) for row in rows]


def test_windows_are_restored_up_to_the_first_offset_of_a_partition() -> None:
    one, handler = evaluator()
    one.evaluate(records(7, 8) + records(3, partition=1) + records(0, topic="stage"))
    assert handler.restored == {("in", 0): 7, ("in", 1): 3, ("stage", 0): 0}
    handler.restored.clear()
    one.evaluate(records(9, 12))  # a transaction's marker has an offset, too
    assert handler.restored == {}


def test_each_batch_is_committed_and_its_rows_come_back_in_order() -> None:
    one, handler = evaluator()
    assert written(one.evaluate(records(1, 2, 3))) == [(b"out", b"1"), (b"out", b"2"), (b"out", b"3")]
    assert handler.calls == ["committed"]
    assert written(one.evaluate(records(4))) == [(b"out", b"4")]


def test_a_record_of_state_has_its_restore_point() -> None:
    one, handler = evaluator()
    handler.writes_state = {4, 8}
    rows = one.evaluate(records(1, 2, 3) + records(7, partition=2) + records(9, partition=3))
    assert written(rows)[-2:] == [(b"state", b"entries")] * 2
    assert [row[4:] for row in rows[-2:]] == [
        [b"restore.point", b"point of in-0"],
        [b"restore.point", b"point of in-2"],
    ]
    assert all(row[4:] == [] for row in rows[:-2])


def test_a_record_that_was_evaluated_before_is_an_error() -> None:
    one, _ = evaluator()
    one.evaluate(records(5, 6))
    with pytest.raises(OrderError, match="in-0: offset 6 came after 6"):
        one.evaluate(records(6))


def test_a_poison_record_is_a_dead_letter_and_all_others_are_evaluated() -> None:
    poison = PoisonRecords({("in", 0, 2): PoisonError("bad")})
    one, handler = evaluator(lambda value: poison if value == b"2" else None)
    rows = written(one.evaluate(records(1, 2, 3)))
    assert sorted(rows, key=str) == [(b"dead", b"2"), (b"out", b"1"), (b"out", b"3")]
    assert handler.calls == ["aborted", "dead 2", "committed"]


def test_a_record_that_fails_for_an_unforeseen_reason_is_a_dead_letter() -> None:
    one, handler = evaluator(lambda value: ZeroDivisionError("why") if value == b"2" else None)
    rows = one.evaluate(records(1, 2, 3))
    assert written(rows) == [(b"out", b"1"), (b"dead", b"2"), (b"out", b"3")]
    assert b"ZeroDivisionError: why" in b" ".join(part or b"" for part in rows[1])
    assert handler.calls == ["aborted", "committed", "aborted", "dead 2", "committed", "committed"]


def test_a_registry_that_does_not_answer_ends_the_attempt_of_the_job() -> None:
    one, handler = evaluator(lambda _: Unavailable("registry"))
    with pytest.raises(Unavailable):
        one.evaluate(records(1))
    assert "committed" not in handler.calls


def test_a_message_is_the_record_of_the_source() -> None:
    message = message_of("in", 3, 7, 1234, None, b"value", ["a", "b"], [b"1", None])
    assert position_of(message) == ("in", 3, 7)
    assert (message.key(), message.value(), message.timestamp()[1]) == (None, b"value", 1234)
    assert message.headers() == [("a", b"1"), ("b", None)]
    assert message_of("in", 0, 0, 0, b"", None, [], []).headers() is None
