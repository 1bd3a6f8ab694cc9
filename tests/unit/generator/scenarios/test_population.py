"""Statistics of ordinary payments; seeds are fixed, tolerances wide."""

from collections import Counter
from functools import cache

import numpy as np
import pytest

from services.generator.scenarios.population import DAY, HOUR_MS, PAYEES, Payments, Population

ACCOUNTS, ROWS = 2000, 400_000


@cache
def population() -> Population:
    return Population(ACCOUNTS, np.random.SeedSequence(3))


def paid(created_at: np.ndarray, seed: int = 4) -> Payments:
    return population().pay(created_at, np.random.default_rng(seed))


@cache
def around_the_clock() -> Payments:
    hours = np.random.default_rng(1).choice(24, ROWS, p=DAY / DAY.sum())
    return paid(hours * HOUR_MS)


def busiest_first(accounts: np.ndarray) -> np.ndarray:
    return np.sort(np.bincount(accounts, minlength=ACCOUNTS))[::-1]


def test_a_few_accounts_pay_and_are_paid_far_more_than_the_others() -> None:
    for accounts in (around_the_clock().sources, around_the_clock().targets):
        counts = busiest_first(accounts)
        assert 0.1 < counts[: ACCOUNTS // 100].sum() / ROWS < 0.3
        assert 0.3 < counts[: ACCOUNTS // 10].sum() / ROWS < 0.55
        # The tail is heavy all along, as Pareto's is.
        assert counts[2] > 2 * counts[20] > 4 * counts[200]


def test_sleepers_hardly_ever_pay() -> None:
    counts = np.bincount(around_the_clock().sources, minlength=ACCOUNTS)
    sleepers = population().sleepers
    assert len(sleepers) == ACCOUNTS // 20
    assert 0 < counts[sleepers].mean() < 0.1 * counts.mean()


def test_each_account_mostly_pays_a_few_others() -> None:
    payments = around_the_clock()
    shares = []
    for account in range(100):
        targets = Counter(payments.targets[payments.sources == account].tolist())
        shares.append(sum(count for _, count in targets.most_common(PAYEES)) / targets.total())
        assert account not in targets
    assert 0.88 < np.mean(shares) < 1


def test_accounts_have_their_hours() -> None:
    night, noon = (paid(np.full(20_000, hour * HOUR_MS)) for hour in (2, 11))
    at_night, at_noon = (set(np.argsort(np.bincount(payments.sources))[-5:].tolist()) for payments in (night, noon))
    assert at_night != at_noon
    # An office, of every third account, makes many of the payments before noon and hardly any at night.
    assert (noon.sources % 3 == 0).mean() > 8 * (night.sources % 3 == 0).mean() / 3
    assert (noon.sources % 3 == 0).mean() > 0.4


def test_a_day_has_its_rhythm() -> None:
    assert DAY.mean() == pytest.approx(1)
    assert DAY[10:18].min() > 2 * DAY[2:5].max()


def test_amounts_are_log_normal_around_the_accounts_own_median() -> None:
    payments = around_the_clock()
    medians, spreads = [], []
    for account in range(60):
        amounts = np.log(payments.cents[payments.sources == account])
        medians.append(np.median(amounts) - np.log(population().median_cents[account]))
        spreads.append(amounts.std())
    assert abs(np.median(medians)) < 0.15
    assert 0.25 < np.median(spreads) < 1.1
    assert np.log(population().median_cents).std() == pytest.approx(1, abs=0.1)
    assert population().median_cents.min() < 500
    assert population().median_cents.max() > 20_000


def test_some_amounts_are_round_and_large_ones_are_few() -> None:
    cents = around_the_clock().cents
    assert 0.08 < (cents % 1000 == 0).mean() < 0.13
    assert 0.001 < (cents >= 90_000).mean() < 0.02
    assert cents.min() >= 50


def test_a_few_accounts_have_one_price_for_everybody() -> None:
    payments = around_the_clock()
    popular = np.argsort(np.bincount(payments.targets, minlength=ACCOUNTS))[-600:]
    fixed = [account for account in popular if len(set(payments.cents[payments.targets == account].tolist())) == 1]
    assert 5 <= len(fixed) <= 40


def test_strangers_are_new_and_different() -> None:
    random = np.random.default_rng(1)
    for account in range(20):
        strangers = population().others(account, 30, random, new=True).tolist()
        assert len(set(strangers)) == 30
        assert not {account, *population().payees[account].tolist()} & set(strangers)


@pytest.mark.parametrize("count", [2, 3, 4, 25])
def test_a_handful_of_accounts_pay_each_other(count: int) -> None:
    few = Population(count, np.random.SeedSequence(1))
    payments = few.pay(np.arange(2000) * HOUR_MS, np.random.default_rng(1))
    assert set(payments.sources.tolist()) == set(range(count))
    assert not (payments.sources == payments.targets).any()
