"""What a service's loop is doing, for health checks and metrics: the loop writes it, other threads read it.

Every call is cheap and does no I/O. The clock is `time.monotonic`, in seconds.
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from services.streaming.positions import Partition

STALLED_SECONDS = 60.0
"""A loop that makes no step for this long, and names no reason, hangs. A step takes at most some 25 s: a commit's
deadline (see `services.streaming.session`)."""

STALLED_WAITING_SECONDS = 300.0
"""The same for a loop that waits for a named reason. It steps or names the reason again with each attempt, and the
longest attempt is a restore or a request to a registry; after this long it hangs as well."""


SETTLING_SECONDS = 10.0
"""How long a group may take to share its partitions out anew: until a member that is gone has missed its session."""


@dataclass(frozen=True)
class RestoreProgress:
    """What is left of a partition's restore.

    Attributes:
        records_left: Records still to be read; None while it isn't known.
        seconds_left: Estimated seconds until the partition is restored; None while it isn't known.
    """

    records_left: int | None = None
    seconds_left: float | None = None


class Liveness(NamedTuple):
    """Whether the loop makes progress, and why not or what it waits for."""

    ok: bool
    reasons: list[str]


class Readiness(NamedTuple):
    """Whether the process does its work, why not, and what is wrong without keeping it from its work."""

    ready: bool
    reasons: list[str]
    degraded: list[str]


class Progress:
    """The progress of a loop that works on its own, such as the generator's: ready from its first step on.

    Args:
        stalled_after: Seconds without a step after which a loop that names no reason counts as hanging.
    """

    def __init__(self, stalled_after: float = STALLED_SECONDS) -> None:
        self._stalled_after = stalled_after
        self._lock = Lock()
        self._sign_at = time.monotonic()  # of the last step or of the last time that a reason was named
        self._waiting: str | None = None
        self._stepped = False
        self._was_ready = False
        self._degraded: dict[str, str] = {}

    def step(self) -> None:
        """Note that the loop makes a step now. Called at each iteration."""
        self._sign_at = time.monotonic()
        self._stepped = True

    def waiting(self, reason: str | None) -> None:
        """Name what the loop waits for, at each attempt; None when it goes on.

        Args:
            reason: Such as "broker localhost:9092: no answer".
        """
        self._sign_at = time.monotonic()
        self._waiting = reason

    def degraded(self, name: str, reason: str | None) -> None:
        """Set or clear a named condition that an operator has to know of, though the work goes on.

        Args:
            name: Identifies the condition, such as "input-keys".
            reason: What is wrong; None clears the condition.
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
        silent = (time.monotonic() if now is None else now) - self._sign_at
        waiting = self._waiting
        reasons = [] if waiting is None else [f"waiting: {waiting}"]
        limit = self._stalled_after if waiting is None else max(self._stalled_after, STALLED_WAITING_SECONDS)
        if silent < limit:
            return Liveness(True, reasons)
        return Liveness(False, [f"the loop made no step for {silent:.0f} s", *reasons])

    def readiness(self, now: float | None = None) -> Readiness:
        """Return whether the process does its work, and what is wrong.

        A process that was ready stays ready while it waits for a named reason, such as a broker that is away: another
        process would be no better off.

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
        """Return the partitions that are this process's, sorted."""
        return ()

    def restores(self) -> dict[Partition, RestoreProgress]:
        """Return the partitions whose state is being restored, and what is left of each."""
        return {}

    def conditions(self) -> tuple[str, ...]:
        """Return the names of the degraded conditions, sorted."""
        with self._lock:
            return tuple(sorted(self._degraded))

    def _missing(self, now: float) -> list[str]:  # noqa: ARG002 - for subclasses
        """What keeps the process from its work. Called under the lock."""
        return [] if self._stepped else ["not started"]


class LoopProgress(Progress):
    """The progress of the transactional loop: ready when its partitions are assigned and restored.

    A group may have no partitions for a process. As a new member first gets none, and some when the others have let go
    of them, it has none to expect only after `SETTLING_SECONDS`.

    A partition is restored once `restored` was called for it, also where it has no state.

    Args:
        stalled_after: Seconds without a step after which a loop that names no reason counts as hanging.
    """

    def __init__(self, stalled_after: float = STALLED_SECONDS) -> None:
        super().__init__(stalled_after)
        self._member = False
        self._changed_at = 0.0  # when partitions came or went
        self._partitions: dict[Partition, RestoreProgress | None] = {}  # None: restored
        self._offsets: dict[Partition, int] = {}  # the last that was committed here
        self._committed_at: dict[Partition, float] = {}  # when it was; before the first, when it was assigned

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Add partitions that are this process's from now on; none if the group has none for it."""
        now = time.monotonic()
        with self._lock:
            self._member, self._changed_at = True, now
            for partition in partitions:
                self._partitions.setdefault(partition, RestoreProgress())
                self._committed_at.setdefault(partition, now)
            self._note()

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Remove partitions that are not this process's any more."""
        with self._lock:
            self._changed_at = time.monotonic()
            for partition in partitions:
                for by_partition in (self._partitions, self._offsets, self._committed_at):
                    by_partition.pop(partition, None)
            self._note()

    def left(self) -> None:
        """Note that the process is no member of its group any more: its clients are closed or made anew."""
        with self._lock:
            self._member = False
            for by_partition in (self._partitions, self._offsets, self._committed_at):
                by_partition.clear()

    def restoring(self, partition: Partition, records_left: int | None, seconds_left: float | None) -> None:
        """Note how far the restore of an assigned partition is; a partition that is not assigned is ignored.

        Args:
            partition: Whose state is read back.
            records_left: Records still to be read; None while it isn't known.
            seconds_left: Estimated seconds until it is restored; None while it isn't known.
        """
        with self._lock:
            if partition in self._partitions:
                self._partitions[partition] = RestoreProgress(records_left, seconds_left)

    def restored(self, partition: Partition) -> None:
        """Note that an assigned partition has all of its state; a partition that is not assigned is ignored."""
        with self._lock:
            if partition in self._partitions:
                self._partitions[partition] = None
                self._note()

    def committed(self, offsets: Iterable[tuple[Partition, int]]) -> None:
        """Note the offsets of assigned partitions that a Kafka transaction has just committed.

        Args:
            offsets: Of any partitions; those whose offset is the same as the last time have not moved.
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
        """Return the partitions that are this process's, sorted."""
        with self._lock:
            return tuple(sorted(self._partitions))

    def restores(self) -> dict[Partition, RestoreProgress]:
        """Return the partitions whose state is being restored, and what is left of each."""
        with self._lock:
            return {partition: left for partition, left in sorted(self._partitions.items()) if left is not None}

    def _missing(self, now: float) -> list[str]:
        if not self._member:
            return ["no partitions assigned: the process is not a member of its group"]
        if not self._partitions and not self._was_ready and now - self._changed_at < SETTLING_SECONDS:
            return ["no partitions assigned yet: the group may be sharing them out"]
        return [_describe(partition, left) for partition, left in sorted(self._partitions.items()) if left is not None]

    def _note(self) -> None:
        self._was_ready = self._was_ready or not self._missing(time.monotonic())


def _describe(partition: Partition, left: RestoreProgress) -> str:
    details = []
    if left.records_left is not None:
        details.append(f"{left.records_left} records left")
    if left.seconds_left is not None:
        details.append(f"about {left.seconds_left:.0f} s left")
    return f"restoring {partition[0]}-{partition[1]}" + (f": {', '.join(details)}" if details else "")
