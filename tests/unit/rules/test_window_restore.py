"""Rollback, restore and snapshots of windows."""

from fractions import Fraction

import pytest

from services.rules.model import Aggregation, Measure, Window
from services.rules.windows import WindowState
from tests.support.window_rules import HOUR, aggregation, rows, rule, state_of
from tests.support.window_streams import AtLeast


def test_rollback_restores_the_state_of_the_last_commit() -> None:
    rules = [rule(aggregation(measure)) for measure in (Measure.COUNT, Measure.INACTIVITY)]
    rules += [rule(aggregation(measure, "amount")) for measure in (Measure.SUM, Measure.MIN)]
    state = state_of(*rules)
    state.evaluate(rows(range(100)), 100, rules)
    state.commit()
    before, entries = state.dump(), state.entries
    first = state.evaluate(rows([*range(200, 100, -1), 10**10]), 101, rules).matches
    state.rollback()
    assert (state.dump(), state.entries, state.watermark_ms) == (before, entries, 99)
    assert state.evaluate(rows([*range(200, 100, -1), 10**10]), 101, rules).matches == first


def test_new_windows_are_restored_beside_existing_ones() -> None:
    old, new = (
        rule(aggregation(Measure.COUNT, at_least=3)),
        rule(aggregation(Measure.COUNT, over_ms=2 * HOUR, at_least=3)),
    )
    state = state_of(old)
    state.add(rows([0, 1]), 2)
    missing = state.require(new.aggregations)
    state.add(rows([0, 1]), 2, only=missing)
    assert missing == [new.aggregations[0].window]
    assert [match.rule for match in state.evaluate(rows([2]), 1, [old, new]).matches] == [old, new]
    state.retain(missing)
    assert state.windows == tuple(missing)
    with pytest.raises(ValueError, match="rule rule: the window of count is not kept"):
        state.evaluate(rows([3]), 1, [old])


def test_a_restored_state_has_the_same_snapshot() -> None:
    rules = [rule(aggregation(Measure.COUNT, over_ms=20)), rule(aggregation(Measure.DISTINCT, "target"))]
    lived, rebuilt = state_of(*rules), state_of(*rules)
    for time in range(0, 1000, 10):
        lived.evaluate(rows([time, time + 3], first=time), 2, rules)
        lived.commit()
    for time in range(0, 1000, 10):
        rebuilt.add(rows([time, time + 3], first=time), 2)
    assert rebuilt.dump() == lived.dump()


def test_a_loaded_state_requires_its_conditions() -> None:
    window = Window(Measure.COUNT, None, ("source",), HOUR, "amount >= 2")
    counted = rule(Aggregation("count", window, AtLeast("amount", 2), Fraction(1)))
    state = state_of(counted)
    state.add(rows([1]), 1)
    loaded = WindowState.load(state.dump())
    with pytest.raises(ValueError, match=r"amount >= 2.*require"):
        loaded.evaluate(rows([2]), 1, [counted])
    assert loaded.require(counted.aggregations) == []
    assert loaded.evaluate(rows([2]), 1, [counted]).matches[0].aggregates == {"count": 2}


@pytest.mark.parametrize("measure", [measure for measure in Measure if measure is not Measure.MATCHES])
@pytest.mark.parametrize("by", [("source",), ("source", "amount"), ("amount",)])
def test_a_loaded_snapshot_evaluates_as_the_state_did(measure: Measure, by: tuple[str, ...]) -> None:
    field = None if measure in (Measure.COUNT, Measure.INACTIVITY) else "amount"
    every = rule(Aggregation("result", Window(measure, field, by, HOUR)))
    state = state_of(every, lateness_ms=20)
    for time in range(0, 200, 7):
        state.add(rows([time, time - 5], source=b"%d" % (time % 3)), 2)
    state.commit()
    loaded = WindowState.load(state.dump())
    assert loaded.require(every.aggregations) == []
    assert loaded.dump() == state.dump()
    assert (loaded.watermark_ms, loaded.entries > 0) == (state.watermark_ms, True)
    results = [
        [(match.key, match.aggregates, match.contributors) for match in each.evaluate(rows([201]), 1, [every]).matches]
        for each in (state, loaded)
    ]
    assert results[0] == results[1]
