"""The written state of a partition: cut at any point, it is made again as it was, and nothing old is needed for it."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.contracts import load_contracts
from services.detection import state_log
from services.detection.state_log import StateLog
from services.detection.state_reader import StateTask
from services.detection.state_record import InvalidStateError, StateCodec, StateRecord, decode_state
from services.rules.model import Measure, Window
from services.rules.windows import EncodedEntries, StateHead, WindowState
from services.streaming.restore_point import RestorePoint, StatePosition
from tests.support.random_windows import LATENESS, WINDOWS, aggregations, batch

SCHEMA = (
    load_contracts(Path(__file__).parents[3] / "schemas" / "contracts.toml")
    .topic("streaming.transactions.state")
    .required_schema
)
CODEC = StateCodec(SCHEMA)
DECODER = CODEC.decoder(SCHEMA.json)


class Clock:
    """Time as a test says."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(state_log, "time", clock)
    return clock  # type: ignore[return-value]


def read(topic: list[bytes], position: StatePosition) -> StateTask:
    """Read a chain from where its position says."""
    task = StateTask(("in", 0), RestorePoint(0, 0, state=position), position, LATENESS)
    for value in topic[position.start :]:
        if not task.is_done:
            task.add(decode_state(DECODER, value))
    task.end()
    return task


def loaded(task: StateTask, windows: tuple[Window, ...] = WINDOWS) -> WindowState:
    assert task.problem is None
    assert task.last is not None
    return WindowState.of_entries(
        task.last.head, task.builder, aggregations(windows), lateness_ms=LATENESS, contributors=100
    )


@pytest.mark.parametrize("seed", range(12))
def test_a_state_that_is_cut_at_any_point_is_made_again(
    seed: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    settings = {
        "SPARE_ENTRIES": (-(10**6), -(10**6), 50)[seed % 3],
        "SLICE_ENTRIES": chance.choice((5, 60)),
        "RECORD_ENTRIES": 40,
        "RECORD_BYTES": chance.choice((3_000, 10**6)),
    }
    for name, value in settings.items():
        monkeypatch.setattr(state_log, name, value)
    state = WindowState(lateness_ms=LATENESS)
    state.require(aggregations())
    state.record()
    log, now, offset = StateLog("in", LATENESS), 1_700_000_000_000, 0
    topic: list[bytes] = []
    committed: StatePosition | None = None
    starts, checked = set(), 0
    for _ in range(120):
        clock.now += chance.choice((0.1, 1.1))
        now += chance.choice((0, 300, 2_000))
        columns, rows = batch(chance, now)
        state.add(columns, rows)
        records = log.prepare(state, offset + rows, now, topic.__len__)
        if chance.random() < 0.2:  # the transaction is aborted
            state.rollback()
            log.aborted()
            continue
        topic += [CODEC.encode(record) for record in records]
        offset += rows
        assert log.is_prepared == bool(records)
        committed = log.position
        state.commit(written=log.is_prepared)
        log.committed()
        assert log.position == committed
        if not records:
            continue
        if committed is None:
            continue
        starts.add(committed.start)
        if chance.random() < 0.85:
            continue
        assert committed.next_offset == offset
        task = read(topic, committed)
        again = loaded(task)
        assert again.dump() == state.dump()
        checked += 1
        if seed % 2 and chance.random() < 0.5:  # killed, and another process goes on with it
            log, state = StateLog("in", LATENESS, committed, task.windows, task.entries), again
    assert checked
    assert len(starts) > 1 or seed % 2 or seed % 3 == 2, "the chain begins later and later"


def test_the_chain_is_bounded_by_what_windows_keep(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_log, "SPARE_ENTRIES", 100)
    chance, now, topic = random.Random(1), 1_700_000_000_000, []
    state = WindowState(lateness_ms=LATENESS)
    state.require(aggregations())
    state.record()
    log = StateLog("in", LATENESS)
    for _ in range(600):
        clock.now, now = clock.now + 2, now + 2_000
        state.add(*batch(chance, now))
        topic += [CODEC.encode(record) for record in log.prepare(state, 1, now, topic.__len__)]
        state.commit(written=True)
        log.committed()
    assert log.position is not None
    task = read(topic, log.position)
    assert task.entries < 3 * state.entries + 1_000
    assert loaded(task).dump() == state.dump()


def test_a_window_that_was_dropped_meanwhile_is_not_complete(clock: Clock) -> None:
    chance, now, topic = random.Random(1), 1_700_000_000_000, []
    state = WindowState(lateness_ms=LATENESS)
    state.require(aggregations())
    state.record()
    log = StateLog("in", LATENESS)

    def step() -> None:
        nonlocal now
        clock.now, now = clock.now + 0.1, now + 2_000
        state.add(*batch(chance, now))
        topic.extend(CODEC.encode(record) for record in log.prepare(state, 1, now, topic.__len__))
        state.commit(written=log.is_prepared)
        log.committed()

    step()
    state.retain(WINDOWS[1:])
    step()  # at once, though the last record is recent
    state.require(aggregations())  # the rule comes again; its window is filled from the topic
    assert log.position
    task = read(topic, log.position)
    assert task.windows == frozenset(WINDOWS[1:])
    assert loaded(task, WINDOWS[1:]).windows == WINDOWS[1:]


def record(sequence: int, **changes: Any) -> StateRecord:
    head = StateHead(1, 2, (("amount", False),))
    return replace(StateRecord("in", "c", sequence, 7, 1, LATENESS, head, WINDOWS[:1], []), **changes)


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([record(3), record(5)], "record 5 of chain c comes in place of 4"),
        ([record(4), record(5)], "record 4 of chain c comes in place of 3"),
        ([record(3), record(4)], "records 3 to 5 of chain c are not all there: the last is 4"),
        ([record(3, chain="other")], "records 3 to 5 of chain c are not all there: the last is none"),
        ([record(3), record(4), record(5, next_offset=6)], "it is up to offset 6; expected 7"),
        ([record(3, lateness_ms=1)], "it was kept for a lateness of 0.001 s, and ALLOWED_LATENESS is 5 s now"),
    ],
)
def test_a_chain_that_is_not_whole_is_noticed(records: list[StateRecord], problem: str) -> None:
    position = StatePosition("c", 0, 3, 5, 7)
    task = StateTask(("in", 0), RestorePoint(0, 0, state=position), position, LATENESS)
    for each in records:
        task.add(each)
    task.end()
    assert task.problem == problem


