"""Reading one's own writes from a registry of several nodes.

A follower has a write forwarded to the leader, answers as the leader did, and reads the write itself from Kafka only
then: for up to about 100 ms it answers reads as if nothing had been written (404 with 40401, 40402 or 40403, or an
older list). A load balancer over several nodes has the same effect. So a client remembers what it wrote for some
seconds, and asks again where an answer does not show it yet.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from avroguard.levels import Level

VISIBLE_SECONDS = 5.0
"""Seconds after a write during which an answer that does not show it is asked for again."""

_FIRST_PAUSE = 0.02  # seconds before the first further look; doubled for each one after it
_LONGEST_PAUSE = 0.5

T = TypeVar("T")


@dataclass(frozen=True)
class RecentVersion:
    """A version that this client registered.

    Attributes:
        schema: The schema in canonical form.
        version: Its version of the subject; 0 where the registry did not tell.
        deadline: Until when reads may lack it, on the monotonic clock.
    """

    schema: str
    version: int
    deadline: float


class RecentWrites:
    """The latest writes of one client."""

    def __init__(self) -> None:
        self._versions: dict[str, RecentVersion] = {}
        self._levels: dict[str, tuple[Level, float]] = {}

    def registered(self, subject: str, schema: str, version: int = 0) -> None:
        """Remember that a schema was registered; a version of 0 is not known."""
        self._versions[subject] = RecentVersion(schema, version, time.monotonic() + VISIBLE_SECONDS)

    def level_set(self, subject: str, level: Level) -> None:
        """Remember the level that a subject was given."""
        self._levels[subject] = level, time.monotonic() + VISIBLE_SECONDS

    def version_of(self, subject: str) -> RecentVersion | None:
        """Return what was registered under a subject last; None where nothing was, or long ago."""
        recent = self._versions.get(subject)
        return recent if recent and time.monotonic() < recent.deadline else None

    def await_level(self, subject: str, read: Callable[[], Level | None]) -> None:
        """Wait until a level that was set lately can be read, once for each that was set.

        Args:
            subject: The subject.
            read: Asks the registry for the level.
        """
        if subject in self._levels:
            level, deadline = self._levels.pop(subject)
            repeat_until(read, lambda answer: answer is level, deadline)

    def until_shown(self, subject: str, ask: Callable[[], T], shows: Callable[[T, RecentVersion], bool]) -> T:
        """Ask about a subject; again for a while where an answer does not show what was registered lately.

        Args:
            subject: The subject.
            ask: Asks once.
            shows: Whether an answer shows it.

        Returns:
            The last answer.
        """
        recent = self.version_of(subject)
        return ask() if recent is None else repeat_until(ask, lambda answer: shows(answer, recent), recent.deadline)


def repeat_until(ask: Callable[[], T], shows: Callable[[T], bool], deadline: float) -> T:
    """Ask until an answer shows what it has to, or the deadline is over.

    Args:
        ask: Asks once.
        shows: Whether an answer does.
        deadline: On the monotonic clock.

    Returns:
        The last answer.
    """
    pause = _FIRST_PAUSE
    answer = ask()
    while not shows(answer) and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)
        answer = ask()
    return answer
