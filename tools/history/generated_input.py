"""A generated stream as a history."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.generator.scenarios import labelled_stream, read_scenarios
from services.history.blocks import Block, Labels

START_MS = 1_767_225_600_000
"""Beginning of generated streams: 2026-01-01 in UTC, the same every time."""


@dataclass(frozen=True)
class StreamSettings:
    """Settings of a generated stream: equal settings give equal transactions.

    Attributes:
        scenarios: The scenarios mixed in, as the setting ``SCENARIOS`` has them.
        seed: The seed of the random numbers.
        transactions: Number of transactions.
        accounts: Number of accounts.
        rate: Transactions a second of event time.
    """

    scenarios: str = "standard"
    seed: int = 1
    transactions: int = 1_000_000
    accounts: int = 10_000
    rate: float = 0.4


@dataclass(frozen=True)
class StreamInput:
    """Makes a stream.

    Args:
        settings: The settings of the stream.
        partitions: Number of partitions to spread it over.
    """

    settings: StreamSettings
    partitions: int

    @property
    def name(self) -> str:
        """Name in reports."""
        of = self.settings
        return f"scenarios {of.scenarios}, seed {of.seed}, {of.accounts:,} accounts, {of.rate:g} transactions a second"

    @property
    def labelled(self) -> int:
        """Return the number of transactions of which the truth is known: all."""
        return self.settings.transactions

    def blocks(self) -> Iterator[Block]:
        """The transactions, in order of event time.

        Raises:
            UsageError: The scenarios can't be had, or not with so few accounts.
        """
        of = self.settings
        scenarios = read_scenarios(of.scenarios)
        for part in labelled_stream(of.seed, of.transactions, of.accounts, of.rate, scenarios, START_MS):
            yield Block(part.columns, len(part), Labels(part.scenario != b"", part.scenario, part.incident))

    def notes(self) -> list[str]:
        """Remarks: none."""
        return []
