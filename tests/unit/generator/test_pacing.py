"""Schedule of transactions: the rate holds over any time."""

from hypothesis import given
from hypothesis import strategies as st

from services.generator.pacing import SECOND, Schedule

RATES = st.integers(1, 1_000_000)


@given(RATES, st.integers(0, 10**9))
def test_a_transaction_is_due_exactly_at_its_time(rate: int, index: int) -> None:
    schedule = Schedule(rate, 0)
    assert schedule.due(schedule.offset(index)) == index + 1
    assert schedule.due(schedule.offset(index) - 1) == index


@given(st.integers(1, 50_000), st.integers(0, 10**6))
def test_any_ten_seconds_have_the_set_rate(rate: int, start_ms: int) -> None:
    schedule = Schedule(rate, 0)
    begin = start_ms * 1_000_000
    assert schedule.due(begin + 10 * SECOND) - schedule.due(begin) == 10 * rate


def test_nothing_is_due_before_the_start() -> None:
    assert Schedule(1000, 0).due(-1) == 0


@given(RATES, st.integers(0, 10**10), st.integers(1, 2000))
def test_created_at_is_the_scheduled_time(rate: int, first: int, count: int) -> None:
    start = 1_700_000_000_000
    created = Schedule(rate, start).created_at(first, count).tolist()
    assert created == [start + index * 1000 // rate for index in range(first, first + count)]
