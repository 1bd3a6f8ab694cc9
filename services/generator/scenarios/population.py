"""Accounts and their ordinary payments.

Their distributions are skewed: a few accounts pay and are paid far more often than the others, each has its hours of
the day, its own size of payment and a few accounts that it mostly pays; a few are always paid a fixed price, and some
hardly ever pay at all.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.generator.transactions import Texts, account_ids

Ints = npt.NDArray[np.int64]
Random = np.random.Generator

HOUR_MS = 3_600_000
PAYEES = 8
"""Limit of the accounts that an account pays regularly."""

# Drawing the account at floor(count * u ** _SKEW) for a uniform u gives a Pareto tail of exponent _SKEW / (_SKEW - 1):
# the first 1 % of the accounts do 16 % of the payments, the first 10 % do 40 %.
_SKEW = 2.5
# Sleepers: their share of the accounts, and of the payments (a twentieth of what they would have otherwise).
_SLEEPERS, _SLEEPERS_PAYMENTS = 0.05, 0.0025
# Share of the payments to accounts that are not paid regularly, and of payments of a round amount.
_STRANGERS, _ROUND = 0.06, 0.1
_ROUND_CENTS = 1000
# Medians are log-normal around 40.00, spreads (sigma of the logarithm) are uniform.
_MEDIAN_CENTS, _MEDIANS_SIGMA, _SPREADS = 4000, 1.0, (0.3, 0.9)
_LEAST_CENTS, _MOST_CENTS = 50, 5_000_000
# The share of the accounts that are paid a fixed price, and its distribution.
_SELLERS, _PRICE_CENTS, _PRICES_SIGMA = 0.03, 2000, 1.0

# Relative activity of the accounts of each habit in each hour of the day (UTC): offices, people, owls.
_HABITS = np.array(
    [
        [1, 1, 1, 1, 1, 2, 6, 14, 22, 24, 24, 22, 18, 22, 24, 24, 20, 12, 6, 4, 2, 2, 1, 1],
        [4, 2, 1, 1, 1, 2, 5, 10, 13, 14, 15, 17, 19, 17, 16, 16, 18, 20, 21, 20, 17, 13, 9, 6],
        [20, 16, 11, 7, 4, 2, 2, 3, 4, 5, 6, 7, 8, 8, 8, 9, 10, 12, 15, 18, 21, 23, 24, 23],
    ],
    np.float64,
)
_HABITS /= _HABITS.mean(axis=1, keepdims=True)

DAY = _HABITS.mean(axis=0)
"""Activity of all accounts together in each hour of the day (UTC); 1 on average."""


@dataclass(frozen=True)
class Payments:
    """Payments between accounts, a row each.

    Attributes:
        sources: Paying accounts, as indices.
        targets: Receiving accounts, as indices; never the source of the same row.
        cents: Amounts in hundredths of the currency's unit.
    """

    sources: Ints
    targets: Ints
    cents: Ints


class Population:
    """Accounts, the same for the same seed.

    Args:
        count: Number of accounts; at least 2.
        seed: Seed of their ids and habits.
    """

    def __init__(self, count: int, seed: np.random.SeedSequence) -> None:
        for_ids, for_habits = seed.spawn(2)
        random = np.random.default_rng(for_habits)
        self.ids: Texts = account_ids(count, np.random.default_rng(for_ids))
        self._awake = count - int(count * _SLEEPERS)
        habits = min(len(_HABITS), self._awake)
        # Account i has habit i % habits, so each habit has its very active and its quiet accounts.
        self._per_habit = np.array([len(range(habit, self._awake, habits)) for habit in range(habits)])
        self._habit_limits = np.cumsum(_HABITS[:habits], axis=0).T / _HABITS[:habits].sum(axis=0)[:, np.newaxis]
        # The popularity of an account is independent of its activity.
        self._popular = random.permutation(count).astype(np.int32)
        self.payees = np.empty((count, PAYEES), np.int32)
        for column in self.payees.T:  # column by column: with ten million accounts it takes a gigabyte less
            column[:] = self._replace_self(np.arange(count), self._draw_popular(count, random))
        self._payees_of_each = random.integers(1, PAYEES + 1, count, dtype=np.int8)
        self.median_cents = _MEDIAN_CENTS * random.lognormal(0, _MEDIANS_SIGMA, count)
        self._spread = random.uniform(*_SPREADS, count)
        prices = np.maximum(_LEAST_CENTS, _PRICE_CENTS * random.lognormal(0, _PRICES_SIGMA, count)).astype(np.int64)
        self._price_cents = np.where(random.random(count) < _SELLERS, prices, 0)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def sleepers(self) -> range:
        """The accounts that hardly ever pay; possibly empty."""
        return range(self._awake, len(self))

    def pay(self, created_at: Ints, random: Random) -> Payments:
        """Draw an ordinary payment for each of some times.

        Args:
            created_at: Times in milliseconds since 1970.
            random: Source of randomness.
        """
        rows = len(created_at)
        limits = self._habit_limits[created_at // HOUR_MS % 24]
        habit = (random.random(rows)[:, np.newaxis] >= limits[:, :-1]).sum(axis=1)
        rank = (self._per_habit[habit] * random.random(rows) ** _SKEW).astype(np.int64)
        sources = habit + rank * len(self._per_habit)
        if self.sleepers:
            asleep = random.random(rows) < _SLEEPERS_PAYMENTS
            sources[asleep] = random.integers(self._awake, len(self), int(asleep.sum()))
        # Squared: the first regular payee gets most.
        which = (self._payees_of_each[sources] * random.random(rows) ** 2).astype(np.int64)
        targets = self.payees[sources, which].astype(np.int64)
        strange = random.random(rows) < _STRANGERS
        targets[strange] = self._replace_self(sources[strange], self._draw_popular(int(strange.sum()), random))
        return Payments(sources, targets, self.amounts(sources, targets, random))

    def others(self, account: int, count: int, random: Random, *, new: bool = False) -> Ints:
        """Draw different accounts other than a given one, all equally likely.

        Args:
            account: The given account.
            count: Number of accounts; at most ``len(self) - 1``, or less ``PAYEES`` if they are to be new.
            random: Source of randomness.
            new: Exclude the accounts that the given one pays regularly.
        """
        known = {account, *(self.payees[account].tolist() if new else ())}
        drawn = random.choice(len(self), count + len(known), replace=False)
        return np.array([candidate for candidate in drawn.tolist() if candidate not in known][:count], np.int64)

    def payees_of(self, account: int, count: int, random: Random) -> Ints:
        """Draw accounts that an account pays regularly, with their usual frequencies."""
        which = (self._payees_of_each[account] * random.random(count) ** 2).astype(np.int64)
        payees: Ints = self.payees[account, which].astype(np.int64)
        return payees

    def payers_of(self, account: int, count: int, random: Random) -> Ints:
        """Draw accounts that pay an account regularly, and any where none does."""
        rows, columns = np.nonzero(self.payees == account)
        payers = rows[columns < self._payees_of_each[rows]].astype(np.int64)
        return random.choice(payers if len(payers) else self.others(account, 1, random), count)

    def amounts(self, sources: Ints, targets: Ints, random: Random) -> Ints:
        """Draw the amounts of ordinary payments between accounts, in hundredths of the currency's unit."""
        rows = len(sources)
        cents = self.median_cents[sources] * np.exp(self._spread[sources] * random.standard_normal(rows))
        rounded = np.maximum(1, np.rint(cents / _ROUND_CENTS)) * _ROUND_CENTS
        cents = np.where(random.random(rows) < _ROUND, rounded, np.rint(cents))
        price = self._price_cents[targets]
        return np.where(price > 0, price, np.clip(cents, _LEAST_CENTS, _MOST_CENTS).astype(np.int64))

    def _draw_popular(self, count: int, random: Random) -> Ints:
        return self._popular[(len(self) * random.random(count) ** _SKEW).astype(np.int64)].astype(np.int64)

    def _replace_self(self, accounts: Ints, candidates: Ints) -> Ints:
        """Return the candidates, or the next account where a candidate is the account itself."""
        return np.where(candidates == accounts, (candidates + 1) % len(self), candidates)
