"""A run's summary: what is lost, doubled or foreign is noticed, and nothing else is called exactly once."""

import uuid
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.demo.summary import Summary, TopicTotals, summarise
from tools.harness.latency_histogram import LatencyHistogram

IDS = [str(uuid.UUID(int=number)) for number in range(30)]


def totals(ids: list[str], undecodable: int = 0) -> TopicTotals:
    """Messages that were created in equal steps within two seconds."""
    topic = TopicTotals()
    created = np.linspace(1_000, 3_000, len(ids)).astype(np.int64)
    topic.add(len(ids) + undecodable, np.array([name.encode() for name in ids], "S36"), created)
    return topic


def summary_of(
    generated: list[str], legit: list[str], fraud: list[str], dead: list[str] | None = None, undecodable: int = 0
) -> Summary:
    latency = LatencyHistogram()
    latency.add(np.array([10, 20, 30], np.int64))
    return summarise(
        totals(generated), totals(legit), totals(fraud), totals(dead or [], undecodable), latency=latency, lag_max=7
    )


def test_a_run_in_order() -> None:
    result = summary_of(IDS[:10], IDS[:8], IDS[8:9], IDS[9:10])
    assert result == Summary(
        generated=10,
        legit=8,
        fraud=1,
        dead_letter=1,
        duplicates=0,
        missing=0,
        unexpected=0,
        seconds=2.0,
        rate=5.0,
        fraud_percent=11.11,
        latency_ms_p50=20,
        latency_ms_p99=30,
        lag_max=7,
    )
    assert result.exactly_once


def test_a_lost_transaction_is_missing() -> None:
    result = summary_of(IDS[:10], IDS[:8], IDS[8:9])
    assert (result.duplicates, result.missing, result.unexpected) == (0, 1, 0)
    assert not result.exactly_once


@pytest.mark.parametrize("again", ["legit", "fraud", "dead"])
def test_a_transaction_evaluated_twice_is_a_duplicate_wherever_it_is(again: str) -> None:
    topics = {"legit": IDS[:8], "fraud": IDS[8:10], "dead": []}
    topics[again] = topics[again] + IDS[:1]
    result = summary_of(IDS[:10], **topics)
    assert (result.duplicates, result.missing, result.unexpected) == (1, 0, 0)
    assert not result.exactly_once


def test_one_lost_and_one_doubled_are_both_seen_though_the_sum_is_right() -> None:
    result = summary_of(IDS[:3], [IDS[0], IDS[0]], IDS[1:2])
    assert result.generated == result.evaluated
    assert (result.duplicates, result.missing) == (1, 1)
    assert not result.exactly_once


def test_a_transaction_of_another_run_is_unexpected() -> None:
    result = summary_of(IDS[:2], IDS[:3], [])
    assert (result.duplicates, result.missing, result.unexpected) == (0, 0, 1)
    assert not result.exactly_once


def test_a_wrong_sum_is_not_exactly_once_even_without_ids() -> None:
    result = summary_of(IDS[:2], IDS[:2], [], undecodable=1)
    assert (result.duplicates, result.missing, result.unexpected) == (0, 0, 0)
    assert not result.exactly_once


def test_a_run_without_a_transaction() -> None:
    result = summarise(totals([]), totals([]), totals([]), totals([]), latency=LatencyHistogram(), lag_max=0)
    assert (result.rate, result.fraud_percent, result.latency_ms_p50) == (0.0, 0.0, None)
    assert result.exactly_once


some_ids = st.lists(st.sampled_from(IDS), max_size=20)


@given(some_ids, some_ids, some_ids, some_ids)
def test_it_equals_counting_one_by_one(
    generated: list[str], legit: list[str], fraud: list[str], dead: list[str]
) -> None:
    result = summary_of(generated, legit, fraud, dead)
    out = Counter([*legit, *fraud, *dead])
    assert result.duplicates == sum(times > 1 for times in out.values())
    assert result.missing == len(set(generated) - set(out))
    assert result.unexpected == len(set(out) - set(generated))
