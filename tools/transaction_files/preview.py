"""The first transactions of a block as a table."""

from datetime import UTC, datetime
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from tools.transaction_files.blocks import Block

_FIRST = 3


def first_transactions(block: Block, scale: int, count: int = _FIRST) -> Table:
    """Return the first transactions of a block, for people.

    Args:
        block: The transactions.
        scale: The number of digits after the point of an amount.
        count: Number of transactions.
    """
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for name in ("source", "target", "amount", "currency", "created_at", "fraud"):
        table.add_column(name, justify="right" if name == "amount" else "left", no_wrap=True)
    columns = block.columns
    for row in range(min(count, len(block))):
        fraud = "" if not block.labelled[row] else "yes" if block.fraud[row] else "no"
        table.add_row(
            *(Text(columns[name][row].decode()) for name in ("source", "target")),
            amount_text(int(columns["amount"][row]), scale), columns["currency"][row].decode(),
            time_text(int(columns["created_at"][row])), fraud,
        )  # fmt: skip
    return table


def amount_text(unscaled: int, scale: int) -> str:
    """Return an amount for people: 1,234.56."""
    return f"{Decimal(unscaled).scaleb(-scale):,.{scale}f}"


def time_text(milliseconds: int) -> str:
    """Return a time in UTC for people, to the second."""
    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return f"{milliseconds} ms"
