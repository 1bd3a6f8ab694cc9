"""One alert for a key in each interval of `alert_every`, with the number of matches that were suppressed."""

from dataclasses import replace

import numpy as np
import pytest

from services.rules.model import Measure, Rule
from services.rules.rule_match import RuleMatch, alerts_by_row
from services.rules.state_requirements import requirements_of
from services.rules.windows import WindowState
from tests.support.window_rules import aggregation, rows, rule, state_of

EVERY = replace(rule(aggregation(Measure.COUNT, at_least=1)), alert_every_ms=100)


def alerts(state: WindowState, times: list[int], some: Rule = EVERY, source: bytes = b"ann") -> list[tuple[int, int]]:
    evaluation = state.evaluate(rows(times, source), len(times), [some])
    written: list[RuleMatch] = alerts_by_row(evaluation.by_rule)
    assert len(evaluation.matches) == len(times)  # whatever becomes an alert, the verdicts are the same
    return [(match.row, match.suppressed or 0) for match in written]


def test_the_first_match_of_a_key_in_an_interval_becomes_an_alert() -> None:
    state = state_of(EVERY)
    assert alerts(state, [100, 110, 199, 200, 201]) == [(0, 0), (3, 2)]
    assert alerts(state, [210], source=b"bob") == [(0, 0)]
    state.commit()
    assert alerts(state, [299, 500]) == [(1, 0)]  # the interval before has no match


def test_matches_out_of_order_are_of_the_interval_of_their_event_time() -> None:
    state = state_of(EVERY, lateness_ms=1000)
    assert alerts(state, [250, 150, 160, 260, 350]) == [(0, 0), (1, 0), (4, 1)]


def test_a_match_that_is_undone_leaves_its_interval_free() -> None:
    state = state_of(EVERY)
    assert alerts(state, [100, 101]) == [(0, 0)]
    state.rollback()
    assert alerts(state, [102, 103, 104]) == [(0, 0)]
    state.commit()
    state.evaluate(rows([105]), 1, [EVERY])
    state.rollback()
    assert alerts(state, [200]) == [(0, 2)]


def test_contributors_are_collected_only_for_the_match_that_becomes_an_alert() -> None:
    matches = state_of(EVERY).evaluate(rows([100, 101, 200]), 3, [EVERY]).matches
    assert [(match.suppressed, match.contributors) for match in matches] == [
        (0, (b"0",)),
        (None, ()),
        (1, (b"0", b"1", b"2")),
    ]


def test_matches_are_kept_by_rules_that_are_not_asked_for() -> None:
    """As where a later stage evaluates transactions by an older version of the rules."""
    other = rule(aggregation(Measure.COUNT, at_least=10))
    state = state_of(EVERY, other)
    assert state.evaluate(rows([100, 101]), 2, [other]).matches == []
    assert alerts(state, [102, 200]) == [(1, 2)]


def test_a_rule_with_another_reason_goes_on_where_the_old_one_was() -> None:
    state = state_of(EVERY)
    alerts(state, [100, 101])
    state.commit()
    changed = replace(EVERY, reason="changed", version="1" * 12)
    assert state.require(requirements_of([changed], 0).aggregations) == []
    assert alerts(state, [102, 200], changed) == [(1, 2)]


def test_matches_that_no_later_row_depends_on_are_evicted() -> None:
    state = state_of(EVERY, lateness_ms=50)
    for time in range(0, 100_000, 10):
        state.evaluate(rows([time]), 1, [EVERY])
        state.commit()
    (store,) = (store for window, store in state._stores.items() if window.measure is Measure.MATCHES)
    assert 25 <= store.entries <= 25 * 5 // 4 + 3


def test_a_new_rule_finds_the_matches_of_what_was_read_before_it() -> None:
    counts = rule(aggregation(Measure.COUNT, at_least=3))
    state = state_of(counts)
    new = replace(counts, alert_every_ms=100)
    history = rows([100, 101, 102, 103])
    state.evaluate(history, 4, [counts])
    state.commit()
    state.add(history, 4, only=state.require(requirements_of([new], 0).aggregations))
    state.commit()
    assert [match.suppressed for match in state.evaluate(rows([104, 200, 201]), 3, [new]).matches] == [None, 2, None]


def test_a_loaded_state_has_the_matches_and_needs_the_rule() -> None:
    state = state_of(EVERY)
    alerts(state, [100, 101])
    state.commit()
    loaded = WindowState.load(state.dump())
    with pytest.raises(ValueError, match="a rule with alert_every is not in a snapshot"):
        loaded.add(rows([102]), 1)
    assert loaded.require(requirements_of([EVERY], 0).aggregations) == []
    assert alerts(loaded, [102, 200]) == [(1, 2)]


def test_the_clock_and_not_the_event_time_ends_the_memory_of_matches() -> None:
    state = state_of(EVERY)
    state.evaluate(rows([10**12, 100]), 2, [EVERY], clock=np.array([100, 100]))
    state.commit()
    assert alerts(state, [101, 10**12 + 1]) == []
