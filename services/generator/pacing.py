"""When transactions are due. Pure: the clock's readings come in as numbers.

The schedule is absolute: the n-th transaction is due n / rate seconds after the start, however late others were. So the
rate is kept over any length of time, and a delay (a slow broker, a full queue) is made up for and not left out.
What is created carries its scheduled time, so that a latency measured from it includes the delay: leaving that out is
the error known as coordinated omission.
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
        start_ms: The wall clock when transaction 0 is due, in milliseconds since 1970.
    """

    rate: int
    start_ms: int

    def due(self, elapsed: int) -> int:
        """How many transactions are due ``elapsed`` nanoseconds after the start."""
        return elapsed * self.rate // SECOND + 1 if elapsed >= 0 else 0

    def offset(self, index: int) -> int:
        """How many nanoseconds after the start a transaction is due (rounded up, so that ``due`` counts it then)."""
        return -(-index * SECOND // self.rate)

    def created_at(self, first: int, count: int) -> npt.NDArray[np.int64]:
        """The scheduled times of some transactions, in milliseconds since 1970.

        Args:
            first: The index of the first one.
            count: How many.
        """
        seconds, rest = divmod(first, self.rate)
        return self.start_ms + 1000 * seconds + (rest + np.arange(count, dtype=np.int64)) * 1000 // self.rate
