"""Simulates customers, terminals, their transactions and fraud."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

DAY_SECONDS = 86_400
_NOON = DAY_SECONDS / 2
_SPREAD_SECONDS = 20_000
"""Standard deviation of the time of day."""
_SIDE = 100.0
"""Side of the square that customers and terminals live on."""
LARGE_AMOUNT, TERMINAL_COMPROMISED, CUSTOMER_COMPROMISED = 1, 2, 3
"""The scenarios' numbers in the book."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Simulation:
    """Parameters, by default those of the book's data.

    Attributes:
        customers: Number of customers.
        terminals: Number of terminals.
        days: Number of days.
        start: The first day.
        radius: Distance up to which a customer pays at a terminal.
        seed: Seed of all random numbers.
        large_cents: Amount above which every transaction is fraud, in cents.
        terminals_a_day: Terminals that are compromised each day.
        terminal_days: Days that a terminal stays so.
        customers_a_day: Customers whose card is compromised each day.
        customer_days: Days that a card stays so.
        customer_share: Share of a compromised customer's transactions that are fraud.
        customer_factor: Factor of the amount of these.
    """

    customers: int = 5000
    terminals: int = 10_000
    days: int = 183
    start: date = date(2018, 4, 1)
    radius: float = 5.0
    seed: int = 1
    large_cents: int = 22_000
    terminals_a_day: int = 2
    terminal_days: int = 28
    customers_a_day: int = 3
    customer_days: int = 14
    customer_share: float = 1 / 3
    customer_factor: int = 5


@dataclass(frozen=True)
class Transactions:
    """Transactions in the order of time, a row each.

    Attributes:
        seconds: Time since the start of the first day.
        customer: Number of the customer, who pays.
        terminal: Number of the terminal.
        cents: Amount in cents.
        scenario: 0 where it is no fraud, else the number of the scenario.
    """

    seconds: Ints
    customer: Ints
    terminal: Ints
    cents: Ints
    scenario: Ints

    def __len__(self) -> int:
        return len(self.seconds)


def simulate(simulation: Simulation) -> Transactions:
    """Return all transactions of a simulation: the same for the same parameters."""
    random = np.random.default_rng(simulation.seed)
    return _with_fraud(simulation, _honest(simulation, random), random)


def _honest(simulation: Simulation, random: np.random.Generator) -> Transactions:
    homes = random.uniform(0, _SIDE, (simulation.customers, 2))
    mean_amount = random.uniform(5, 100, simulation.customers)
    payments_a_day = random.uniform(0, 4, simulation.customers)
    places = random.uniform(0, _SIDE, (simulation.terminals, 2))
    near = list(_near(homes, places, simulation.radius))
    days = np.arange(simulation.days)
    parts: list[tuple[Ints, Ints, Ints, Ints]] = []
    for customer, terminals in enumerate(near):
        count = random.poisson(payments_a_day[customer], simulation.days)
        times = random.normal(_NOON, _SPREAD_SECONDS, int(count.sum())).astype(np.int64)
        is_in_day = (times > 0) & (times < DAY_SECONDS)
        seconds = (np.repeat(days, count) * DAY_SECONDS + times)[is_in_day]
        cents = _amounts(mean_amount[customer], len(seconds), random)
        if len(terminals):
            where = terminals[random.integers(len(terminals), size=len(seconds))]
            parts.append((seconds, np.full(len(seconds), customer), where, cents))
    seconds, customer_column, terminal, cents = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(seconds, kind="stable")
    return Transactions(
        seconds[order], customer_column[order], terminal[order], cents[order], np.zeros(len(order), np.int64)
    )


def _near(homes: Floats, places: Floats, radius: float) -> Iterator[Ints]:
    """Yield for each customer the terminals within the radius."""
    for home in homes:
        yield np.flatnonzero(((places - home) ** 2).sum(axis=1) < radius**2)


def _amounts(mean: float, count: int, random: np.random.Generator) -> Ints:
    """Return amounts in cents: normal, and uniform up to twice the mean where that is negative."""
    amounts = random.normal(mean, mean / 2, count)
    negative = amounts < 0
    amounts[negative] = random.uniform(0, 2 * mean, int(negative.sum()))
    return np.rint(amounts * 100).astype(np.int64)


def _with_fraud(simulation: Simulation, honest: Transactions, random: np.random.Generator) -> Transactions:
    """Put in the three scenarios; where two meet, the later one counts, as in the book."""
    day = honest.seconds // DAY_SECONDS
    cents, scenario = honest.cents.copy(), np.zeros(len(honest), np.int64)
    scenario[cents > simulation.large_cents] = LARGE_AMOUNT
    first_of_day = np.searchsorted(day, np.arange(simulation.days + 1))

    def rows_of(values: Ints, chosen: Ints, first: int, length: int) -> Ints:
        begin, end = int(first_of_day[first]), int(first_of_day[min(first + length, simulation.days)])
        return np.flatnonzero(np.isin(values[begin:end], chosen)) + begin

    last = int(day.max()) if len(day) else 0
    for first in range(last):
        chosen = random.choice(simulation.terminals, simulation.terminals_a_day, replace=False)
        scenario[rows_of(honest.terminal, chosen, first, simulation.terminal_days)] = TERMINAL_COMPROMISED
    for first in range(last):
        chosen = random.choice(simulation.customers, simulation.customers_a_day, replace=False)
        rows = rows_of(honest.customer, chosen, first, simulation.customer_days)
        rows = random.choice(rows, int(len(rows) * simulation.customer_share), replace=False)
        cents[rows] *= simulation.customer_factor
        scenario[rows] = CUSTOMER_COMPROMISED
    return replace(honest, cents=cents, scenario=scenario)
