"""Eviction from windows, and the memory that they take."""

import gc

import numpy as np

from services.rules.model import Measure
from tests.support.window_rules import HOUR, aggregation, rows, rule, state_of


def test_the_oldest_entry_is_looked_for_among_few_of_many_keys() -> None:
    inactivity = rule(aggregation(Measure.INACTIVITY, over_ms=72 * HOUR))
    state = state_of(inactivity)
    for time in range(20_000):
        state.add(rows([time], source=b"%d" % time), 1)
    state.commit()
    (store,) = state._stores.values()
    assert len(list(store.oldest())) <= 1000
    assert state.oldest_ms == 0


def test_entries_and_their_keys_are_evicted_at_the_commit() -> None:
    count = rule(aggregation(Measure.COUNT, over_ms=1000))
    state = state_of(count)
    for time in range(0, 100_000, 10):
        state.add(rows([time], source=b"%d" % (time % 700)), 1)
        state.commit()
    assert 100 <= state.entries <= 110
    assert state.oldest_ms is not None
    assert 99_990 - 1000 - 1000 // 16 <= state.oldest_ms <= 99_990 - 990
    state.add(rows([10**9]), 1)
    assert state.entries > 100  # nothing goes before it is known that the row stays
    state.commit()
    assert state.entries == 1


def test_inactivity_keeps_one_entry_for_each_key() -> None:
    pause = rule(aggregation(Measure.INACTIVITY, over_ms=1000 * HOUR, at_least=500))
    state = state_of(pause, lateness_ms=1000)
    for time in range(0, 100_000, 100):
        state.add(rows([time, time], source=b"%d" % (time % 500)), 2)
        state.commit()
    assert state.entries <= 2 * 5 + 2 * 2 * 10  # the settled ones, and those of two latenesses
    (match,) = state.evaluate(rows([100_400], source=b"0"), 1, [pause]).matches
    assert match.aggregates == {"inactivity": 900}
    state.add(rows([102_500], source=b"other"), 1)
    state.commit()
    assert (
        state.entries == 2 * 4 + 1 + 1
    )  # four accounts with two at the same time, the one that was evaluated, the other


def test_a_row_dated_years_ahead_empties_no_window_with_a_clock() -> None:
    count = rule(aggregation(Measure.COUNT, at_least=1))
    state = state_of(count)
    times = [0, 10**13, 1, 2]
    evaluation = state.evaluate(rows(times), 4, [count], clock=np.array([0, 0, 1, 2]))
    state.commit()
    assert [match.aggregates["count"] for match in evaluation.matches] == [1, 1, 2, 3]
    assert (state.watermark_ms, evaluation.late) == (2, 0)
    state.add(rows([10 * HOUR], source=b"bob"), 1)
    state.commit()
    assert state.entries == 2  # bob's, and the one from the future


def test_an_entry_from_the_future_keeps_no_older_ones_of_its_key() -> None:
    count = rule(aggregation(Measure.COUNT, over_ms=1000))
    state = state_of(count)
    for time in range(0, 100_000, 10):
        state.add(rows([10**13 if time == 0 else time]), 1, clock=np.array([time]))
        state.commit()
    assert 100 <= state.entries <= 100 * 5 // 4 + 10


def test_the_estimate_of_memory_grows_with_the_entries() -> None:
    count = rule(aggregation(Measure.COUNT))
    state = state_of(count)
    for first in range(0, 20_000, 1000):
        state.add(rows(range(1000), first=first), 1000)
        state.commit()
    assert 50 < state.bytes / state.entries < 75  # each entry has 15 bytes and an id, an object around it, and a place


def test_a_batch_is_freed_at_the_commit_without_garbage_collection() -> None:
    every = rule(
        aggregation(Measure.COUNT), aggregation(Measure.SUM, "amount"), aggregation(Measure.INACTIVITY, at_least=1)
    )
    state = state_of(every)
    gc.collect()
    gc.disable()
    try:
        for first in range(3):
            state.evaluate(rows([first, first]), 2, [every])
            state.commit()
        assert gc.collect() == 0
    finally:
        gc.enable()
