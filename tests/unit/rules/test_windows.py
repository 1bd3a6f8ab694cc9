import gc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from services.rules.model import Aggregation, Columns, Measure, Mode, Rule, Severity, Window
from services.rules.windows import WindowState
from services.rules.windows.byte_rows import key_objects
from tests.support.window_rules import HOUR, aggregation, rows, rule
from tests.support.window_streams import AtLeast


def state_of(*rules: Rule, lateness_ms: int = 0) -> WindowState:
    state = WindowState(lateness_ms=lateness_ms)
    state.require(aggregation for one in rules for aggregation in one.aggregations)
    return state


def test_the_fiftieth_sender_fires_and_the_forty_ninth_does_not() -> None:
    senders = rule(aggregation(Measure.DISTINCT, "target", at_least=50))
    state = state_of(senders)
    first = state.evaluate(rows(range(49)), 49, [senders])
    again = state.evaluate(rows([49], first=48), 1, [senders])
    last = state.evaluate(rows([50], first=49), 1, [senders])
    assert (first.matches, again.matches) == ([], [])
    assert [dict(one.aggregates) for one in last.matches] == [{"distinct": 50}]
    assert last.matches[0].contributors[-3:] == (b"48", b"48", b"49")


@pytest.mark.parametrize(("age", "counted"), [(HOUR - 1, 2), (HOUR, 1), (HOUR + 1, 1)])
def test_an_interval_is_open_where_it_begins(age: int, counted: int) -> None:
    count = rule(aggregation(Measure.COUNT))
    judged = state_of(count, lateness_ms=HOUR).evaluate(rows([0, age]), 2, [count])
    assert judged.matches[-1].aggregates == {"count": counted}


def test_a_firing_names_the_latest_contributors_in_order_of_event_time() -> None:
    count = rule(aggregation(Measure.COUNT, at_least=4))
    state = WindowState(lateness_ms=HOUR, contributors=3)
    state.require(count.aggregations)
    match = state.evaluate(rows([5, 1, 9, 7, 9]), 5, [count]).matches[-1]
    assert (match.row, match.key, match.contributors) == (4, (b"ann",), (b"3", b"2", b"4"))


def test_telling_the_oldest_entry_looks_at_few_of_many_keys() -> None:
    inactivity = rule(aggregation(Measure.INACTIVITY, over_ms=72 * HOUR))
    state = state_of(inactivity)
    for time in range(20_000):
        state.add(rows([time], source=b"%d" % time), 1)
    state.commit()
    (store,) = state._stores.values()
    assert len(list(store.oldest())) <= 1000
    assert state.oldest_ms == 0


def test_entries_go_at_the_commit_and_keys_with_them() -> None:
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
    assert state.entries == 2 * 4 + 1 + 1  # four accounts with two at the same time, the one that was judged, the other


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


def test_one_row_dated_years_ahead_empties_no_window_where_there_is_a_clock() -> None:
    count = rule(aggregation(Measure.COUNT, at_least=1))
    state = state_of(count)
    times = [0, 10**13, 1, 2]
    judged = state.evaluate(rows(times), 4, [count], clock=np.array([0, 0, 1, 2]))
    state.commit()
    assert [match.aggregates["count"] for match in judged.matches] == [1, 1, 2, 3]
    assert (state.watermark_ms, judged.late) == (2, 0)
    state.add(rows([10 * HOUR], source=b"bob"), 1)
    state.commit()
    assert state.entries == 2  # bob's, and the one from the future


def test_an_entry_from_the_future_keeps_no_older_ones_of_its_key() -> None:
    count = rule(aggregation(Measure.COUNT, over_ms=1000))
    state = state_of(count)
    for time in range(0, 100_000, 10):
        state.add(rows([10**13 if time == 0 else time]), 1, clock=np.array([time]))
        state.commit()
    assert 100 <= state.entries <= 110


def test_late_rows_are_judged_and_counted() -> None:
    count = rule(aggregation(Measure.COUNT, at_least=1))
    state = state_of(count, lateness_ms=10)
    judged = state.evaluate(rows([100, 90, 89, 100 - 10 - HOUR]), 4, [count])
    assert judged.late == 2
    assert [match.row for match in judged.matches] == [0, 1, 2]  # the last is older than anything that is kept


