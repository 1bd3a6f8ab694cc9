"""Latencies as a histogram of whole milliseconds: exact percentiles of any number of them in a fixed space."""

from typing import Self

import numpy as np
import numpy.typing as npt

LIMIT_MS = 30_000
"""Latencies from here on are all counted as this one."""


class LatencyHistogram:
    """Counts latencies by whole milliseconds.

    Args:
        counts: Counts of 0, 1, ... LIMIT_MS milliseconds; none by default.
    """

    def __init__(self, counts: npt.NDArray[np.int64] | None = None) -> None:
        self._counts = np.zeros(LIMIT_MS + 1, np.int64) if counts is None else counts

    def add(self, milliseconds: npt.NDArray[np.int64]) -> None:
        """Count some more; below 0 (clocks differ) is 0."""
        inside = np.clip(milliseconds, 0, LIMIT_MS)
        self._counts += np.bincount(inside, minlength=LIMIT_MS + 1)

    def percentile(self, percent: float) -> int | None:
        """The least latency that ``percent`` of all don't exceed, in ms (nearest rank); None where there are none."""
        cumulated = np.cumsum(self._counts)
        total = int(cumulated[-1])
        if not total:
            return None
        rank = max(1, int(np.ceil(total * percent / 100)))
        return int(np.searchsorted(cumulated, rank))

    def copy(self) -> Self:
        """The histogram as it is now."""
        return type(self)(self._counts.copy())

    def since(self, earlier: Self) -> Self:
        """Latencies that were added after `earlier` was copied from this one."""
        return type(self)(self._counts - earlier._counts)
