"""Traffic of ordinary payments and incidents."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from services.errors import UsageError
from services.generator.scenarios.fraud import Scenario
from services.generator.scenarios.population import Ints, Population
from services.generator.transactions import BLOCK, Texts, Times, Transactions, uuids


@dataclass(frozen=True)
class LabelledTransactions(Transactions):
    """Transactions with their labels, a row each.

    Attributes:
        scenario: Scenario of the row, S24; empty for an ordinary payment.
        incident: Incident of the row, S40; empty for an ordinary payment.
    """

    scenario: Texts
    incident: Texts


class LabelledTraffic:
    """An endless sequence of transactions with incidents, independent of the batches in which it is taken.

    Args:
        accounts: Number of accounts; at least 2.
        seed: Seed of the transactions: the same ones for the same times.
        scenarios: Scenarios of the incidents.
        exact: Add payments of incidents to the requested times, at exactly their own times. Otherwise each replaces the
            first ordinary payment that isn't earlier, and the times stay.

    Raises:
        UsageError: A scenario needs more accounts, or the rates leave nothing for ordinary payments.
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
        self._incidents_per_block = [rows * scenario.rate * 2 / sum(scenario.payments) for scenario in scenarios]
        # Ordered by time; the number preserves the order of payments of the same time.
        self._waiting: list[tuple[int, int, int, int, int, bytes, bytes]] = []
        self._numbers = count()
        self._blocks = 0
        self._used = 0
        self._block: LabelledTransactions | None = None

    @property
    def population(self) -> Population:
        """The accounts."""
        return self._population

    def take(self, limit: int, times: Times) -> LabelledTransactions:
        """Return the next transactions: at least one and at most ``limit``.

        Args:
            limit: Limit of their number.
            times: Creation times, which never decrease; called once per block.
        """
        if self._block is None or self._used == len(self._block):
            self._block, self._used = self._draw(times(self._blocks * BLOCK, BLOCK)), 0
            self._blocks += 1
        first, self._used = self._used, min(len(self._block), self._used + limit)
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
        scenario, incident = np.zeros(len(times), "S24"), np.zeros(len(times), "S40")
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
        """Draw the incidents that begin at one of the given times."""
        for scenario, expected in zip(self._scenarios, self._incidents_per_block, strict=True):
            name = scenario.name.encode() if scenario.is_fraud else b""
            for _ in range(self._chance.poisson(expected)):
                begin = self._chance.choice(times)
                incident = scenario.incident(self._population, self._chance)
                identifier = name + b"-" + self._chance.bytes(6).hex().encode()
                identifier = identifier if scenario.is_fraud else b""
                payments = incident.payments
                columns = (begin + incident.after, payments.sources, payments.targets, payments.cents)
                for due, source, target, cents in zip(*(column.tolist() for column in columns), strict=True):
                    payment = (due, next(self._numbers), source, target, cents, name, identifier)
                    heapq.heappush(self._waiting, payment)


def require_accounts(scenarios: Sequence[Scenario], accounts: int) -> None:
    """Check the number of accounts.

    Raises:
        UsageError: A scenario needs more.
    """
    for scenario in scenarios:
        if scenario.accounts_needed > accounts:
            raise UsageError(
                f"{scenario.name} needs at least {scenario.accounts_needed} accounts and there are {accounts}: "
                "take more accounts or smaller incidents"
            )


def share_of(scenarios: Sequence[Scenario]) -> float:
    """Return the share of all transactions that belong to an incident.

    Raises:
        UsageError: The share leaves nothing for ordinary payments.
    """
    share = sum(scenario.rate for scenario in scenarios)
    if share >= 1:
        raise UsageError(
            f"the rates of {', '.join(scenario.name for scenario in scenarios)} sum up to {share:g}: expected below 1"
        )
    return share


def _replacing(times: Ints, due: Ints) -> tuple[Ints, Ints]:
    """Return the times unchanged, and the rows at which due payments replace ordinary ones.

    There are fewer rows than payments where the last ones don't fit.
    """
    order = np.arange(len(due))
    rows = np.maximum.accumulate(np.searchsorted(times, due) - order) + order
    return times, rows[rows < len(times)]


def _between(times: Ints, due: Ints) -> tuple[Ints, Ints]:
    """Return all times with those of the due payments, in order, and the rows of the latter."""
    before = np.searchsorted(times, due, side="right")
    return np.insert(times, before, due), before + np.arange(len(due))
