"""Summary of transactions that a dry run would send: what they are like, and the first of them as they would be."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.replay.progress import Figures
from tools.transaction_files.blocks import Block
from tools.transaction_files.preview import amount_text, first_transactions, time_text
from tools.transaction_files.row_reader import RowReader

_FIRST = 3
_MOST_ACCOUNTS = 2_000_000  # that are told apart: about 200 MB
_CURRENCIES = 6


@dataclass
class Summary:
    """Figures of transactions, a block at a time.

    Attributes:
        currencies: By code the number of transactions.
        lowest: The smallest amount, unscaled; None without transactions.
        highest: The largest amount.
        sources: The accounts that pay, up to a number.
        targets: The accounts that receive.
        unknown: Number of transactions without a label.
        first: The first transactions.
    """

    currencies: Counter[str] = field(default_factory=Counter)
    lowest: int | None = None
    highest: int | None = None
    sources: set[bytes] = field(default_factory=set)
    targets: set[bytes] = field(default_factory=set)
    unknown: int = 0
    first: Block | None = None

    def add(self, block: Block) -> None:
        """Take in some more transactions."""
        if not len(block):
            return
        amounts = block.columns["amount"]
        low, high = int(amounts.min()), int(amounts.max())
        self.lowest = low if self.lowest is None else min(low, self.lowest)
        self.highest = high if self.highest is None else max(high, self.highest)
        codes, counts = np.unique(block.columns["currency"], return_counts=True)
        self.currencies.update(dict(zip((code.decode() for code in codes.tolist()), counts.tolist(), strict=True)))
        for accounts, name in ((self.sources, "source"), (self.targets, "target")):
            if len(accounts) < _MOST_ACCOUNTS:
                accounts.update(block.columns[name].tolist())
        self.unknown += len(block) - int(block.labelled.sum())
        if self.first is None:
            self.first = block.at(slice(_FIRST))


def summary_table(figures: Figures, summary: Summary, reader: RowReader, topic: str) -> RenderableType:
    """Return the summary of a dry run for people."""
    parts: list[RenderableType] = [
        Text.assemble((str(path), "bold"), f": {file.description}") for path, file in reader.files[:_CURRENCIES]
    ]
    if len(reader.files) > _CURRENCIES:
        parts.append(Text(f"and {len(reader.files) - _CURRENCIES} more files"))
    parts += [Text(), _facts(figures, summary, reader.readers.amounts.scale, topic)]
    if summary.first is not None:
        parts += [Text(), first_transactions(summary.first, reader.readers.amounts.scale, _FIRST)]
    if figures.notes:
        parts += [Text(), *(Text(f"note: {note}", style="yellow") for note in figures.notes)]
    if not figures.complete:
        parts += [Text(), Text("ended early: what comes after these rows was not read", style="red")]
    return Group(*parts)


def _facts(figures: Figures, summary: Summary, scale: int, topic: str) -> Table:
    sent = figures.sent
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("transactions", f"{sent.transactions:,} would go to {topic}")
    style = "red" if figures.unfit else ""
    table.add_row("don't fit", Text(f"{figures.unfit:,} rows{': each is named above' if figures.unfit else ''}", style))
    if figures.left_out:
        table.add_row("left out", f"{figures.left_out:,} rows")
    if sent.first_ms is not None and sent.last_ms is not None:
        lowest, highest = (amount_text(amount or 0, scale) for amount in (summary.lowest, summary.highest))
        table.add_row("order", figures.order)
        table.add_row("times", f"{time_text(sent.first_ms)} to {time_text(sent.last_ms)} UTC")
        table.add_row("amounts", f"{lowest} to {highest}")
        most = [f"{code} {count:,}" for code, count in summary.currencies.most_common(_CURRENCIES)]
        table.add_row("currencies", ", ".join(most) + (", ..." if len(summary.currencies) > _CURRENCIES else ""))
        table.add_row("accounts", f"{len(summary.sources):,} pay, {len(summary.targets):,} receive")
        table.add_row("labels", _labels(figures, summary))
    return table


def _labels(figures: Figures, summary: Summary) -> str:
    sent = figures.sent
    if not sent.labels:
        return "none: scripts/backtest needs none, scripts/evaluate does (--map fraud=COLUMN)"
    unknown = f", {summary.unknown:,} not known yet" if summary.unknown else ""
    return f"{sent.frauds:,} fraud, {sent.labels - sent.frauds:,} legit{unknown}"
