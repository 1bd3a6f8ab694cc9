"""The command ``python -m tools.handbook``: simulate the Handbook's card payments into a file."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from services.errors import ExpectedError, UsageError
from tools.command_line import INTERRUPTED, command_parser, print_error, whole_number
from tools.handbook.feature_file import write_book_features
from tools.handbook.layout import write_csv
from tools.handbook.simulator import Simulation, Transactions, simulate

_BOOK = Simulation()
_EPILOG = """\
examples:
  python -m tools.handbook handbook.csv                    5,000 customers, 183 days, about 1.75 million transactions
  python -m tools.handbook small.csv --customers 500 --terminals 1000 --days 60 --seed 7
  python -m tools.handbook handbook.csv --features book.parquet      and the book's own features, for comparison
  scripts/evaluate --preset handbook --file handbook.csv

exit codes:
  0 written; 1 the file can't be written; 2 wrong usage
"""
_NAMES = {1: "amount above the limit", 2: "terminal compromised", 3: "customer compromised"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parsed(arguments)
    simulation = Simulation(
        customers=options.customers,
        terminals=options.terminals,
        days=options.days,
        start=options.start,
        seed=options.seed,
    )
    try:
        transactions = simulate(simulation)
        try:
            write_csv(transactions, simulation.start, options.file)
        except OSError as error:
            raise UsageError(f"{options.file}: can't be written: {error.strerror}") from None
        if options.features:
            write_book_features(transactions, simulation.start, options.features)
    except ExpectedError as error:
        return print_error("handbook", error)
    except KeyboardInterrupt:
        return INTERRUPTED
    print(_summary(transactions, options.file))
    return 0


def _summary(transactions: Transactions, path: Path) -> str:
    counts = np.bincount(transactions.scenario, minlength=4)
    fraud = int(counts[1:].sum())
    kinds = ", ".join(f"{counts[number]:,} {name}" for number, name in _NAMES.items())
    share = fraud / max(len(transactions), 1)
    return f"{path}: {len(transactions):,} transactions, {fraud:,} of them fraud ({share:.2%}): {kinds}"


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("handbook", "Simulate the card payments of the Fraud Detection Handbook.", _EPILOG)
    parser.add_argument("file", type=Path, metavar="FILE", help="the CSV file to write")
    for name, words in (("customers", "customers"), ("terminals", "terminals"), ("days", "days of event time")):
        default = getattr(_BOOK, name)
        parser.add_argument(
            f"--{name}", type=whole_number(10), default=default, metavar="N", help=f"{words} (default: {default})"
        )
    parser.add_argument(
        "--features", type=Path, metavar="FILE", help="write the book's features as well, as Parquet for scripts/train"
    )
    parser.add_argument("--seed", type=whole_number(0), default=_BOOK.seed, metavar="N", help="seed (default: 1)")
    parser.add_argument(
        "--start", type=date.fromisoformat, default=_BOOK.start, metavar="DAY", help="first day (default: 2018-04-01)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
