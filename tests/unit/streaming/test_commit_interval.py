"""Time between commits: fixed, and adapted to the load."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.streaming.commit_interval import LONGEST, SHORTEST, AdaptiveInterval, FixedInterval


def interval_after(*commit_seconds: float) -> AdaptiveInterval:
    interval = AdaptiveInterval()
    for seconds in commit_seconds:
        interval.committed(seconds)
    return interval


def test_stages_share_a_fixed_interval_unless_there_is_a_backlog() -> None:
    interval = FixedInterval(0.3, stage_count=3)
    interval.committed(1)
    assert interval.seconds(backlog=False) == pytest.approx(0.1)
    assert interval.seconds(backlog=True) == interval.longest == 0.3


def test_a_backlog_has_the_longest_interval_at_once() -> None:
    assert interval_after(*[0.001] * 50).seconds(backlog=True) == LONGEST


def test_fast_commits_have_the_shortest_interval() -> None:
    assert AdaptiveInterval().seconds(backlog=False) == SHORTEST
    assert interval_after(*[0.001] * 50).seconds(backlog=False) == SHORTEST


def test_the_interval_follows_the_duration_of_commits() -> None:
    slow = interval_after(*[0.02] * 100)
    assert slow.seconds(backlog=False) == pytest.approx(0.04, rel=0.01)
    for _ in range(100):
        slow.committed(0.001)
    assert slow.seconds(backlog=False) == SHORTEST


def test_one_slow_commit_changes_the_interval_little() -> None:
    interval = interval_after(*[0.008] * 100)
    before = interval.seconds(backlog=False)
    interval.committed(0.04)
    assert interval.seconds(backlog=False) < 2 * before


@given(st.lists(st.floats(0, 60), max_size=50), st.booleans())
def test_the_interval_keeps_its_bounds(commit_seconds: list[float], backlog: bool) -> None:
    assert SHORTEST <= interval_after(*commit_seconds).seconds(backlog=backlog) <= LONGEST