def test_records_of_another_time_or_another_chain_are_left_out() -> None:
    position = StatePosition("c", 0, 3, 5, 7)
    task = StateTask(("in", 0), RestorePoint(0, 0, state=position), position, LATENESS)
    for each in (record(2), record(3), record(9, chain="b"), record(4), record(5), record(6)):
        task.add(each)
    assert task.is_done
    assert task.problem is None
    assert task.windows == {WINDOWS[0]}


KEYS: list[list[Any]] = [
    [b"a", b"", b"\0\xff"],
    [1, -2, 3**30],
    [(b"a", b"bb"), (b"", b"c"), (b"d", b"")],
    [(b"a", 1), (b"b", 2), (b"c", 3)],
    [None, b"\xff\0", b"b"],
    [True, False, True],
    ["text", "", "ü"],
]


@pytest.mark.parametrize("keys", KEYS)
def test_keys_and_entries_come_back_as_they_were(keys: list[Any]) -> None:
    window, other = WINDOWS[0], Window(Measure.SUM, "amount", ("a", "b"), 5, "amount > 3")
    entries = [b"of 15 bytes.   ", b"of some bytes more", b"again 15 bytes."]
    whole = record(3, windows=frozenset({window, other}), entries=[
        EncodedEntries.of(window, keys, entries), EncodedEntries.of(other, keys[:1], entries[:1]),
    ])  # fmt: skip
    again = decode_state(DECODER, CODEC.encode(whole))
    parts = {part.window: part for part in again.entries}
    assert (list(parts[window].keys), list(parts[window].entries)) == (keys, entries)
    assert (list(parts[other].keys), list(parts[other].entries)) == (keys[:1], entries[:1])
    assert replace(again, entries=[]) == replace(whole, entries=[])


def test_another_format_or_torn_bytes_are_no_state() -> None:
    entries = [b"an entry of some bytes", b"an entry of 20 bytes"]
    body = CODEC.encode(record(3, entries=[EncodedEntries.of(WINDOWS[0], [b"k", b"ll"], entries)]))
    assert body[0] == 2 * 1, "the format is the first field"
    with pytest.raises(InvalidStateError, match="format 2; expected 1"):
        decode_state(DECODER, b"\4" + body[1:])
    failed = 0
    for end in range(len(body)):
        try:
            decode_state(DECODER, body[:end])
        except InvalidStateError:
            failed += 1
    assert failed == len(body)
    chance = random.Random(1)
    for _ in range(2_000):
        torn = bytearray(body)
        for _ in range(chance.randrange(1, 4)):
            torn[chance.randrange(len(torn))] = chance.randrange(256)
        try:
            decode_state(DECODER, bytes(torn))
        except InvalidStateError:
            failed += 1
    assert failed > len(body) + 500
