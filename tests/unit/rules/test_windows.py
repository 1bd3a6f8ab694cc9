"""Windows: their intervals, late rows, contributors, and rules that share them."""

from dataclasses import replace

import numpy as np
import pytest

from services.rules.model import Aggregation, Measure, Mode, Rule, Severity, Window
from services.rules.windows import WindowState
from tests.support.window_rules import HOUR, aggregation, rows, rule, state_of
from tests.support.window_streams import AtLeast


def test_the_fiftieth_sender_matches_and_the_forty_ninth_does_not() -> None:
    senders = rule(aggregation(Measure.DISTINCT, "target", at_least=50))
    state = state_of(senders)
    first = state.evaluate(rows(range(49)), 49, [senders])
    again = state.evaluate(rows([49], first=48), 1, [senders])
    last = state.evaluate(rows([50], first=49), 1, [senders])
    assert (first.matches, again.matches) == ([], [])
    assert [dict(match.aggregates) for match in last.matches] == [{"distinct": 50}]
    assert last.matches[0].contributors[-3:] == (b"48", b"48", b"49")


@pytest.mark.parametrize(("age", "counted"), [(HOUR - 1, 2), (HOUR, 1), (HOUR + 1, 1)])
def test_an_interval_is_open_where_it_begins(age: int, counted: int) -> None:
    count = rule(aggregation(Measure.COUNT))
    evaluation = state_of(count, lateness_ms=HOUR).evaluate(rows([0, age]), 2, [count])
    assert evaluation.matches[-1].aggregates == {"count": counted}


def test_a_match_names_the_latest_contributors_by_event_time() -> None:
    count = rule(aggregation(Measure.COUNT, at_least=4))
    state = WindowState(lateness_ms=HOUR, contributors=3)
    state.require(count.aggregations)
    match = state.evaluate(rows([5, 1, 9, 7, 9]), 5, [count]).matches[-1]
    assert (match.row, match.key, match.contributors) == (4, (b"ann",), (b"3", b"2", b"4"))


def test_inactivity_counts_all_entries_of_the_same_time() -> None:
    pause = rule(aggregation(Measure.INACTIVITY, at_least=10))
    state = state_of(pause, lateness_ms=1)
    state.add(rows([0, 5, 5, 8]), 4)
    state.add(rows([5], first=4), 1)
    state.commit()
    state.add(rows([20], source=b"bob"), 1)
    state.commit()
    (match,) = state.evaluate(rows([18, 20], first=6), 2, [pause]).matches
    assert (match.aggregates, match.contributors) == ({"inactivity": 10}, (b"3", b"6"))
    state = state_of(pause, lateness_ms=1)
    state.add(rows([0, 5, 5]), 3)
    state.commit()
    state.add(rows([20], source=b"bob"), 1)
    state.commit()
    (match,) = state.evaluate(rows([20], first=6), 1, [pause]).matches
    assert (match.aggregates, match.contributors) == ({"inactivity": 15}, (b"1", b"2", b"6"))


def test_contributors_are_collected_only_for_alerts() -> None:
    live = rule(aggregation(Measure.COUNT, at_least=2))
    rules = (live, replace(live, mode=Mode.SHADOW), replace(live, alert=False))
    ids = [match.contributors for match in state_of(*rules).evaluate(rows([1, 2]), 2, rules).matches]
    assert ids == [(b"0", b"1"), (), ()]
    without = WindowState(lateness_ms=0, contributors=0)
    without.require(live.aggregations)
    assert [match.contributors for match in without.evaluate(rows([1, 2]), 2, [live]).matches] == [()]


def test_matches_of_some_rows_name_the_rows_of_their_batch() -> None:
    counts = rule(aggregation(Measure.COUNT, at_least=2), aggregation(Measure.AVERAGE, "amount"))
    (matches,) = state_of(counts).evaluate(rows([1, 2, 3]), 3, [counts]).by_rule
    in_batch = matches.in_batch(np.array([4, 6, 9]))
    assert [(match.row, match.key, match.aggregates) for match in in_batch] == [
        (6, (b"ann",), {"count": 2, "average": 2}),
        (9, (b"ann",), {"count": 3, "average": 2}),
    ]


def test_late_rows_are_evaluated_and_counted() -> None:
    count = rule(aggregation(Measure.COUNT, at_least=1))
    state = state_of(count, lateness_ms=10)
    evaluation = state.evaluate(rows([100, 90, 89, 100 - 10 - HOUR]), 4, [count])
    assert evaluation.late == 2
    assert [match.row for match in evaluation.matches] == [0, 1, 2]  # the last is older than anything that is kept


def test_results_are_returned_for_every_row_in_the_order_asked_for() -> None:
    state = WindowState(lateness_ms=0)
    of_two = Aggregation("large", Window(Measure.COUNT, None, ("source",), HOUR, "amount >= 3"), AtLeast("amount", 3))
    asked = [aggregation(Measure.MAX, "created_at", at_least=10**9), of_two, aggregation(Measure.AVERAGE, "amount")]
    state.require(asked)
    assert state.evaluate(rows([]), 0, (), aggregations=asked).values == [(), (), ()]
    columns = {**rows([5, 7, 8]), "amount": np.array([2, 3, 2])}
    assert state.evaluate(columns, 3, (), aggregations=asked).values == [[5, 7, 8], [0, 1, 1], [(2, 1), (5, 2), (7, 3)]]
    state.commit()
    assert state.evaluate(rows([8]), 1, (), aggregations=asked[2:]).values == [[(9, 4)]]


def test_results_of_a_window_that_is_not_kept_are_refused() -> None:
    with pytest.raises(ValueError, match="the window of count is not kept"):
        WindowState(lateness_ms=0).evaluate(rows([1]), 1, (), aggregations=[aggregation(Measure.COUNT)])


def test_rules_with_the_same_window_share_its_state() -> None:
    few, many = (rule(aggregation(Measure.COUNT, at_least=limit)) for limit in (2, 4))
    state = state_of(few, many)
    evaluation = state.evaluate(rows(range(5)), 5, [few, many])
    assert state.entries == 5
    assert [(match.row, match.rule) for match in evaluation.matches] == [
        (1, few),
        (2, few),
        (3, few),
        (3, many),
        (4, few),
        (4, many),
    ]


def test_a_rule_without_aggregations_is_its_condition() -> None:
    large = Rule("large", Severity.LOW, "", Mode.LIVE, AtLeast("amount", 2), (), "0" * 12)
    evaluation = WindowState(lateness_ms=0).evaluate(rows([1, 2]), 2, [large])
    assert [(match.row, match.key, dict(match.aggregates), match.contributors) for match in evaluation.matches] == [
        (0, (), {}, ()),
        (1, (), {}, ()),
    ]
