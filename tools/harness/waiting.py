"""Waiting for something that has to come."""

import time
from collections.abc import Callable
from typing import TypeVar

from services.errors import ExpectedError

DEADLINE = 60.0
"""Seconds after which what has not come will not come."""

T = TypeVar("T")


class NeverCame(ExpectedError):  # noqa: N818 - reads as what happened
    """Something that had to happen did not happen in time, or can't happen any more."""


def wait_for(look: Callable[[], T], what: str | Callable[[], str], timeout: float = DEADLINE, pause: float = 0.02) -> T:
    """Looks again and again until there is something to see.

    Args:
        look: Returns something true when it has come.
        what: Named in the error.
        timeout: Seconds.
        pause: Seconds between two looks.

    Raises:
        NeverCame: The time is over.
    """
    deadline = time.monotonic() + timeout
    while not (found := look()):
        if time.monotonic() > deadline:
            raise NeverCame(f"not within {timeout:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(pause)
    return found
