"""The times at which past transactions are due again; readings of the clock come in as numbers."""

import math

import numpy as np
from numpy.typing import NDArray


class Pace:
    """Times since a replay's start at which transactions are due, by their event times.

    The first one is due at once. One that is earlier than one before it is due together with that one: the order of the
    file stays. The schedule is absolute, so that what was delayed is made up for.

    Args:
        speed: Factor of the speed at which it happened; above 0.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first: int | None = None
        self._latest = -math.inf

    def due(self, created_at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return when each of the next transactions is due, in seconds since the start, never decreasing.

        Args:
            created_at: Their event times in milliseconds since 1970.
        """
        if not len(created_at):
            return np.empty(0)
        if self._first is None:
            self._first = int(created_at[0])
        due = np.maximum.accumulate((created_at - self._first) / (1000 * self._speed))
        due = np.maximum(due, max(self._latest, 0.0))
        self._latest = float(due[-1])
        return due
