"""A state that is made again from its changes and a walk is the state that was there, whatever happened meanwhile."""

import random

import pytest

from services.rules.windows import StateBuilder, WindowState
from tests.support.random_windows import LATENESS, WINDOWS, aggregations, batch


@pytest.mark.parametrize("seed", range(40))
def test_a_state_is_made_again_from_a_walk_and_what_was_added_since_it_began(seed: int) -> None:
    chance = random.Random(seed)
    state = WindowState(lateness_ms=LATENESS)
    state.require(aggregations())
    state.record()
    now = 1_700_000_000_000

    def step(*, written: bool) -> None:
        nonlocal now
        now += chance.choice((0, 500, 3_000, 20_000))
        state.add(*batch(chance, now))
        if chance.random() < 0.2:
            state.rollback()
        else:
            state.commit(written=written)

    for _ in range(chance.randrange(60)):
        step(written=True)
    walk, builder = state.walk(), StateBuilder()
    ended = False
    while not ended or chance.random() < 0.8:
        now += 700
        state.add(*batch(chance, now))
        added = state.unwritten()
        slices, cursor = state.slice(walk, chance.randrange(1, 40))
        if chance.random() < 0.3:  # the transaction is aborted: all of it will be written again
            state.rollback()
            continue
        state.commit(written=True)
        walk.cursor, ended = cursor, walk.ends_at(cursor)
        for part in chance.sample([*added, *slices], len(added) + len(slices)):
            builder.add(part.encoded())
    again = WindowState.of_entries(state.head, builder, aggregations(), lateness_ms=LATENESS, contributors=100)
    assert again.dump() == state.dump()
    assert not again.unwritten()

    for _ in range(5):  # and both go on alike
        now += chance.choice((500, 5_000))
        rows = batch(chance, now)
        for either in (state, again):
            either.add(*rows)
            either.commit()
        assert again.dump() == state.dump()
    assert [len(part.entries) for part in again.unwritten()] == [len(part.entries) for part in state.unwritten()]


def test_windows_that_are_not_recorded_have_no_changes() -> None:
    state = WindowState(lateness_ms=LATENESS)
    state.require(aggregations(WINDOWS[:1]))
    state.record()
    state.require(aggregations())
    state.add(*batch(random.Random(1), 1_700_000_000_000))
    assert {part.window for part in state.unwritten()} == state.recorded == {WINDOWS[0]}
