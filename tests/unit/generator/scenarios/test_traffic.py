"""Traffic of ordinary payments and incidents: times, labels, reproducibility."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import UsageError
from services.generator.pacing import Schedule
from services.generator.scenarios import (
    STANDARD,
    FanIn,
    LabelledTraffic,
    LabelledTransactions,
    RapidFire,
    Structuring,
)
from services.generator.transactions import BLOCK

SCHEDULE = Schedule(50, 1_700_000_000_000)
SHORT = (
    FanIn(rate=0.05, over=(timedelta(minutes=1), timedelta(minutes=4))),
    RapidFire(rate=0.02, over=(timedelta(seconds=5), timedelta(seconds=20))),
)


def taken(traffic: LabelledTraffic, sizes: list[int], times: Any = SCHEDULE.created_at) -> LabelledTransactions:
    parts = [traffic.take(size, times) for size in sizes]
    return LabelledTransactions(
        *(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(LabelledTransactions))
    )


@given(st.lists(st.integers(1, 6000), min_size=1, max_size=5), st.integers(0, 2**64), st.booleans())
def test_a_seed_gives_the_same_traffic_in_any_batches(sizes: list[int], seed: int, exact: bool) -> None:
    cut = taken(LabelledTraffic(200, seed, SHORT, exact=exact), sizes)
    whole = taken(LabelledTraffic(200, seed, SHORT, exact=exact), [BLOCK * 2] * (len(cut) // BLOCK + 1))
    for column in fields(cut):
        assert np.array_equal(getattr(cut, column.name), getattr(whole, column.name)[: len(cut)])


def test_the_schedule_is_kept_to_the_millisecond() -> None:
    rows = taken(LabelledTraffic(200, 1, SHORT), [BLOCK] * 6)
    assert np.array_equal(rows.created_at, SCHEDULE.created_at(0, len(rows)))


@pytest.mark.parametrize("exact", [False, True])
def test_exactly_the_incidents_are_labelled(exact: bool) -> None:
    rows = taken(LabelledTraffic(200, 1, SHORT, exact=exact), [BLOCK * 2] * 12)
    assert np.array_equal(rows.scenario == b"", rows.incident == b"")
    assert {*np.unique(rows.scenario).tolist()} == {b"", b"fan-in", b"rapid-fire"}
    incidents = {}
    for incident in set(rows.incident.tolist()) - {b""}:
        members = np.flatnonzero(rows.incident == incident)
        (scenario,) = set(rows.scenario[members].tolist())
        assert incident.startswith(scenario + b"-")
        incidents[incident] = members
        accounts = rows.targets if scenario == b"fan-in" else rows.sources
        assert len(set(accounts[members].tolist())) == 1
        assert rows.created_at[members[-1]] - rows.created_at[members[0]] <= (
            241_000 if scenario == b"fan-in" else 21_000
        )
    # Those that begin well before the end are complete.
    complete = [
        members for members in incidents.values() if rows.created_at[members[0]] < rows.created_at[-1] - 250_000
    ]
    assert len(complete) > 50
    assert all(len(members) >= 20 for members in complete)
    assert not (rows.sources == rows.targets).any()
    assert len(set(rows.ids.tolist())) == len(rows)


@pytest.mark.parametrize("exact", [False, True])
def test_scenarios_have_their_rates(exact: bool) -> None:
    rows = taken(LabelledTraffic(200, 5, SHORT, exact=exact), [BLOCK * 2] * 50)
    # About 330 and 220 incidents.
    assert (rows.scenario == b"fan-in").mean() == pytest.approx(0.05, rel=0.25)
    assert (rows.scenario == b"rapid-fire").mean() == pytest.approx(0.02, rel=0.3)


def test_incidents_of_hours_are_spread_over_hours_of_events() -> None:
    slow = Schedule(1, 1_700_000_000_000)
    rows = taken(
        LabelledTraffic(500, 1, (Structuring(rate=0.02, over=(timedelta(hours=4), timedelta(hours=20))),)),
        [BLOCK] * 24,
        slow.created_at,
    )
    incidents, counts = np.unique(rows.incident[rows.incident != b""], return_counts=True)
    lengths = [np.ptp(rows.created_at[rows.incident == incident]) / 3_600_000 for incident in incidents[counts >= 15]]
    assert len(lengths) > 30
    assert 8 < np.median(lengths) < 16


def test_payments_that_fall_due_at_once_wait_for_the_next_free_place() -> None:
    at_once = (RapidFire(rate=0.9, over=(timedelta(), timedelta())),)
    rows = taken(LabelledTraffic(200, 1, at_once), [BLOCK] * 10)
    assert np.array_equal(rows.created_at, SCHEDULE.created_at(0, len(rows)))
    assert 0.75 < (rows.scenario != b"").mean() < 1


def test_a_block_without_a_schedule_has_one_creation_time() -> None:
    moments = iter(range(1_700_000_000_000, 1_700_000_100_000, 5_000))
    rows = taken(LabelledTraffic(200, 1, SHORT), [BLOCK] * 20, lambda _first, count: np.full(count, next(moments)))
    assert len(np.unique(rows.created_at)) == 20
    assert (rows.scenario != b"").any()


@pytest.mark.parametrize("exact", [False, True])
def test_rates_that_leave_nothing_are_refused(exact: bool) -> None:
    with pytest.raises(UsageError, match="fan-in, rapid-fire sum up to 1.1: expected below 1"):
        LabelledTraffic(200, 1, (FanIn(rate=0.6), RapidFire(rate=0.5)), exact=exact)


def test_the_standard_mix_has_all_scenarios() -> None:
    rows = taken(LabelledTraffic(1000, 2, STANDARD), [BLOCK] * 40, Schedule(2, 1_700_000_000_000).created_at)
    names = {scenario.name.encode() for scenario in STANDARD}
    assert names == {b"fan-in", b"rapid-fire", b"structuring", b"account-takeover"}
    assert {*np.unique(rows.scenario).tolist()} == {b"", *names}