def test_rolling_back_brings_back_what_was_there() -> None:
    rules = [rule(aggregation(measure)) for measure in (Measure.COUNT, Measure.INACTIVITY)]
    rules += [rule(aggregation(measure, "amount")) for measure in (Measure.SUM, Measure.MIN)]
    state = state_of(*rules)
    state.evaluate(rows(range(100)), 100, rules)
    state.commit()
    before, entries = state.dump(), state.entries
    first = state.evaluate(rows([*range(200, 100, -1), 10**10]), 101, rules)
    state.rollback()
    assert (state.dump(), state.entries, state.watermark_ms) == (before, entries, 99)
    assert state.evaluate(rows([*range(200, 100, -1), 10**10]), 101, rules) == first


def test_rules_that_look_at_the_same_window_share_it() -> None:
    few, many = (rule(aggregation(Measure.COUNT, at_least=limit)) for limit in (2, 4))
    state = state_of(few, many)
    judged = state.evaluate(rows(range(5)), 5, [few, many])
    assert state.entries == 5
    assert [(one.row, one.rule) for one in judged.matches] == [
        (1, few),
        (2, few),
        (3, few),
        (3, many),
        (4, few),
        (4, many),
    ]


def test_a_rule_without_figures_is_its_condition() -> None:
    large = Rule("large", Severity.LOW, "", Mode.LIVE, AtLeast("amount", 2), (), "0" * 12)
    judged = WindowState(lateness_ms=0).evaluate(rows([1, 2]), 2, [large])
    assert [(one.row, one.key, dict(one.aggregates), one.contributors) for one in judged.matches] == [
        (0, (), {}, ()),
        (1, (), {}, ()),
    ]


def test_new_windows_are_rebuilt_beside_those_that_are_there() -> None:
    old, new = (
        rule(aggregation(Measure.COUNT, at_least=3)),
        rule(aggregation(Measure.COUNT, over_ms=2 * HOUR, at_least=3)),
    )
    state = state_of(old)
    state.add(rows([0, 1]), 2)
    missing = state.require(new.aggregations)
    state.add(rows([0, 1]), 2, only=missing)
    assert missing == [new.aggregations[0].window]
    assert [one.rule for one in state.evaluate(rows([2]), 1, [old, new]).matches] == [old, new]
    state.retain(missing)
    assert state.windows == tuple(missing)
    with pytest.raises(ValueError, match="rule rule: the window of count is not kept"):
        state.evaluate(rows([3]), 1, [old])


def test_what_was_rebuilt_dumps_as_what_was_there() -> None:
    rules = [rule(aggregation(Measure.COUNT, over_ms=20)), rule(aggregation(Measure.DISTINCT, "target"))]
    lived, rebuilt = state_of(*rules), state_of(*rules)
    for time in range(0, 1000, 10):
        lived.evaluate(rows([time, time + 3], first=time), 2, rules)
        lived.commit()
    for time in range(0, 1000, 10):
        rebuilt.add(rows([time, time + 3], first=time), 2)
    assert rebuilt.dump() == lived.dump()


def test_a_loaded_state_wants_its_conditions_back() -> None:
    window = Window(Measure.COUNT, None, ("source",), HOUR, "amount >= 2")
    counted = rule(Aggregation("count", window, AtLeast("amount", 2), Fraction(1)))
    state = state_of(counted)
    state.add(rows([1]), 1)
    loaded = WindowState.load(state.dump())
    with pytest.raises(ValueError, match=r"amount >= 2.*require"):
        loaded.evaluate(rows([2]), 1, [counted])
    assert loaded.require(counted.aggregations) == []
    assert loaded.evaluate(rows([2]), 1, [counted]).matches[0].aggregates == {"count": 2}


