"""Time from one commit of the loop to the next: fixed, or as short as the load allows (decision 22)."""

from dataclasses import dataclass
from typing import Protocol

LONGEST = 0.1
"""Seconds between commits behind a backlog: longer ones hardly add throughput."""

SHORTEST = 0.01
"""Seconds between commits at the least, so that a fast broker is not asked hundreds of times a second."""

COMMITS_PER_INTERVAL = 2
"""An interval lasts as long as so many commits: the rest of it is left for work."""

SMOOTHING = 8
"""The duration of commits is an average over about so many of them."""


class CommitInterval(Protocol):
    """Time from the start of one commit to the start of the next."""

    @property
    def longest(self) -> float:
        """The longest interval, in seconds."""

    def seconds(self, *, backlog: bool) -> float:
        """Return the interval of a transaction, in seconds.

        Args:
            backlog: Whether more records wait than were read at once.
        """

    def committed(self, seconds: float) -> None:
        """Note the duration of a commit of a transaction without backlog."""


@dataclass(frozen=True)
class FixedInterval:
    """The same interval for each load.

    Attributes:
        longest: Seconds.
        stage_count: Chained Kafka transactions per message, one for each topic that the loop both writes and reads. The
            stages share the interval, so it bounds a message's whole latency. With a backlog each stage takes the whole
            interval: long transactions have more throughput.
    """

    longest: float
    stage_count: int = 1

    def seconds(self, *, backlog: bool) -> float:
        """Return the interval of one stage, in seconds."""
        return self.longest if backlog else self.longest / self.stage_count

    def committed(self, seconds: float) -> None:
        """Do nothing: the interval is fixed."""


class AdaptiveInterval:
    """A long interval behind a backlog; without one as short as commits are fast.

    A busy broker makes commits slower, and so the interval longer: many detectors of a cluster give way to each other.
    """

    longest = LONGEST

    def __init__(self) -> None:
        self._commit_seconds = 0.0

    def seconds(self, *, backlog: bool) -> float:
        """Return the interval, in seconds."""
        if backlog:
            return LONGEST
        return min(LONGEST, max(SHORTEST, COMMITS_PER_INTERVAL * self._commit_seconds))

    def committed(self, seconds: float) -> None:
        """Note the duration of a commit."""
        self._commit_seconds += (seconds - self._commit_seconds) / SMOOTHING
