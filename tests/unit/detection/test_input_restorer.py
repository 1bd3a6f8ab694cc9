"""Restoring windows from a reader in memory: a little at a time, through failures, losses and other rules."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from confluent_kafka import KafkaError, KafkaException

from services.detection import input_restorer
from services.detection.incoming import Records
from services.errors import Unavailable
from services.rules.model import Rule
from services.rules.state_requirements import requirements_of
from services.streaming.partition_reader import CommittedOffset
from services.streaming.restore_point import RestorePoint, Skipped
from tests.support.restoring import COUNT, NOW, A, B, Reader, Record, Restoring, both, committed, rules

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def without_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client's messages alone have headers that can be read."""
    monkeypatch.setattr(
        input_restorer, "read_records", lambda messages: (Records(messages, [None] * len(messages)), {})
    )


def test_partitions_are_restored_side_by_side_and_ready_on_their_own() -> None:
    reader = Reader({A: committed(40), B: committed(COUNT)})
    restoring = Restoring(reader)
    restoring.states.assigned([A, B])
    assert set(restoring.states.unrestored()) == {A, B}
    ready_first = []
    while not restoring.states.restore({"in": requirements_of(rules(), 60_000)}, 0, between_transactions=True):
        if set(restoring.states.unrestored()) == {B}:
            ready_first.append(A)
        restoring.restorer.restore(0.001)
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


def test_dead_letters_are_left_out_and_read_only_where_there_may_be_any() -> None:
    reader = Reader({A: committed(COUNT), B: committed(COUNT, dead_letters=False)})
    restoring = Restoring(reader, dead={A: {0, 7, 199}, B: {5}})
    restoring.states.assigned([A, B])
    restoring.finish()
    assert restoring.read_ranges == [{A: (0, COUNT)}]
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


def suppressed(restoring: Restoring, rule: Rule, seconds: list[int]) -> list[int | None]:
    """Number of suppressed matches of each of some transactions; None where one becomes no alert."""
    asking = {"id": np.array([b"%08d-0000-4000-8000-000000000000" % number for number in seconds]),
              "source": np.full(len(seconds), b"payer"), "created_at": NOW + np.array(seconds) * 1000}  # fmt: skip
    return [match.suppressed for match in restoring.states.evaluate(A, asking, asking["created_at"], [rule]).matches]


@pytest.mark.parametrize("new", [False, True])
def test_matches_are_restored_with_the_windows(new: bool) -> None:
    (plain,) = rules()
    rule = replace(plain, alert_every_ms=60_000)
    restoring = Restoring(Reader({A: committed(150)}))
    restoring.states.assigned([A])
    if new:  # the window is there already, with all transactions
        restoring.finish((plain,))
    restoring.finish((plain, rule))
    assert suppressed(restoring, rule, [150, 179, 180, 240, 241]) == [None, None, 31, 0, None]


def test_skipped_records_are_left_out_until_windows_have_passed_them() -> None:
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
def test_a_partition_assigned_again_reads_only_new_records(finished: bool) -> None:
    reader = Reader({A: committed(120)})
    restoring = Restoring(reader)
    restoring.states.assigned([A])
    if finished:
        restoring.finish()
    else:
        while not 0 < len(reader.read_offsets.get(A, [])) < 120:
            restoring.states.restore({"in": requirements_of(rules(), 60_000)}, 0, between_transactions=True)
            restoring.restorer.restore(0.0001)
    restoring.states.revoked([A], lost=True)
    assert not restoring.states.unrestored()
    reader.offsets[A] = committed(COUNT)  # another process had it meanwhile
    restoring.states.assigned([A])
    restoring.finish()
    assert reader.read_offsets[A] == list(range(COUNT))
    assert restoring.count(A) == COUNT + 1


@pytest.mark.parametrize("offset", [50, None])
def test_a_partition_assigned_again_at_an_older_offset_is_restored_anew(offset: int | None) -> None:
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
        restoring.restorer.restore(0.0001)
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


def test_a_record_that_windows_cannot_take_is_skipped_alone(monkeypatch: pytest.MonkeyPatch) -> None:
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
