"""Schedule of transactions at a rate. Pure: the readings of the clock are arguments.

The schedule is absolute: the n-th transaction is due n / rate seconds after the start, however late others were. So the
rate holds over any length of time, and transactions that a slow broker or a full queue has delayed are made up for.
Each transaction carries its scheduled time, so that a latency measured from it includes the delay: to omit it is the
error known as coordinated omission.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SECOND = 1_000_000_000  # in nanoseconds


@dataclass(frozen=True)
class Schedule:
    """A steady rate from a start.

    Attributes:
        rate: Transactions a second; 1 or more.
        start_ms: Wall-clock time at which transaction 0 is due, in milliseconds since 1970.
    """

    rate: int
    start_ms: int

    def due(self, elapsed: int) -> int:
        """Return the number of transactions that are due ``elapsed`` nanoseconds after the start."""
        return elapsed * self.rate // SECOND + 1 if elapsed >= 0 else 0

    def offset(self, index: int) -> int:
        """Return the nanoseconds from the start to a transaction (rounded up, so that ``due`` counts it then)."""
        return -(-index * SECOND // self.rate)

    def created_at(self, first: int, count: int) -> npt.NDArray[np.int64]:
        """Return the scheduled times of consecutive transactions, in milliseconds since 1970.

        Args:
            first: Index of the first one.
            count: Number of transactions.
        """
        seconds, remainder = divmod(first, self.rate)
        return self.start_ms + 1000 * seconds + (remainder + np.arange(count, dtype=np.int64)) * 1000 // self.rate
