"""Progress of a service's loop, for health checks and metrics: the loop writes it, other threads read it.

Every call is cheap and does no I/O. The clock is `time.monotonic`, in seconds.
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from services.streaming.positions import Partition

STALLED_SECONDS = 60.0
"""Seconds without a step after which a loop that names no reason hangs. A step takes at most some 25 s: a commit's
deadline (see `services.streaming.session`)."""

STALLED_WAITING_SECONDS = 300.0
"""The same for a loop that waits for a named reason. It steps or names the reason again with each attempt; the longest
attempt is a restore or a request to a registry."""


SETTLING_SECONDS = 10.0
"""Seconds for which a rebalance may last: the session time-out of a member that is gone."""


@dataclass(frozen=True)
class RestoreProgress:
    """Remaining work of a partition's restore.

    Attributes:
        records_left: Number of records still to be read; None while it is unknown.
        seconds_left: Estimated seconds until the partition is restored; None while it is unknown.
    """

    records_left: int | None = None
    seconds_left: float | None = None


class Liveness(NamedTuple):
    """Liveness of the loop, with the reasons why it hangs or waits."""

    ok: bool
    reasons: list[str]


class Readiness(NamedTuple):
    """Readiness of the process: reasons against it, and conditions that degrade but do not stop it."""

    ready: bool
    reasons: list[str]
    degraded: list[str]


class Progress:
    """Progress of a loop without partitions, such as the generator's: ready from its first step on.

    Args:
        stalled_after: Seconds without a step after which a loop that names no reason hangs.
    """

    def __init__(self, stalled_after: float = STALLED_SECONDS) -> None:
        self._stalled_after = stalled_after
        self._lock = Lock()
        self._sign_at = time.monotonic()  # time of the last step or named reason
        self._waiting: str | None = None
        self._stepped = False
        self._was_ready = False
        self._degraded: dict[str, str] = {}

    def step(self) -> None:
        """Record a step of the loop. Called at each iteration."""
        self._sign_at = time.monotonic()
        self._stepped = True

    def waiting(self, reason: str | None) -> None:
        """Set the reason for which the loop waits, at each attempt; None when it continues.

        Args:
            reason: Such as "broker localhost:9092: no answer".
        """
        self._sign_at = time.monotonic()
        self._waiting = reason

    def degraded(self, name: str, reason: str | None) -> None:
        """Set or clear a degraded condition: a fault to report to an operator that does not stop the work.

        Args:
            name: Name of the condition, such as "input-keys".
            reason: Description of the fault; None clears the condition.
        """
        with self._lock:
            if reason is None:
                self._degraded.pop(name, None)
            else:
                self._degraded[name] = reason

    def liveness(self, now: float | None = None) -> Liveness:
        """Return whether the loop makes progress or waits for a named reason.

        Args:
            now: Seconds on the monotonic clock.
        """
        idle = (time.monotonic() if now is None else now) - self._sign_at
        waiting = self._waiting
        reasons = [] if waiting is None else [f"waiting: {waiting}"]
        limit = self._stalled_after if waiting is None else max(self._stalled_after, STALLED_WAITING_SECONDS)
        if idle < limit:
            return Liveness(True, reasons)
        return Liveness(False, [f"the loop made no step for {idle:.0f} s", *reasons])

    def readiness(self, now: float | None = None) -> Readiness:
        """Return whether the process does its work, and the faults.

        A process that was ready stays ready while it waits for a named reason, such as an unreachable broker: a
        replacement would wait as well.

        Args:
            now: Seconds on the monotonic clock.
        """
        now = time.monotonic() if now is None else now
        alive, reasons = self.liveness(now)
        with self._lock:
            degraded = [f"{name}: {reason}" for name, reason in sorted(self._degraded.items())]
            missing = self._missing(now)
            self._was_ready = self._was_ready or not missing
            ready = not missing or (self._was_ready and self._waiting is not None)
        if alive and ready:
            return Readiness(True, missing, [*reasons, *degraded])
        return Readiness(False, [*missing, *reasons], degraded)

    def partitions(self) -> tuple[Partition, ...]:
        """Return the assigned partitions, sorted."""
        return ()

    def restores(self) -> dict[Partition, RestoreProgress]:
        """Return the remaining work of each partition whose state is being restored."""
        return {}

    def conditions(self) -> tuple[str, ...]:
        """Return the names of the degraded conditions, sorted."""
        with self._lock:
            return tuple(sorted(self._degraded))

    def _missing(self, now: float) -> list[str]:  # noqa: ARG002 - for subclasses
        """Return the reasons against readiness. Called under the lock."""
        return [] if self._stepped else ["not started"]


class LoopProgress(Progress):
    """Progress of the transactional loop: ready when its partitions are assigned and restored.

    A group may have no partitions for a process. A new member first gets none, and some when the others have revoked
    them; without any it is ready after `SETTLING_SECONDS`.

    A partition is restored once `restored` was called for it, also where it has no state.

    Args:
        stalled_after: Seconds without a step after which a loop that names no reason hangs.
    """

    def __init__(self, stalled_after: float = STALLED_SECONDS) -> None:
        super().__init__(stalled_after)
        self._member = False
        self._changed_at = 0.0  # time of the last assignment or revocation
        self._partitions: dict[Partition, RestoreProgress | None] = {}  # None: restored
        self._offsets: dict[Partition, int] = {}  # the last committed one
        self._committed_at: dict[Partition, float] = {}  # time of the last commit, at first of the assignment

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Add assigned partitions; none if the group has none for this process."""
        now = time.monotonic()
        with self._lock:
            self._member, self._changed_at = True, now
            for partition in partitions:
                self._partitions.setdefault(partition, RestoreProgress())
                self._committed_at.setdefault(partition, now)
            self._update_readiness()

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Remove revoked partitions."""
        with self._lock:
            self._changed_at = time.monotonic()
            for partition in partitions:
                for by_partition in (self._partitions, self._offsets, self._committed_at):
                    by_partition.pop(partition, None)
            self._update_readiness()

    def left(self) -> None:
        """Record that the process left its group: its clients are closed or replaced."""
        with self._lock:
            self._member = False
            for by_partition in (self._partitions, self._offsets, self._committed_at):
                by_partition.clear()

    def restoring(self, partition: Partition, records_left: int | None, seconds_left: float | None) -> None:
        """Record the progress of a partition's restore; a partition that is not assigned is ignored.

        Args:
            partition: The partition.
            records_left: Number of records still to be read; None while it is unknown.
            seconds_left: Estimated seconds until it is restored; None while it is unknown.
        """
        with self._lock:
            if partition in self._partitions:
                self._partitions[partition] = RestoreProgress(records_left, seconds_left)

    def restored(self, partition: Partition) -> None:
        """Record that a partition is restored; a partition that is not assigned is ignored."""
        with self._lock:
            if partition in self._partitions:
                self._partitions[partition] = None
                self._update_readiness()

    def committed(self, offsets: Iterable[tuple[Partition, int]]) -> None:
        """Record the offsets that a Kafka transaction has just committed.

        Args:
            offsets: Offsets by partition; partitions that are not assigned are ignored.
        """
        now = time.monotonic()
        with self._lock:
            for partition, offset in offsets:
                if partition in self._partitions and self._offsets.get(partition) != offset:
                    self._offsets[partition] = offset
                    self._committed_at[partition] = now

    def commit_ages(self, now: float | None = None) -> dict[Partition, float]:
        """Return the seconds since the committed offset of each assigned partition last moved.

        Before its first commit here a partition counts from its assignment.

        Args:
            now: Seconds on the monotonic clock.
        """
        now = time.monotonic() if now is None else now
        with self._lock:
            return {partition: now - at for partition, at in sorted(self._committed_at.items())}

    def partitions(self) -> tuple[Partition, ...]:
        """Return the assigned partitions, sorted."""
        with self._lock:
            return tuple(sorted(self._partitions))

    def restores(self) -> dict[Partition, RestoreProgress]:
        """Return the remaining work of each partition whose state is being restored."""
        with self._lock:
            return {
                partition: remaining
                for partition, remaining in sorted(self._partitions.items())
                if remaining is not None
            }

    def _missing(self, now: float) -> list[str]:
        if not self._member:
            return ["no partitions assigned: the process is not a member of its group"]
        if not self._partitions and not self._was_ready and now - self._changed_at < SETTLING_SECONDS:
            return ["no partitions assigned yet: the group may be rebalancing"]
        return [
            _describe(partition, remaining)
            for partition, remaining in sorted(self._partitions.items())
            if remaining is not None
        ]

    def _update_readiness(self) -> None:
        self._was_ready = self._was_ready or not self._missing(time.monotonic())


def _describe(partition: Partition, remaining: RestoreProgress) -> str:
    details = []
    if remaining.records_left is not None:
        details.append(f"{remaining.records_left} records left")
    if remaining.seconds_left is not None:
        details.append(f"about {remaining.seconds_left:.0f} s left")
    return f"restoring {partition[0]}-{partition[1]}" + (f": {', '.join(details)}" if details else "")