def test_fields_come_and_go_with_the_rules_and_entries_stay_readable() -> None:
    total, senders = rule(aggregation(Measure.SUM, "amount")), rule(aggregation(Measure.DISTINCT, "target"))
    state = state_of(senders)
    state.evaluate(rows([0, 1]), 2, [senders])
    state.commit()
    state.require(total.aggregations)
    state.evaluate(rows([2], first=2), 1, [senders, total])
    state.commit()
    state.retain([senders.aggregations[0].window])
    columns = {name: column for name, column in rows([3], first=3).items() if name != "amount"}
    (match,) = state.evaluate(columns, 1, [senders]).matches
    assert (match.aggregates, match.contributors) == ({"distinct": 4}, (b"0", b"1", b"2", b"3"))


IDS = [
    b"0b8f5a3c-1d2e-4f60-8a9b-c0d1e2f3a4b5",
    b"0B8F5A3C-1D2E-4F60-8A9B-C0D1E2F3A4B5",
    b"0b8f5a3c+1d2e-4f60-8a9b-c0d1e2f3a4b5",
    b"0b8f5a3c-1d2e-4f60-8a9b-c0d1e2f3a4g5",
    b"0123456789abcdef",
    b"x",
]


def test_keys_of_several_fields_are_equal_in_whatever_batch_they_come() -> None:
    texts = [b"", b"\0", b"a", b"a\0", b"\1", b"\1a", b"\0\1"]
    numbers = [0, 1, 256, 255, -1, 2**40]
    rows = [(number, text) for number in numbers for text in texts]
    narrow = [row for row in rows if not row[1].endswith(b"\0")]

    def keys_of(some: list[tuple[int, bytes]], dtype: Any) -> list[Any]:
        return key_objects([np.array([number for number, _ in some]), np.array([text for _, text in some], dtype)])

    wide = dict(zip(rows, keys_of(rows, object), strict=True))
    assert len(set(wide.values())) == len(rows)
    assert keys_of(narrow, "S") == [wide[row] for row in narrow]
    assert keys_of(narrow, "S64") == [wide[row] for row in narrow]


@pytest.mark.parametrize("dtype", ["S", object])
def test_ids_come_back_as_they_were(dtype: Any) -> None:
    ids = rule(aggregation(Measure.DISTINCT, "id", at_least=len(IDS)))
    state = state_of(ids)
    columns = {**rows(range(len(IDS))), "id": np.array(IDS, dtype)}
    (match,) = state.evaluate(columns, len(IDS), [ids]).matches
    assert match.contributors == tuple(IDS)
    (match,) = state.evaluate({**rows([9]), "id": np.array(IDS[:1], dtype)}, 1, [ids]).matches
    assert match.aggregates == {"distinct": len(IDS)}  # the same id, whatever it is packed with


def test_a_window_on_fractions_is_refused() -> None:
    total = rule(aggregation(Measure.SUM, "amount"))
    columns: Columns = {**rows([1]), "amount": np.array([0.5])}
    with pytest.raises(ValueError, match="amount has values of type float64"):
        state_of(total).evaluate(columns, 1, [total])


def test_times_at_the_ends_of_the_range_wrap_around_nowhere() -> None:
    counts = rule(aggregation(Measure.COUNT, at_least=1), aggregation(Measure.INACTIVITY))
    state = state_of(counts, lateness_ms=1000)
    ends = [-(2**63), 2**63 - 1]
    judged = state.evaluate(rows([ends[0] + 2 * HOUR, ends[1], ends[0]]), 3, [counts])
    state.commit()
    assert [(one.row, dict(one.aggregates)) for one in judged.matches] == [
        (0, {"count": 1, "inactivity": None}),
        (1, {"count": 1, "inactivity": None}),
    ]
    assert judged.late == 1


def test_the_estimate_of_memory_grows_with_what_is_kept() -> None:
    count = rule(aggregation(Measure.COUNT))
    state = state_of(count)
    for first in range(0, 20_000, 1000):
        state.add(rows(range(1000), first=first), 1000)
        state.commit()
    assert 50 < state.bytes / state.entries < 75  # each entry has 15 bytes and an id, an object around it, and a place


def test_a_batch_is_gone_with_its_commit_and_waits_for_no_garbage_collector() -> None:
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
