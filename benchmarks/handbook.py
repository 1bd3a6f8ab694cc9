"""Writes CSV in the layout of the Fraud Detection Handbook's simulated data, the same for the same seed.

    python -m benchmarks.handbook /tmp/transactions.csv --rows 1000000 --seed 1

Customers pay at terminals; times go up as a day has them, amounts are log-normal per customer, and some rows are fraud
of the three kinds that the book has: an amount above 220, a terminal and a customer that are compromised for weeks.
Only the layout and the rough shape are the book's: for figures that mean something take its own data.
"""

import argparse
from datetime import datetime
from pathlib import Path

import numpy as np

HEADER = (
    "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_DAYS,TX_FRAUD,"
    "TX_FRAUD_SCENARIO"
)
CUSTOMERS, TERMINALS, DAYS = 5000, 10_000, 183
START = datetime(2018, 4, 1)
_DAY = 86_400
_CHUNK = 100_000


def write(path: Path, rows: int, seed: int) -> int:
    """Write the file; how many of its rows are fraud."""
    random = np.random.default_rng(seed)
    seconds = np.sort(random.integers(0, DAYS, rows) * _DAY + _times_of_day(random, rows))
    customers = random.integers(0, CUSTOMERS, rows)
    terminals = (customers * 2 + random.integers(0, 40, rows)) % TERMINALS
    mean = random.uniform(5, 100, CUSTOMERS)
    cents = np.maximum(1, np.rint(mean[customers] * random.lognormal(0, 0.5, rows) * 100)).astype(np.int64)
    days = seconds // _DAY
    scenario = np.zeros(rows, np.int64)
    for kind, who, count, length in ((2, terminals, TERMINALS, 28), (3, customers, CUSTOMERS, 14)):
        since = np.where(random.random(count) < 0.1, random.integers(0, DAYS, count), DAYS)  # one in ten is, once
        bad = (days >= since[who]) & (days < since[who] + length) & (random.random(rows) < 0.3)
        scenario[bad] = kind
        cents[bad & (kind == 3)] *= 5
    scenario[cents > 22_000] = np.where(scenario[cents > 22_000] == 0, 1, scenario[cents > 22_000])
    stamps = np.datetime_as_string(np.datetime64(START, "s") + seconds, unit="s")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{HEADER}\n")
        for first in range(0, rows, _CHUNK):
            part = slice(first, first + _CHUNK)
            columns = (stamps, customers, terminals, cents, seconds, days, scenario)
            file.writelines(
                f"{number},{stamp.replace('T', ' ')},{customer},{terminal},{amount // 100}.{amount % 100:02},"
                f"{second},{day},{int(kind > 0)},{kind}\n"
                for number, (stamp, customer, terminal, amount, second, day, kind) in enumerate(
                    zip(*(column[part].tolist() for column in columns), strict=True), first
                )
            )
    return int(np.count_nonzero(scenario))


def _times_of_day(random: np.random.Generator, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Seconds of a day around noon, as the book has them."""
    return np.clip(np.rint(random.normal(_DAY / 2, 20_000, count)), 0, _DAY - 1).astype(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write CSV in the layout of the Fraud Detection Handbook.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    fraud = write(options.file, options.rows, options.seed)
    print(f"{options.file}: {options.rows} rows, {fraud} of them fraud")


if __name__ == "__main__":
    main()
