from collections import defaultdict
from itertools import permutations
from statistics import mean, median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.evaluate.metrics import DAY_MS, Verdicts, average_precision, delays, detection, precision_at, quality

Row = tuple[int, bool, int, int]
ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.booleans(), st.integers(-1, 3), st.integers(0, 3 * DAY_MS)), max_size=40
)


def verdicts(rows: list[Row]) -> Verdicts:
    score, fraud, incident, created_at = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Verdicts(
        np.array(score, np.int64), np.array(fraud, bool), np.array(incident, np.int32), np.array(created_at, np.int64)
    )


def brute_average_precision(score: list[int], fraud: list[bool]) -> float | None:
    """Threshold by threshold, by the definition alone."""
    if not any(fraud):
        return None
    total, before = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        called = [truth for value, truth in zip(score, fraud, strict=True) if value >= threshold]
        recall = sum(called) / sum(fraud)
        total += (recall - before) * sum(called) / len(called)
        before = recall
    return total


@given(ROWS)
def test_average_precision_is_what_its_definition_gives(rows: list[Row]) -> None:
    of = verdicts(rows)
    expected = brute_average_precision(of.score.tolist(), of.fraud.tolist())
    assert average_precision(of.score, of.fraud) == (None if expected is None else pytest.approx(expected))


def test_average_precision_of_a_perfect_and_of_a_useless_score() -> None:
    fraud = np.array([True, False, True, False])
    assert average_precision(np.array([2, 0, 1, 0]), fraud) == 1
    assert average_precision(np.zeros(4, np.int64), fraud) == 0.5
    # the example of sklearn's documentation: 0.83
    assert average_precision(np.array([10, 40, 35, 80]), np.array([False, False, True, True])) == pytest.approx(5 / 6)


def brute_precision_at(rows: list[Row], per_day: int) -> float | None:
    """The mean over every order in which equals can be looked at."""
    by_day: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    for score, fraud, _, created_at in rows:
        if score:
            by_day[created_at // DAY_MS].append((score, fraud))
    means = []
    for called in by_day.values():
        ways = [sorted(order, key=lambda call: -call[0])[:per_day] for order in permutations(called)]
        means.append(mean(mean(fraud for _, fraud in looked) for looked in ways))
    return mean(means) if means else None


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.just(-1), st.integers(0, 2 * DAY_MS)), max_size=6))
def test_precision_at_so_many_a_day_is_the_mean_over_all_ways_to_choose(rows: list[Row]) -> None:
    expected = brute_precision_at(rows, 2)
    assert precision_at(verdicts(rows), 2) == (None if expected is None else pytest.approx(expected))


def test_precision_at_100_takes_the_highest_scores_of_each_day() -> None:
    first = [(2, True, -1, 0)] * 60 + [(1, False, -1, 1)] * 140 + [(0, True, -1, 2)] * 10
    second = [(1, True, -1, DAY_MS)] * 3
    assert precision_at(verdicts(first + second)) == pytest.approx((0.6 + 1) / 2)


@given(ROWS)
def test_delays_run_from_the_first_transaction_of_an_incident_to_its_first_hit(rows: list[Row]) -> None:
    incidents = defaultdict(list)
    for score, _, incident, created_at in rows:
        if incident >= 0:
            incidents[incident].append((created_at, score))
    expected = {}
    for incident, payments in incidents.items():
        payments.sort(key=lambda payment: payment[0])  # stable, as the order of the log is
        hit = next((index for index, (_, score) in enumerate(payments) if score), None)
        if hit is not None:
            expected[incident] = (payments[hit][0] - payments[0][0], hit)
    numbers, milliseconds, before = (column.tolist() for column in delays(verdicts(rows)))
    assert dict(zip(numbers, zip(milliseconds, before, strict=True), strict=True)) == expected
    result = detection(verdicts(rows))
    assert (result.incidents, result.found) == (len(incidents), len(expected))
    if expected:
        assert result.seconds_p50 == pytest.approx(median(milliseconds / 1000 for milliseconds, _ in expected.values()))


def test_quality_counts() -> None:
    of = quality(verdicts([(1, True, 0, 0), (1, False, -1, 1), (0, True, 0, 2), (0, False, -1, 3), (1, False, -1, 4)]))
    assert (of.transactions, of.fraud, of.flagged, of.caught) == (5, 2, 3, 1)
    assert (of.precision, of.recall) == (pytest.approx(1 / 3), 0.5)


def test_what_means_nothing_for_lack_of_data_is_none() -> None:
    of = quality(verdicts([(0, False, -1, 0)]))
    assert (of.precision, of.recall, of.average_precision, of.precision_at_100) == (None, None, None, None)
    assert of.detection.seconds_p50 is None
