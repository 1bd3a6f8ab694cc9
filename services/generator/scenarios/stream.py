"""A labelled stream in memory, without a wall clock: days of event time in seconds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.generator.encoding import columns_of
from services.generator.scenarios.fraud import Scenario
from services.generator.scenarios.population import DAY, HOUR_MS, Ints
from services.generator.scenarios.traffic import LabelledTraffic, share_of
from services.generator.transactions import BLOCK, Texts

_DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Block:
    """Transactions in order of event time, with their labels.

    Attributes:
        columns: By field name an array of a value per row: text as bytes, amounts in cents, times in milliseconds.
        scenario: Scenario of each row, S24; empty for an ordinary payment.
        incident: Incident of each row, S40; empty for an ordinary payment.
    """

    columns: Mapping[str, npt.NDArray[Any]]
    scenario: Texts
    incident: Texts

    def __len__(self) -> int:
        return len(self.scenario)


@dataclass(frozen=True)
class DayClock:
    """Times with a daily rhythm: few at night, many by day (UTC), each day the same.

    Attributes:
        rate: Times per second on average over a day; above 0.
        start_ms: The first one, in milliseconds since 1970.
    """

    rate: float
    start_ms: int

    def created_at(self, first: int, count: int) -> Ints:
        """Return consecutive times, in milliseconds since 1970.

        Args:
            first: Index of the first one.
            count: Number of times.
        """
        hours = np.arange(25) * HOUR_MS
        done = np.concatenate([[0], np.cumsum(DAY)]) / DAY.sum()
        day, time = divmod(self.start_ms, _DAY_MS)
        days = np.interp(time, hours, done) + np.arange(first, first + count) / (self.rate * _DAY_MS / 1000)
        whole = np.floor(days)
        within = np.rint(np.interp(days - whole, done, hours))
        created_at: Ints = (day * _DAY_MS + whole * _DAY_MS + within).astype(np.int64)
        return created_at


def labelled_stream(  # noqa: PLR0917 - all of them define the stream
    seed: int, count: int, accounts: int, rate: float, scenarios: Sequence[Scenario], start: int
) -> Iterator[Block]:
    """Make a labelled stream, a block at a time.

    The end of the stream may cut off the last incidents.

    Args:
        seed: Seed of the stream.
        count: Number of transactions.
        accounts: Number of accounts.
        rate: Transactions a second of event time, on average over a day; 10,000 accounts that pay three or four times a
            day make 0.4.
        scenarios: Scenarios, such as ``STANDARD``.
        start: Start of the stream, in milliseconds since 1970.

    Raises:
        UsageError: A scenario needs more accounts, or the rates leave nothing for ordinary payments.
    """
    traffic = LabelledTraffic(accounts, seed, scenarios, exact=True)
    clock = DayClock(rate * (1 - share_of(scenarios)), start)
    while count > 0:
        rows = traffic.take(min(count, BLOCK), clock.created_at)
        count -= len(rows)
        yield Block(columns_of(rows), rows.scenario, rows.incident)
