"""The latency histogram gives what sorting all latencies gives."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tools.harness.latency_histogram import LIMIT_MS, LatencyHistogram

latencies = st.lists(st.integers(0, LIMIT_MS), min_size=1, max_size=200)


def histogram(values: list[int]) -> LatencyHistogram:
    made = LatencyHistogram()
    made.add(np.array(values, np.int64))
    return made


@given(latencies, st.sampled_from([1, 50, 90, 99, 99.9, 100]))
def test_percentiles_are_those_of_the_nearest_rank(values: list[int], percent: float) -> None:
    rank = max(1, math.ceil(len(values) * percent / 100))
    assert histogram(values).percentile(percent) == sorted(values)[rank - 1]


@given(latencies, latencies)
def test_what_came_since_a_copy_is_what_was_added(before: list[int], after: list[int]) -> None:
    grown = histogram(before)
    copy = grown.copy()
    grown.add(np.array(after, np.int64))
    assert grown.since(copy).percentile(50) == histogram(after).percentile(50)
    assert copy.percentile(50) == histogram(before).percentile(50)


def test_nothing_has_no_percentile() -> None:
    assert LatencyHistogram().percentile(99) is None


def test_what_is_out_of_range_counts_as_the_nearest_that_is_in_it() -> None:
    assert histogram([-5]).percentile(50) == 0
    assert histogram([LIMIT_MS + 7]).percentile(50) == LIMIT_MS
