"""The book's features of simulated transactions, computed over the whole history at once with numpy.

They are what the engine's features have to equal, and serve to judge training without the engine: whole columns are
sorted and searched, where the engine sees one transaction after the other.

Source: the Handbook's chapter 3.3; windows of 1, 7 and 30 days, and fraud by terminal with a delay of 7 days.
"""

from collections.abc import Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tools.handbook.simulator import DAY_SECONDS, Floats, Ints, Transactions

WINDOW_DAYS = (1, 7, 30)
DELAY_DAYS = 7
_NIGHT_HOUR = 6
_WEEKEND = 5


def book_features(transactions: Transactions, start: date) -> Mapping[str, Floats]:
    """Return a column for each of the book's features.

    Args:
        transactions: Transactions in the order of time.
        start: The first day.
    """
    fraud = (transactions.scenario > 0).astype(np.float64)
    amount = transactions.cents / 100
    day = transactions.seconds // DAY_SECONDS
    hour = transactions.seconds % DAY_SECONDS // 3600
    columns: dict[str, Floats] = {
        "amount": amount,
        "weekend": ((start.weekday() + day) % 7 >= _WEEKEND).astype(np.float64),
        "night": (hour <= _NIGHT_HOUR).astype(np.float64),
    }
    of_customer = _Windows(transactions.customer, transactions.seconds)
    of_terminal = _Windows(transactions.terminal, transactions.seconds)
    for days in WINDOW_DAYS:
        span = days * DAY_SECONDS
        count = of_customer.sums(np.ones_like(amount), span)
        columns[f"customer_count_{days}d"] = count
        columns[f"customer_average_{days}d"] = of_customer.sums(amount, span) / count
        delay = DELAY_DAYS * DAY_SECONDS
        count = of_terminal.sums(np.ones_like(amount), span, delay)
        with np.errstate(invalid="ignore"):
            risk = of_terminal.sums(fraud, span, delay) / count
        columns[f"terminal_count_{days}d"] = count
        columns[f"terminal_risk_{days}d"] = np.where(count > 0, risk, 0.0)
    return columns


class _Windows:
    """Windows of a key: sums over the transactions of the same key in ``(t - delay - span, t - delay]``.

    Args:
        keys: Key of each transaction.
        seconds: Its time, ascending.
    """

    def __init__(self, keys: Ints, seconds: Ints) -> None:
        self._order = np.argsort(keys, kind="stable")
        width = int(seconds.max(initial=0)) * 4 + 1  # wider than any window, so that keys stay apart
        self._start = keys[self._order] * width
        self._times = self._start + seconds[self._order] + width // 2

    def sums(self, values: Floats, span: int, delay: int = 0) -> Floats:
        """Return the sum of values in the window of each transaction.

        Args:
            values: A value for each transaction.
            span: Length of the window in seconds.
            delay: Time between its end and the transaction, in seconds.
        """
        totals = np.concatenate([[0.0], np.cumsum(values[self._order])])
        # Rows of one time see those before them and themselves, as they are processed one after the other.
        end = self._end(delay)
        begin = np.searchsorted(self._times, np.maximum(self._times - delay - span, self._start), side="right")
        result = np.empty_like(totals[1:])
        result[self._order] = totals[end] - totals[np.minimum(begin, end)]
        return result

    def _end(self, delay: int) -> NDArray[np.intp]:
        if not delay:
            return np.arange(1, len(self._times) + 1)
        end: NDArray[np.intp] = np.searchsorted(self._times, np.maximum(self._times - delay, self._start), side="right")
        return end
