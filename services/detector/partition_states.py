"""The state of the partitions that this process owns: restored when they are assigned, dropped when they are revoked.

The input topics are the truth: windows are restored by reading a partition again, from its restore point up to the
committed offset, and are then what they were in the process that owned the partition before.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from services.detector.metrics import DetectorMetrics
from services.detector.partition_state import PartitionState
from services.detector.restore import Restorer, RestoreTask
from services.rules.model import Columns, Rule
from services.rules.state_requirements import StateRequirements
from services.rules.windows import Evaluation, WindowState
from services.streaming.partition_reader import CommittedOffset, PartitionReader
from services.streaming.positions import Partition
from services.streaming.restore_point import RestorePoint

RETAINED_SECONDS = 60.0
"""Seconds that the windows of a lost partition are kept: it is often assigned to this process again."""

Requirements = Mapping[str, StateRequirements]
"""The state that rules require, by topic."""


class PartitionStates:
    """The windows of all partitions that this process owns.

    Args:
        reader: Reads committed offsets.
        restorer: Restores windows.
        metrics: The size of windows is set there.
        lateness_ms: Allowed lateness behind the watermark: windows are whole for a transaction up to it.
        contributors: Limit on transaction ids that an alert names.
    """

    def __init__(
        self,
        reader: PartitionReader,
        restorer: Restorer,
        metrics: DetectorMetrics,
        lateness_ms: int,
        contributors: int = 100,
    ) -> None:
        self._reader = reader
        self._restorer = restorer
        self._metrics = metrics
        self._lateness_ms = lateness_ms
        self._contributors = contributors
        self._states: dict[Partition, PartitionState] = {}
        self._retained: dict[Partition, tuple[PartitionState, float]] = {}
        self._owned: set[Partition] = set()
        self._new: set[Partition] = set()  # owned, and their restore has not begun
        self._requirements: Requirements = {}
        self._touched: set[Partition] = set()
        self._measured_at = 0.0
        self._unmeasured: list[Partition] = []

    @property
    def complete(self) -> bool:
        """Return whether the windows of every owned partition are restored."""
        return not self._new and not self._restorer.partitions

    def unrestored(self) -> Collection[Partition]:
        """Return the owned partitions whose windows are not restored yet."""
        if not self._new and not self._restorer.partitions:
            return ()
        return self._new.union(self._restorer.partitions)

    def keeps(self, topic: str) -> bool:
        """Return whether there are windows over a topic."""
        return any(stateful == topic for stateful, _ in self._states)

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Take partitions over; `restore` restores their windows."""
        self._owned.update(partitions)
        self._new.update(partitions)

    def revoked(self, partitions: Iterable[Partition], *, lost: bool) -> None:
        """Give partitions up.

        Args:
            partitions: The partitions.
            lost: Whether they may be assigned again soon: their windows are kept for a while then.
        """
        for partition in partitions:
            if partition not in self._owned:
                continue
            self._owned.discard(partition)
            self._new.discard(partition)
            self._touched.discard(partition)
            task = self._restorer.drop(partition)
            state = self._states.pop(partition, None)
            if state is None:
                continue
            self._metrics.forget_windows(partition)
            if lost and (task is None or task.only is None):
                state.rollback()
                self._retained[partition] = state, time.monotonic()

    def restore(self, requirements: Requirements, seconds: float, *, between_transactions: bool) -> bool:
        """Restore new partitions, and the new windows of others, for a limited time.

        Args:
            requirements: By topic the state that its rules require.
            seconds: The time limit, approximately.
            between_transactions: Whether nothing was evaluated since the last commit.

        Returns:
            Whether everything is restored.

        Raises:
            RetryableError: Brokers or registry can't be asked now.
        """
        if not _equivalent(requirements, self._requirements):
            if not between_transactions:
                return False
            self._restart_tasks()
            self._requirements = requirements
            for partition in self._states:
                self._extend(partition, requirements[partition[0]])
            self._new.update(partition for partition in self._owned - self._states.keys()
                             if requirements[partition[0]].aggregations)  # fmt: skip
        self._begin_new(requirements)
        if self._restorer.partitions:
            self._restorer.restore(seconds)
        return self.complete

    def keep_only(self, requirements: Requirements) -> None:
        """Drop windows that no rule needs any more."""
        self._requirements = requirements
        for partition, state in list(self._states.items()):
            needed = requirements[partition[0]]
            if not needed.aggregations:
                del self._states[partition]
                self._touched.discard(partition)
                self._metrics.forget_windows(partition)
            else:
                state.state.retain({aggregation.window for aggregation in needed.aggregations})
                state.reach_ms = needed.reach_ms

    def evaluate(
        self, partition: Partition, columns: Columns, times: NDArray[np.int64], rules: Sequence[Rule]
    ) -> Evaluation:
        """Add transactions to a partition's windows, in the order that they were read, and evaluate rules on each.

        Args:
            partition: The partition; the next call for it must have the transactions that follow.
            columns: The fields that the rules need.
            times: The bounded event time of each transaction.
            rules: The rules with windows.
        """
        self._touched.add(partition)
        return self._states[partition].state.evaluate(columns, len(times), rules, clock=times)

    def note(self, partition: Partition, first: int, next_offset: int, newest_ms: int | None) -> None:
        """Note how far a partition was read (see `TimeIndex.note`)."""
        state = self._states.get(partition)
        if state is not None:
            self._touched.add(partition)
            state.index.note(first, next_offset, newest_ms)

    def dead_lettered(self, partition: Partition, offset: int) -> None:
        """Note that a record is not in the windows, and must not be when they are restored."""
        state = self._states.get(partition)
        if state is not None:
            state.dead_letter_end = max(state.dead_letter_end, offset + 1)

    def offset_metadata(self, partition: Partition) -> str:
        """Return the restore point of a partition, to be committed with its offset."""
        state = self._states.get(partition)
        # Without windows there is nothing to restore from; that there is metadata shows that the group used the topic.
        return (state.restore_point if state else RestorePoint(0, 0)).to_metadata()

    def commit(self) -> None:
        """Keep what was evaluated since the last commit."""
        for partition in self._touched:
            self._states[partition].commit()
        self._touched.clear()
        self._measure()

    def rollback(self) -> None:
        """Undo what was evaluated since the last commit."""
        for partition in self._touched:
            self._states[partition].rollback()
        self._touched.clear()

    def _measure(self) -> None:
        """Set the metrics of windows: each partition about once a second, one at a time, as measuring takes time."""
        now = time.monotonic()
        if self._retained:
            self._retained = {partition: (state, since) for partition, (state, since) in self._retained.items()
                              if now - since < RETAINED_SECONDS}  # fmt: skip
        if not self._states or now - self._measured_at < 1 / len(self._states):
            return
        self._measured_at = now
        self._unmeasured = [partition for partition in self._unmeasured if partition in self._states] or list(
            self._states
        )
        partition = self._unmeasured.pop()
        self._metrics.note_windows(partition, self._states[partition].state)

    def _begin_new(self, requirements: Requirements) -> None:
        """Start restoring new partitions."""
        if not self._new:
            return
        stateful = sorted(partition for partition in self._new if requirements[partition[0]].aggregations)
        committed = self._reader.committed(stateful) if stateful else {}
        for partition in stateful:
            task = self._task(partition, committed[partition], requirements[partition[0]])
            self._states[partition] = task.target
            self._restorer.add(task)
        self._new.clear()

    def _task(self, partition: Partition, committed: CommittedOffset, needed: StateRequirements) -> RestoreTask:
        """Return the task that restores a partition's windows as they were at its committed offset."""
        retained, _since = self._retained.pop(partition, (None, 0.0))
        if (
            retained
            and committed.offset is not None
            and retained.index.offset <= committed.offset
            and retained.reach_ms >= needed.reach_ms
            and not retained.state.require(needed.aggregations)
        ):
            return self._new_task(partition, retained, retained.index.offset, committed.offset, needed)
        state = WindowState(lateness_ms=self._lateness_ms, contributors=self._contributors)
        state.require(needed.aggregations)
        if committed.offset is None:
            return self._new_task(partition, PartitionState(state, 0, needed.reach_ms), 0, 0, needed)
        point = RestorePoint.from_metadata(committed.metadata)
        # A restore point of shorter windows is none for longer ones: then everything there is is read.
        start = point.start if point and point.reach_ms >= needed.reach_ms else 0
        target = PartitionState(state, start, needed.reach_ms, point.skipped if point else None)
        clean = point is not None and point.start == start and not point.dead_letters
        return self._new_task(partition, target, start, committed.offset, needed, clean=clean)

    def _new_task(
        self, partition: Partition, target: PartitionState, start: int, end: int, needed: StateRequirements,
        *, clean: bool = False,
    ) -> RestoreTask:  # fmt: skip
        return RestoreTask(partition, target, start, end, needed, dead=() if clean or start >= end else None)

    def _extend(self, partition: Partition, needed: StateRequirements) -> None:
        """Start restoring the windows that new rules need, from what the partition has had before."""
        target = self._states[partition]
        new = target.state.require(needed.aggregations)
        if not new:
            return
        end = target.index.offset
        longer = needed.reach_ms > target.reach_ms
        start = 0 if longer else target.index.start((target.state.watermark_ms or 0) - needed.reach_ms)
        if longer:
            target.start_index(needed.reach_ms)
        self._restorer.add(RestoreTask(partition, target, start, end, needed, only=new, note=longer))

    def _restart_tasks(self) -> None:
        """Restart the restore of partitions: other windows are needed than those that are being restored."""
        for partition in list(self._restorer.partitions):
            self._restorer.drop(partition)
            self._states.pop(partition, None)
            self._new.add(partition)


def _equivalent(some: Requirements, others: Requirements) -> bool:
    return some.keys() == others.keys() and all(some[topic].is_equivalent(others[topic]) for topic in some)
