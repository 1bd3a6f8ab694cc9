"""The search inside a batch: only the rows that fail become dead letters, whatever they fail by."""

from typing import Any

import numpy as np
import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from services.detection.incoming import BatchRows
from services.detection.row_search import MAX_ATTEMPTS, RowSearch
from services.errors import PoisonError, Unavailable
from services.streaming.poison_search import PoisonRecords, UnprocessableError

RECORD = ("by-source", 3, 17)


def rows(count: int) -> BatchRows:
    return BatchRows(
        topic=RECORD[0], values=[b"%d" % row for row in range(count)], key_parts=[[None] * count],
        headers=[None] * count, timestamps=np.zeros(count, np.int64), partitions=np.full(count, RECORD[1]),
        offsets=np.full(count, RECORD[2]), rows=np.arange(count), evaluated=[("v1", count)], earlier={},
    )  # fmt: skip


class FakeSink:
    """Refuses what has some values, when it is confirmed."""

    def __init__(self, refused: set[bytes] = frozenset(), refused_letters: int = 0) -> None:  # type: ignore[assignment]
        self.refused, self.refused_letters = refused, refused_letters
        self.written: list[bytes] = []
        self.unconfirmed: list[bytes] = []
        self.letters: list[tuple[int | None, str, bool]] = []
        self.error: KafkaException | None = None

    def write(self, value: bytes) -> None:
        self.unconfirmed.append(value)

    def write_dead_letter_of(self, original: Any, error: PoisonError, *, without_content: bool = False) -> None:
        self.letters.append((original.row, str(error), without_content))
        if self.refused_letters:
            self.refused_letters -= 1
            self.error = KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "letter"))

    def confirm(self) -> None:
        if self.refused.intersection(self.unconfirmed):
            self.error = KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "refused"))
        self.written += self.unconfirmed
        self.unconfirmed = []
        if self.error:
            raise self.error

    def cause_of(self, error: Exception) -> Exception:
        try:
            self.confirm()
        except KafkaException as cause:
            return cause
        return error


def run(count: int, poison: set[int], refused: set[int], refused_letters: int = 0) -> tuple[FakeSink, int]:
    """Handle a batch as the loop does it, until it is committed; return the last sink and the number of attempts."""
    search, left = RowSearch(), refused_letters
    search.handled(RECORD, count)
    assert search.begin(RECORD)
    for attempt in range(1, 10_000):
        sink: Any = FakeSink({b"%d" % row for row in refused}, left)

        def handle(part: BatchRows, sink: FakeSink = sink) -> None:
            for value in part.values:
                if int(value or b"") in poison:
                    raise RuntimeError("unforeseen")
                sink.write(value or b"")

        try:
            search.handled(RECORD, count)
            search.handle(RECORD, rows(count), sink, handle)
        except PoisonRecords:
            search.aborted()
            left = sink.refused_letters
        else:
            search.committed()
            assert not search.active
            return sink, attempt
    raise AssertionError("no end")


@given(st.integers(1, 400), st.sets(st.integers(0, 399), max_size=3), st.sets(st.integers(0, 399), max_size=2))
def test_each_row_that_fails_is_a_dead_letter_and_no_other(count: int, poison: set[int], refused: set[int]) -> None:
    sink, attempts = run(count, poison, refused)
    bad = {row for row in poison | refused if row < count}
    assert sink.written + sink.unconfirmed == [b"%d" % row for row in range(count) if row not in bad]
    assert [row for row, _, _ in sink.letters] == sorted(bad)
    assert all(("MSG_SIZE_TOO_LARGE" in error) != (row in poison) for row, error, _ in sink.letters)
    assert attempts <= 1 + 3 * len(bad)


def test_a_dead_letter_that_is_refused_is_written_without_content() -> None:
    sink, _ = run(5, {3}, set(), refused_letters=1)
    assert [(row, without) for row, _, without in sink.letters] == [(3, True)]


def test_a_failure_of_the_machine_or_the_cluster_is_no_rows_fault() -> None:
    search: RowSearch = RowSearch()
    search.handled(RECORD, 5)
    search.begin(RECORD)
    fenced = KafkaException(KafkaError(KafkaError._FENCED, "fenced"))
    for failure in (Unavailable("away"), MemoryError(), fenced):

        def fail(_part: BatchRows, failure: BaseException = failure) -> None:
            raise failure

        sink: Any = FakeSink()
        with pytest.raises(type(failure)):
            search.handle(RECORD, rows(5), sink, fail)
    assert search.active


def test_a_record_of_its_own_and_a_batch_that_fails_as_a_whole_are_not_searched() -> None:
    search = RowSearch()
    assert not search.begin(RECORD)
    search.handled(RECORD, 5)
    assert [search.begin(RECORD) for _ in range(MAX_ATTEMPTS + 1)] == [True] * MAX_ATTEMPTS + [False]
    assert not search.active


def test_rows_that_are_named_are_dead_letters_until_the_partition_is_revoked() -> None:
    search, error = RowSearch(), UnprocessableError("named")
    search.mark({(*RECORD, 1): error})
    sink: Any = FakeSink()
    handled: list[Any] = []
    search.handle(RECORD, rows(3), sink, lambda part: handled.extend(part.values))
    assert (handled, sink.letters) == ([b"0", b"2"], [(1, "named", False)])
    search.revoked([("by-source", 2)])
    assert search.active
    search.revoked([RECORD[:2]])
    assert not search.active
