"""Splits transactions by time into those to train on and those to test on, with the labels that are known by then.

A label arrives with a delay, so the transactions of the delay before the test are left out: their fraud is not known
when the model has to be there. Payers whose fraud is known by the day of a test transaction are left out of the test,
as their card is blocked by then.

Source: the Handbook's chapter 4.2 and 5.2; by its protocol a week each to train, wait and test.
"""

from dataclasses import dataclass

import numpy as np

from services.errors import UsageError
from tools.train.feature_table import FeatureTable, Ints, Mask

DAY_MS = 86_400_000


@dataclass(frozen=True)
class TimeSplit:
    """Times of a split, in milliseconds since 1970.

    Attributes:
        train_begin: Inclusive begin of the training data.
        train_end: Its exclusive end.
        test_begin: Inclusive begin of the test data.
        test_end: Its exclusive end.
    """

    train_begin: int
    train_end: int
    test_begin: int
    test_end: int

    @property
    def delay_ms(self) -> int:
        """Time in which a label arrives."""
        return self.test_begin - self.train_end


def split_times(
    created_at: Ints, *, test_begin: int | None, test_days: int, delay_days: int, train_days: int | None
) -> TimeSplit:
    """Return the times of a split into whole days (UTC).

    Args:
        created_at: Event times of all transactions.
        test_begin: First millisecond of the test data; None for `test_days` before the end of the last day.
        test_days: Days of the test data.
        delay_days: Days between training and test.
        train_days: Days of the training data; None for all before.

    Raises:
        UsageError: The transactions are too short a time for that.
    """
    first, last = int(created_at.min()), int(created_at.max())
    end_of_last_day = (last // DAY_MS + 1) * DAY_MS
    begin = end_of_last_day - test_days * DAY_MS if test_begin is None else test_begin
    train_end = begin - delay_days * DAY_MS
    train_begin = first if train_days is None else train_end - train_days * DAY_MS
    if train_end <= first or begin > last or train_begin < first // DAY_MS * DAY_MS:
        days = (last - first) / DAY_MS
        raise UsageError(
            f"the transactions are of {days:.1f} days from {_day(first)} to {_day(last)}, no room for training from "
            f"{_day(train_begin)}, {delay_days} days of delay and {test_days} days of test from {_day(begin)}: "
            "choose other times (--train-days, --delay-days, --test-days, --test-from)"
        )
    return TimeSplit(train_begin, train_end, begin, begin + test_days * DAY_MS)


def rows_to_train(table: FeatureTable, split: TimeSplit) -> Mask:
    """Return which rows to train on: those of the time whose label is known."""
    return table.labelled & (table.created_at >= split.train_begin) & (table.created_at < split.train_end)


def rows_to_test(table: FeatureTable, split: TimeSplit, *, known_days: int | None) -> Mask:
    """Return which rows to test on.

    Args:
        table: All transactions.
        split: The split.
        known_days: Payers with fraud of so many days before the end of training, or since then, that is known on the
            day of a test transaction are left out on that day; None leaves out no payer.
    """
    rows = table.labelled & (table.created_at >= split.test_begin) & (table.created_at < split.test_end)
    if known_days is None:
        return rows
    since = split.train_end - known_days * DAY_MS
    frauds = table.fraud & (table.created_at >= since) & (table.created_at < split.test_end)
    earliest = np.full(int(table.payer.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(earliest, table.payer[frauds], table.created_at[frauds])
    # By whole days: what happened a delay before the start of a day is known on it.
    known_until = table.created_at // DAY_MS * DAY_MS - split.delay_ms
    return rows & (earliest[table.payer] >= known_until)


def _day(milliseconds: int) -> str:
    return str(np.datetime64(milliseconds // DAY_MS, "D"))
