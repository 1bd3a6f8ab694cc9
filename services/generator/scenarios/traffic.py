"""Mixes incidents into the accounts' ordinary payments."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from services.errors import UsageError
from services.generator.scenarios.fraud import Scenario
from services.generator.scenarios.population import Ints, Payments, Population
from services.generator.transactions import BLOCK, Texts, Times, Transactions, uuids


@dataclass(frozen=True)
class LabelledTransactions(Transactions):
    """Some transactions and the truth about them, a row each.

    Attributes:
        scenario: The name of the scenario that it belongs to, S16; empty for an ordinary payment.
        incident: Which occurrence of the scenario it belongs to, S32; empty for an ordinary payment.
    """

    scenario: Texts
    incident: Texts


class LabelledTraffic:
    """An endless sequence of transactions with incidents among them. How it is cut into batches does not change it.

    Args:
        accounts: How many accounts take part; at least 2.
        seed: The same gives the same transactions for the same times.
        scenarios: What is mixed in.
        exact: Payments of incidents come in addition to the times that are asked for and at exactly their own times;
            otherwise each takes the place of the first ordinary payment that isn't earlier, so that the times stay.

    Raises:
        UsageError: If a scenario needs more accounts, or the rates leave nothing for ordinary payments.
    """

    def __init__(self, accounts: int, seed: int, scenarios: Sequence[Scenario], *, exact: bool = False) -> None:
        require_accounts(scenarios, accounts)
        for_accounts, for_payments, for_incidents = np.random.SeedSequence(seed).spawn(3)
        self._population = Population(accounts, for_accounts)
        self._random = np.random.default_rng(for_payments)
        self._chance = np.random.default_rng(for_incidents)
        self._scenarios = tuple(scenarios)
        self._place = _between if exact else _replacing
        share = share_of(scenarios)
        rows = BLOCK / (1 - share) if exact else BLOCK
        self._beginnings = [rows * one.rate * 2 / sum(one.payments) for one in scenarios]
        # By time of the payments to come; the number keeps those of the same time in their order.
        self._waiting: list[tuple[int, int, int, int, int, bytes, bytes]] = []
        self._numbers = count()
        self._blocks = 0
        self._used = 0
        self._block: LabelledTransactions | None = None

    @property
    def population(self) -> Population:
        """The accounts."""
        return self._population

    def take(self, most: int, times: Times) -> LabelledTransactions:
        """The next transactions: at least one and at most ``most``.

        Args:
            most: How many at most.
            times: When they are made, never going back; asked for a block at a time.
        """
        if self._block is None or self._used == len(self._block):
            self._block, self._used = self._draw(times(self._blocks * BLOCK, BLOCK)), 0
            self._blocks += 1
        first, self._used = self._used, min(len(self._block), self._used + most)
        return self._block[first : self._used]

    def _draw(self, times: Ints) -> LabelledTransactions:
        self._begin(times)
        due = []
        while self._waiting and self._waiting[0][0] <= times[-1]:
            due.append(heapq.heappop(self._waiting))
        times, rows = self._place(times, np.array([payment[0] for payment in due], np.int64))
        for payment in due[len(rows) :]:
            heapq.heappush(self._waiting, payment)
        payments = self._population.pay(times, self._random)
        scenario, incident = np.zeros(len(times), "S16"), np.zeros(len(times), "S32")
        if len(rows):
            _, _, sources, targets, cents, names, incidents = zip(*due[: len(rows)], strict=True)
            payments.sources[rows], payments.targets[rows], payments.cents[rows] = sources, targets, cents
            scenario[rows], incident[rows] = names, incidents
        return LabelledTransactions(
            ids=uuids(len(times), self._random),
            sources=self._population.ids[payments.sources],
            targets=self._population.ids[payments.targets],
            cents=payments.cents,
            created_at=times,
            scenario=scenario,
            incident=incident,
        )

    def _begin(self, times: Ints) -> None:
        """Draw the incidents that begin at one of some times."""
        for scenario, expected in zip(self._scenarios, self._beginnings, strict=True):
            name = scenario.name.encode()
            for _ in range(self._chance.poisson(expected)):
                begin = self._chance.choice(times)
                incident = scenario.incident(self._population, self._chance)
                identifier = name + b"-" + self._chance.bytes(6).hex().encode()
                made: Payments = incident.payments
                columns = (begin + incident.after, made.sources, made.targets, made.cents)
                for due, source, target, cents in zip(*(column.tolist() for column in columns), strict=True):
                    payment = (due, next(self._numbers), source, target, cents, name, identifier)
                    heapq.heappush(self._waiting, payment)


def require_accounts(scenarios: Sequence[Scenario], accounts: int) -> None:
    """Check that there are accounts enough.

    Raises:
        UsageError: If a scenario needs more.
    """
    for scenario in scenarios:
        if scenario.accounts_needed > accounts:
            raise UsageError(
                f"{scenario.name} needs at least {scenario.accounts_needed} accounts and there are {accounts}: "
                "take more accounts or smaller incidents"
            )


def share_of(scenarios: Sequence[Scenario]) -> float:
    """The share of all transactions that belong to an incident.

    Raises:
        UsageError: If it leaves nothing for ordinary payments.
    """
    share = sum(scenario.rate for scenario in scenarios)
    if share >= 1:
        raise UsageError(
            f"the rates of {', '.join(one.name for one in scenarios)} sum up to {share:g}: expected below 1"
        )
    return share


def _replacing(times: Ints, due: Ints) -> tuple[Ints, Ints]:
    """The times as they are, and the rows at which payments that are due take the place of ordinary ones.

    There are fewer rows than payments where the last ones don't fit in any more.
    """
    order = np.arange(len(due))
    rows = np.maximum.accumulate(np.searchsorted(times, due) - order) + order
    return times, rows[rows < len(times)]


def _between(times: Ints, due: Ints) -> tuple[Ints, Ints]:
    """The times and those of the payments that are due, in order, and the rows of the latter."""
    before = np.searchsorted(times, due, side="right")
    return np.insert(times, before, due), before + np.arange(len(due))
