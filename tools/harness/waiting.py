"""Polling until a condition holds."""

import time
from collections.abc import Callable
from typing import TypeVar

from services.errors import ExpectedError

DEADLINE = 60.0
"""Seconds that a condition may take by default."""

T = TypeVar("T")


class NeverCame(ExpectedError):  # noqa: N818 - reads as what happened
    """A condition did not hold in time, or can't hold any more."""


def wait_for(
    look: Callable[[], T],
    what: str | Callable[[], str],
    timeout: float = DEADLINE,
    pause: float | Callable[[], object] = 0.02,
    error: type[ExpectedError] = NeverCame,
) -> T:
    """Call a function until its result is true, and return that result.

    Args:
        look: The condition; an error that it raises ends the waiting.
        what: The awaited state: the end of the error's message.
        timeout: Seconds.
        pause: Seconds between two calls, or what to do between them.
        error: The error to raise; a `NeverCame` says for how long it was waited for.

    Raises:
        ExpectedError: The time is over; of the kind `error`.
    """
    deadline = time.monotonic() + timeout
    while not (result := look()):
        if time.monotonic() > deadline:
            reason = what if isinstance(what, str) else what()
            raise error(f"not within {timeout:.0f} s: {reason}" if error is NeverCame else reason)
        if callable(pause):
            pause()
        else:
            time.sleep(pause)
    return result


def wait_for_count(
    count: Callable[[], int],
    goal: int,
    what: str,
    patience: float = DEADLINE,
    pause: float | Callable[[], object] = 0.02,
) -> None:
    """Call a function until the number that it returns reaches a goal, for as long as that grows.

    Args:
        count: The number.
        goal: The least that it shall be.
        what: What is counted, for the error's message.
        patience: Seconds that it may stay the same.
        pause: As in `wait_for`.

    Raises:
        NeverCame: The number has not grown for that long.
    """
    reached = -1

    def grows() -> bool:
        nonlocal reached
        before, reached = reached, max(count(), reached)
        return reached > before

    while reached < goal:
        wait_for(grows, lambda: f"more than {reached} of {goal} {what}", patience, pause)
