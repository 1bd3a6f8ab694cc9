"""Fraud scenarios: the drawing of an incident, an occurrence of a scenario."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.generator.scenarios.parameters import Amount, Amounts, Counts, Durations, Rate, Share
from services.generator.scenarios.population import PAYEES, Ints, Payments, Population, Random


@dataclass(frozen=True)
class Incident:
    """The payments of one occurrence, in order of time.

    Attributes:
        after: Milliseconds of each after the first, which is 0.
        payments: Accounts and amounts of each.
    """

    after: Ints
    payments: Payments


class Scenario(BaseModel, ABC):
    """A kind of fraud, with its parameters. Amounts are in units of the currency.

    Attributes:
        name: Name in settings and labels.
        is_fraud: Whether its payments are labelled.
        rate: Average share of all transactions.
        payments: Limits of the number of payments of an incident; all numbers between are equally likely.
        over: Limits of its duration.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str]
    is_fraud: ClassVar[bool] = True

    rate: Rate
    payments: Counts
    over: Durations

    @property
    @abstractmethod
    def accounts_needed(self) -> int:
        """The least number of accounts."""

    @abstractmethod
    def incident(self, population: Population, random: Random) -> Incident:
        """Draw an incident."""


class FanIn(Scenario):
    """Many senders pay the same round amount to one receiver.

    Attributes:
        payments: Limits of their number, each from another sender.
        amount: Limits of the amount.
        round: Factor of the amount.
        over: Limits of the duration.
    """

    name = "fan-in"

    rate: Rate = 0.002
    payments: Counts = (50, 80)
    amount: Amounts = (Decimal(200), Decimal(2000))
    round: Amount = Decimal(100)
    over: Durations = (timedelta(hours=2), timedelta(hours=12))

    @model_validator(mode="after")
    def _a_round_amount(self) -> Self:
        low, high = self._multiples
        if low > high:
            raise ValueError(f"amount: expected a multiple of round ({self.round}) in the range")
        return self

    @property
    def _multiples(self) -> tuple[int, int]:
        return math.ceil(self.amount[0] / self.round), math.floor(self.amount[1] / self.round)

    @property
    def accounts_needed(self) -> int:
        """The receiver and its senders."""
        return self.payments[1] + 1

    def incident(self, population: Population, random: Random) -> Incident:
        """Draw a receiver, its senders and the amount."""
        count = _between(self.payments, random)
        target = int(random.integers(len(population)))
        sources = population.others(target, count, random)
        cents = _between(self._multiples, random) * _cents(self.round)
        return Incident(
            _times(count, self.over, random), Payments(sources, np.full(count, target), np.full(count, cents))
        )


class _OnePayer(Scenario):
    """One account pays few others many times.

    Attributes:
        targets: Limits of the number of paid accounts; no more than there are payments.
    """

    targets: Counts

    @property
    def accounts_needed(self) -> int:
        """The sender and its receivers."""
        return self.targets[1] + 1

    def incident(self, population: Population, random: Random) -> Incident:
        """Draw an account, its receivers and the amounts."""
        count = _between(self.payments, random)
        source = int(random.integers(len(population)))
        targets = population.others(source, _between(self.targets, random), random)
        return Incident(
            _times(count, self.over, random),
            Payments(np.full(count, source), random.choice(targets, count), self._draw_cents(count, random)),
        )

    @abstractmethod
    def _draw_cents(self, count: int, random: Random) -> Ints:
        """Draw the amounts, in hundredths of the currency's unit."""


class RapidFire(_OnePayer):
    """One account pays small amounts repeatedly, as a program does that tests a stolen card.

    Attributes:
        amount: Limits of each amount.
    """

    name = "rapid-fire"

    rate: Rate = 0.001
    payments: Counts = (20, 60)
    targets: Counts = (1, 5)
    amount: Amounts = (Decimal(1), Decimal(150))
    over: Durations = (timedelta(seconds=20), timedelta(minutes=2))

    def _draw_cents(self, count: int, random: Random) -> Ints:
        return _amounts(count, self.amount, random)


class Structuring(_OnePayer):
    """One account pays a large sum in parts, each just under a reporting limit.

    Attributes:
        limit: The reporting limit.
        below: Largest distance of a payment to the limit, as a share of the limit.
    """

    name = "structuring"

    rate: Rate = 0.001
    payments: Counts = (6, 20)
    targets: Counts = (1, 3)
    limit: Annotated[Amount, Field(ge=1)] = Decimal(900)
    below: Share = 0.02
    over: Durations = (timedelta(minutes=30), timedelta(hours=6))

    def _draw_cents(self, count: int, random: Random) -> Ints:
        limit = _cents(self.limit)
        least = min(limit - 1, round(limit * (1 - self.below)))
        return random.integers(max(1, least), limit, count)


