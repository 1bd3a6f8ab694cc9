"""Watermarks, and what is late: rows whose event time is further behind the watermark than the allowed lateness."""

from dataclasses import dataclass

import numpy as np

from services.rules.model import Mask
from services.rules.windows.entries import Ints, bounds

_EARLIEST = np.iinfo(np.int64).min


@dataclass(frozen=True)
class RowTimes:
    """Event times and watermarks of rows, in milliseconds.

    Attributes:
        times: The event time of each row.
        watermarks: For each row the largest clock up to it.
        lateness_ms: Allowed lateness of a row behind the watermark.
    """

    times: Ints
    watermarks: Ints
    lateness_ms: int

    def of(self, rows: Ints | None) -> "RowTimes":
        """Return those of some rows; None for all."""
        return self if rows is None else RowTimes(self.times[rows], self.watermarks[rows], self.lateness_ms)

    def expired(self, over_ms: int) -> Ints:
        """Return for each row the latest event time that is too old for a window of some length to keep."""
        return earlier(self.watermarks, over_ms + self.lateness_ms)

    def since(self, over_ms: int) -> list[bytes]:
        """Return the lower bound of each row's window of some length."""
        return bounds(np.maximum(earlier(self.times, over_ms), self.expired(over_ms)) + 1)


def watermarks(clock: Ints, previous: int | None) -> Ints:
    """Return the watermark after each row: the largest clock up to it.

    Args:
        clock: The time that the watermark is taken from, by row.
        previous: The watermark before these rows; None if there were none.
    """
    reached: Ints = np.maximum.accumulate(clock)
    return reached if previous is None else np.maximum(reached, previous)


def late_rows(row_times: RowTimes, previous: int | None) -> Mask:
    """Return the rows that come later than the allowed lateness after the watermark of the row before.

    A late row is evaluated; its window may be without entries that were evicted.
    """
    before = np.concatenate(([_EARLIEST if previous is None else previous], row_times.watermarks[:-1]))
    late: Mask = row_times.times < earlier(before, row_times.lateness_ms)
    return late


def earlier(times: Ints, milliseconds: int) -> Ints:
    """Return times minus a duration, as far as there are numbers."""
    return np.maximum(times, _EARLIEST + milliseconds) - milliseconds
