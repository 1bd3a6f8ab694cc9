import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Sample, Spread, pace, ratios


def steps(*seen: tuple[float, float]) -> list[Sample]:
    """Samples of a run that costs 2 µs a message, its broker 1 µs."""
    return [Sample(seconds, visible, visible * 2e-6, visible * 1e-6) for seconds, visible in [(0, 0), *seen]]


def test_the_pace_is_taken_between_two_steps_in_the_timed_part() -> None:
    samples = steps((3, 100), (4, 300), (5, 600), (6, 900), (9, 1000))
    measured = pace(samples)
    assert measured.rate == pytest.approx(300)  # from 300 at 4 s to 900 at 6 s
    assert measured.cpu_us == pytest.approx(2)
    assert measured.broker_us == pytest.approx(1)
    assert measured.share == pytest.approx(0.6)


def test_a_slow_start_and_a_late_last_transaction_are_left_out() -> None:
    prompt = steps((1, 250), (2, 500), (3, 750), (4, 1000))
    dawdling = steps((21, 250), (22, 500), (23, 750), (44, 1000))
    assert pace(prompt) == pace(dawdling)


def test_a_run_that_becomes_visible_at_once_counts_as_a_whole() -> None:
    measured = pace(steps((2, 1000)))
    assert (measured.rate, measured.share) == (500, 1)


@given(st.floats(1, 1e6), st.integers(3, 50))
def test_a_steady_run_has_its_rate(rate: float, count: int) -> None:
    samples = steps(*((number / 10, rate * number / 10) for number in range(1, count)))
    assert pace(samples).rate == pytest.approx(rate)


def test_a_spread_is_median_and_range() -> None:
    assert Spread.of([5, 1, 3]) == Spread(3, 1, 5)


def test_ratios_are_taken_round_by_round() -> None:
    ours, theirs = [100.0, 50.0, 10.0], [50.0, 25.0, 5.0]  # the machine got slower and slower
    assert ratios(ours, theirs) == Spread(2, 2, 2)
