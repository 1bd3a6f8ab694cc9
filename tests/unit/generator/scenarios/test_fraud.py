"""Every incident has the shape of its scenario."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.scenarios import (
    HARD,
    AccountTakeover,
    CompromisedReceiver,
    FanIn,
    HonestChange,
    RapidFire,
    Scenario,
    SpendingChange,
    Structuring,
)
from services.generator.scenarios.fraud import Incident
from services.generator.scenarios.population import Population

POPULATION = Population(1000, np.random.SeedSequence(1))
SEEDS = st.integers(0, 2**32)
MINUTE = 60_000


def drawn(scenario: Scenario, seed: int) -> Incident:
    return scenario.incident(POPULATION, np.random.default_rng(seed))


def minutes(*numbers: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=number) for number in numbers)


@given(SEEDS, st.sampled_from(HARD))
def test_an_incident_has_the_length_and_size_of_its_parameters(seed: int, scenario: Scenario) -> None:
    incident = drawn(scenario, seed)
    assert scenario.payments[0] <= len(incident.after) <= scenario.payments[1]
    assert (np.diff(incident.after) >= 0).all()
    assert incident.after[0] == 0
    low, high = (duration / timedelta(milliseconds=1) for duration in scenario.over)
    assert low <= incident.after[-1] <= high
    payments = incident.payments
    assert len(payments.sources) == len(payments.targets) == len(payments.cents) == len(incident.after)
    assert not (payments.sources == payments.targets).any()
    assert payments.cents.min() >= 1


@given(SEEDS)
def test_fan_in_is_one_round_amount_from_many_to_one(seed: int) -> None:
    payments = drawn(FanIn(), seed).payments
    assert len(set(payments.targets.tolist())) == 1
    assert len(set(payments.sources.tolist())) == len(payments.sources) >= 50
    (cents,) = set(payments.cents.tolist())
    assert 200_00 <= cents <= 2_000_00
    assert cents % 100_00 == 0


@given(SEEDS)
def test_rapid_fire_is_one_account_paying_small_amounts_to_a_few(seed: int) -> None:
    incident = drawn(RapidFire(), seed)
    assert len(set(incident.payments.sources.tolist())) == 1
    assert len(set(incident.payments.targets.tolist())) <= 5
    assert incident.payments.cents.max() <= 150_00
    assert incident.after[-1] <= 2 * MINUTE


@given(SEEDS)
def test_structuring_stays_just_below_the_limit(seed: int) -> None:
    payments = drawn(Structuring(), seed).payments
    assert len(set(payments.sources.tolist())) == 1
    assert len(set(payments.targets.tolist())) <= 3
    assert 882_00 <= payments.cents.min() <= payments.cents.max() < 900_00


@given(SEEDS)
def test_a_takeover_empties_an_account_into_new_ones(seed: int) -> None:
    incident = drawn(AccountTakeover(), seed)
    (source,) = set(incident.payments.sources.tolist())
    targets = incident.payments.targets.tolist()
    assert len(set(targets)) == len(targets)
    assert not set(POPULATION.payees[source].tolist()) & set(targets)
    assert incident.payments.cents.min() >= 400_00
    assert incident.after[-1] <= 20 * MINUTE


@pytest.mark.parametrize(("dormant", "low", "high"), [(0, 0, 40), (0.5, 150, 270), (1, 400, 400)])
def test_takeovers_are_of_dormant_accounts_as_often_as_set(dormant: float, low: int, high: int) -> None:
    scenario = AccountTakeover(dormant=dormant)
    asleep = [int(drawn(scenario, seed).payments.sources[0]) in POPULATION.sleepers for seed in range(400)]
    assert low <= sum(asleep) <= high


def test_incidents_follow_their_parameters() -> None:
    fan_in = drawn(FanIn(payments=(5, 5), amount=(Decimal(30), Decimal(30)), round=Decimal(10), over=minutes(1, 1)), 1)
    assert (len(fan_in.after), fan_in.after[-1], fan_in.payments.cents[0]) == (5, MINUTE, 30_00)
    rapid = drawn(RapidFire(payments=(9, 9), targets=(9, 9), amount=(Decimal("0.01"), Decimal("0.01"))), 1)
    assert set(rapid.payments.cents.tolist()) == {1}
    structuring = drawn(Structuring(limit=Decimal(10_000), below=0.01, payments=(20, 20)), 1).payments.cents
    assert 9_900_00 <= structuring.min() <= structuring.max() < 10_000_00
    just_below = drawn(Structuring(limit=Decimal(10), below=0), 1).payments.cents
    assert set(just_below.tolist()) == {999}


@given(SEEDS)
def test_an_incident_of_one_payment_has_no_duration(seed: int) -> None:
    assert drawn(AccountTakeover(payments=(1, 1)), seed).after.tolist() == [0]


@given(SEEDS)
def test_a_compromised_receiver_is_paid_by_its_payers_as_usual(seed: int) -> None:
    incident = drawn(CompromisedReceiver(), seed)
    (target,) = set(incident.payments.targets.tolist())
    regular = {source for source in range(len(POPULATION)) if target in POPULATION.payees[source]}
    payers = set(incident.payments.sources.tolist())
    assert payers <= regular or len(payers) == 1
    assert incident.after[-1] >= 14 * 1440 * MINUTE


@given(SEEDS, st.sampled_from([SpendingChange(), HonestChange()]))
def test_changed_spending_is_larger_to_the_accounts_that_are_paid_anyway(seed: int, scenario: SpendingChange) -> None:
    payments = drawn(scenario, seed).payments
    (source,) = set(payments.sources.tolist())
    assert set(payments.targets.tolist()) <= set(POPULATION.payees[source].tolist())
    factors = [factor for factor in range(3, 9) if not (payments.cents % factor).any()]
    assert factors
