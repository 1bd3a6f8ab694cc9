"""The pace of a receiver: rate limit, and the pauses between attempts. Pure: the time is handed in."""

import random
from uuid import UUID

from services.notifier.model import RateLimit

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0


class RateLimiter:
    """A token bucket: as many messages as the limit at once, and on average no more in each period.

    Args:
        limit: The limit; None for none.
    """

    def __init__(self, limit: RateLimit | None) -> None:
        self._limit = limit
        self._full_at = 0.0  # the time at which the bucket is full again

    def wait(self, now: float) -> float:
        """Return the seconds until a message may go; 0 for now."""
        if self._limit is None:
            return 0.0
        # The bucket takes a period to fill; one message needs a part of it.
        allowed_from = self._full_at - self._limit.period + self._limit.period / self._limit.count
        return max(0.0, allowed_from - now)

    def take(self, now: float) -> None:
        """Count a message that goes now."""
        if self._limit is not None:
            self._full_at = max(self._full_at, now) + self._limit.period / self._limit.count


def pause_after(attempt: int, notification: UUID) -> float:
    """Return the seconds to wait after an attempt that failed: doubled each time, and spread by up to a half.

    The spread is of the notification, so that many that failed together do not come again together.

    Args:
        attempt: The number of the attempt, from 1.
        notification: The notification.
    """
    pause = float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt - 1, 20)))
    spread = random.Random(notification.int + attempt).random()  # noqa: S311 - no secret
    return pause * (1 - spread / 2)