class AccountTakeover(Scenario):
    """A thief empties an account: quickly, in large amounts, to accounts that it doesn't pay otherwise.

    Attributes:
        payments: Limits of their number, each to another account.
        amount: Limits of each amount.
        over: Limits of the duration.
        dormant: Probability that the account is one that hardly ever pays; otherwise it is any.
    """

    name = "account-takeover"

    rate: Rate = 0.0005
    payments: Counts = (3, 10)
    amount: Amounts = (Decimal(400), Decimal(3000))
    over: Durations = (timedelta(minutes=2), timedelta(minutes=20))
    dormant: Share = 0.5

    @property
    def accounts_needed(self) -> int:
        """The account, those that it pays regularly and those that it pays now."""
        return self.payments[1] + PAYEES + 1

    def incident(self, population: Population, random: Random) -> Incident:
        """Draw an account, dormant or not, and targets that it does not pay regularly."""
        count = _between(self.payments, random)
        dormant = population.sleepers and random.random() < self.dormant
        source = int(random.choice(population.sleepers) if dormant else random.integers(len(population)))
        targets = population.others(source, count, random, new=True)
        return Incident(
            _times(count, self.over, random),
            Payments(np.full(count, source), targets, _amounts(count, self.amount, random)),
        )


class CompromisedReceiver(Scenario):
    """A receiver is compromised for weeks: payments of its usual payers go to a thief, at ordinary amounts.

    Nothing but the receiver tells them from other payments, and only once labels of earlier ones have arrived.
    """

    name = "compromised-receiver"

    rate: Rate = 0.004
    payments: Counts = (15, 60)
    over: Durations = (timedelta(days=14), timedelta(days=28))

    @property
    def accounts_needed(self) -> int:
        """The receiver and a payer."""
        return 2

    def incident(self, population: Population, random: Random) -> Incident:
        """Draw a receiver, payers that pay it regularly where there are any, and amounts that they usually pay."""
        count = _between(self.payments, random)
        target = int(random.integers(len(population)))
        sources = population.payers_of(target, count, random)
        payments = Payments(
            sources, np.full(count, target), population.amounts(sources, np.full(count, target), random)
        )
        return Incident(_times(count, self.over, random), payments)


class SpendingChange(Scenario):
    """A payer's credentials are used by others for weeks: larger payments, to the accounts that it pays, among its own.

    Attributes:
        factor: Limits of the factor by which these are larger.
    """

    name = "spending-change"

    rate: Rate = 0.002
    payments: Counts = (5, 20)
    over: Durations = (timedelta(days=7), timedelta(days=14))
    factor: Counts = (3, 8)

    @property
    def accounts_needed(self) -> int:
        """The payer and a receiver."""
        return 2

    def incident(self, population: Population, random: Random) -> Incident:
        """Draw a payer, receivers that it pays regularly, and its usual amounts, multiplied."""
        count = _between(self.payments, random)
        source = int(random.integers(len(population)))
        sources, targets = np.full(count, source), population.payees_of(source, count, random)
        cents = population.amounts(sources, targets, random) * _between(self.factor, random)
        return Incident(_times(count, self.over, random), Payments(sources, targets, cents))


class HonestChange(SpendingChange):
    """A payer spends more for a few days, as on a journey: what a spending change looks like, and no fraud."""

    name = "honest-change"
    is_fraud = False

    over: Durations = (timedelta(days=3), timedelta(days=14))


def _between(ends: tuple[int, int], random: Random) -> int:
    return int(random.integers(ends[0], ends[1] + 1))


def _cents(amount: Decimal) -> int:
    return int(amount * 100)


def _amounts(count: int, ends: tuple[Decimal, Decimal], random: Random) -> npt.NDArray[np.int64]:
    return random.integers(_cents(ends[0]), _cents(ends[1]) + 1, count)


def _times(count: int, over: tuple[timedelta, timedelta], random: Random) -> Ints:
    """Return the times of an incident's payments: the first at 0, the last at its end, the others uniform between."""
    shortest, longest = (duration // timedelta(milliseconds=1) for duration in over)
    after = np.sort(random.random(count))
    after = (after - after[0]) / max(after[-1] - after[0], 1e-9)
    after = np.rint(after * random.integers(shortest, longest + 1))
    return np.asarray(after, np.int64)
