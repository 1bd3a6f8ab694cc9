"""Writes transactions as CSV in the columns of the book's data, which `--preset handbook` reads."""

from datetime import date
from pathlib import Path

import numpy as np

from tools.handbook.simulator import DAY_SECONDS, Transactions

HEADER = (
    "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_DAYS,TX_FRAUD,"
    "TX_FRAUD_SCENARIO"
)
_CHUNK = 100_000


def write_csv(transactions: Transactions, start: date, path: Path) -> None:
    """Write transactions to a file.

    Args:
        transactions: The transactions.
        start: The first day.
        path: The file.
    """
    times = np.datetime64(start, "s") + transactions.seconds
    days = transactions.seconds // DAY_SECONDS
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{HEADER}\n")
        for first in range(0, len(transactions), _CHUNK):
            part = slice(first, first + _CHUNK)
            columns = (
                np.datetime_as_string(times[part], unit="s"), transactions.customer[part], transactions.terminal[part],
                transactions.cents[part], transactions.seconds[part], days[part], transactions.scenario[part],
            )  # fmt: skip
            file.writelines(
                f"{number},{time.replace('T', ' ')},{customer},{terminal},{cents // 100}.{cents % 100:02},"
                f"{second},{day},{int(scenario > 0)},{scenario}\n"
                for number, (time, customer, terminal, cents, second, day, scenario) in enumerate(
                    zip(*(column.tolist() for column in columns), strict=True), first
                )
            )
