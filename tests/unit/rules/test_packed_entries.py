"""Entries that stay packed after a restore: the windows evaluate as if they were objects."""

import random
from typing import Any

import numpy as np
import pytest

from services.rules.model import Measure, Window
from services.rules.windows import EncodedEntries, StateBuilder, TextColumn, WindowState, changes
from services.rules.windows.entries import bound
from services.rules.windows.packed_entries import PackedEntries, pack
from tests.support.random_windows import LATENESS, WINDOWS, aggregations, batch

START = 1_700_000_000_000
PACKABLE = (
    *WINDOWS,
    Window(Measure.MAX, "amount", ("target",), 50_000),
    Window(Measure.AVERAGE, "amount", ("target", "source"), 20_000),
    Window(Measure.DISTINCT, "source", ("target",), 90_000, ),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _pack_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PACK_FROM", 0)


def filled(chance: random.Random, batches: int) -> tuple[WindowState, int]:
    state = WindowState(lateness_ms=LATENESS)
    state.require(aggregations(PACKABLE))
    state.record()
    now = START
    for _ in range(batches):
        now += chance.choice((0, 500, 3_000, 9_000))
        state.add(*batch(chance, now))
        state.commit(written=True)
    return state, now


def restored(state: WindowState, *, twice: bool = False) -> WindowState:
    """Return a state of all entries of another."""
    walk, builder = state.walk(), StateBuilder()
    while not walk.ends_at(walk.cursor):
        parts, walk.cursor = state.slice(walk, 17)
        for part in parts * (1 + twice):
            builder.add(part.encoded())
    return WindowState.of_entries(state.head, builder, aggregations(PACKABLE), lateness_ms=LATENESS, contributors=100)


@pytest.mark.parametrize("seed", range(40))
def test_packed_windows_evaluate_as_others_do(seed: int) -> None:
    chance = random.Random(seed)
    state, now = filled(chance, chance.randrange(1, 40))
    packed = restored(state, twice=seed % 2 == 1)
    assert all(store.packed for store in packed._stores.values()), "nothing is packed, so nothing is tested"
    for _ in range(chance.randrange(1, 40)):
        now += chance.choice((0, 500, 5_000, 30_000))
        columns, rows = batch(chance, now)
        chosen = chance.sample(aggregations(PACKABLE), 4)
        expected, actual = (each.evaluate(columns, rows, (), aggregations=chosen) for each in (state, packed))
        assert actual == expected
        for each in (state, packed):
            if now % 3:
                each.commit(written=True)
            else:
                each.rollback()
    assert packed.dump() == state.dump()


@pytest.mark.parametrize("seed", range(10))
def test_a_walk_passes_packed_entries_even_if_they_are_unpacked_meanwhile(seed: int) -> None:
    chance = random.Random(seed)
    state, now = filled(chance, 30)
    packed, builder = restored(state), StateBuilder()
    walk, ended = packed.walk(), False
    while not ended:
        rows = batch(chance, now)
        state.add(*rows)
        packed.add(*rows)
        parts, cursor = packed.slice(walk, chance.randrange(1, 60))
        for part in (*parts, *packed.unwritten()):
            builder.add(part.encoded())
        state.commit()
        packed.commit(written=True)
        walk.cursor, ended = cursor, walk.ends_at(cursor)
    again = WindowState.of_entries(packed.head, builder, aggregations(PACKABLE), lateness_ms=LATENESS, contributors=100)
    assert again.dump() == packed.dump() == state.dump()


def test_packed_entries_are_counted_and_dropped_when_they_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    state, now = filled(random.Random(1), 30)
    packed = restored(state, twice=True)
    monkeypatch.setattr(changes, "PACK_FROM", 10**9)
    unpacked = restored(state, twice=True)
    assert packed.entries == unpacked.entries
    assert packed.dump() == unpacked.dump()
    assert packed.entries == unpacked.entries
    monkeypatch.setattr(changes, "PACK_FROM", 0)
    packed = restored(state, twice=True)
    assert packed.oldest_ms is not None
    assert packed.oldest_ms >= now - 200_000
    assert packed.bytes > 0
    columns, rows = batch(random.Random(2), now + 10**6)
    packed.add(columns, rows)
    packed.commit()
    assert not any(store.packed for store in packed._stores.values())
    assert packed.entries <= rows * len(PACKABLE)


def entries_at(times: list[int], keys: list[Any]) -> EncodedEntries:
    entries = [
        bound(time) + (number + 1).to_bytes(6, "big") + bytes([0]) + b"id%d" % number
        for number, time in enumerate(times)
    ]  # fmt: skip
    return EncodedEntries.of(WINDOWS[0], keys, entries)


def test_packing_keeps_what_is_in_the_window_and_each_entry_once() -> None:
    times, keys = [START + n // 7 for n in range(1_000)], [b"k%d" % (n % 90) for n in range(1_000)]
    part = entries_at(times, keys)
    packed = pack([part, part, EncodedEntries.of(WINDOWS[0], keys[:9], part.entries[:9])], bound(START + 50))
    assert packed.entries == sum(time >= START + 50 for time in times)
    unpacked = packed.unpack([b"k5", b"k6", b"other"])
    expected = {
        key: [entry for entry, own in zip(part.entries, keys, strict=True) if own == key and entry >= bound(START + 50)]
        for key in (b"k5", b"k6")
    }
    assert unpacked == expected
    assert packed.unpack([b"k5"]) == {}
    rest = packed.unpack_all()
    assert sum(map(len, (*rest.values(), *unpacked.values()))) == sum(time >= START + 50 for time in times)
    assert not packed


def test_nothing_is_packed_of_expired_entries() -> None:
    assert not pack([entries_at([START], [b"k"])], bound(START + 1))
    assert PackedEntries().unpack([b"k"]) == {}


@pytest.mark.parametrize("values", [[], [b""], [b"", b""], [b"ab", b"cd"], [b"a", b"", b"abc\0", b"\0"]])
def test_texts_come_back_from_a_column_and_its_rows(values: list[bytes]) -> None:
    column = TextColumn.of(values)
    assert column.values() == values
    assert (len(column), column.width) == (len(values), max(map(len, values), default=0))
    assert [bytes(row) for row in column.rows()] == [value.ljust(column.width, b"\0") for value in values]
    assert column.each_length().tolist() == [len(value) for value in values]


@pytest.mark.parametrize(("count", "lengths"), [(2, [3]), (3, [1, 2]), (2, [1, 2]), (0, [4])])
def test_lengths_of_other_texts_are_refused(count: int, lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="lengths|expected"):
        TextColumn(count, np.array(lengths, "<u4"), b"abcd")
