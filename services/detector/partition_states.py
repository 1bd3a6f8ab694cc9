"""The windows of the partitions that this process owns: restored when they come, let go when they leave.

The input topics are the truth: windows are restored by reading a partition again, from its restore point up to the
committed offset, and equal then what they were, whoever owned the partition before.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from services.detector.metrics import DetectorMetrics
from services.detector.partition_state import PartitionState, StateRequirements
from services.detector.restore import Restorer, RestoreTask
from services.rules.model import Columns, Rule
from services.rules.windows import Evaluation, WindowState
from services.streaming.partition_reader import CommittedOffset, PartitionReader
from services.streaming.positions import Partition
from services.streaming.restore_point import RestorePoint

RETAINED_SECONDS = 60.0
"""How long the windows of a partition are kept that was lost: the membership that follows may well get it back."""

Requirements = Mapping[str, StateRequirements]
"""What the rules need, by topic."""


class PartitionStates:
    """The windows of all partitions that this process owns.

    Args:
        reader: Asks for committed offsets.
        restorer: Brings windows back.
        metrics: Told how much is kept.
        lateness_ms: How much later than the newest a transaction may come and still find its whole interval.
        contributors: How many transaction ids an alert names at most.
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
        self._new: set[Partition] = set()  # owned, and not looked at yet
        self._requirements: Requirements = {}
        self._touched: set[Partition] = set()
        self._measured_at = 0.0
        self._unmeasured: list[Partition] = []

    @property
    def complete(self) -> bool:
        """Whether the windows of every owned partition are there."""
        return not self._new and not self._restorer.partitions

    def unrestored(self) -> Collection[Partition]:
        """The owned partitions whose windows are not there yet."""
        if not self._new and not self._restorer.partitions:
            return ()
        return self._new.union(self._restorer.partitions)

    def keeps(self, topic: str) -> bool:
        """Whether anything is kept of a topic."""
        return any(kept == topic for kept, _ in self._states)

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """These are owned from now on; `restore` restores their windows."""
        self._owned.update(partitions)
        self._new.update(partitions)

    def revoked(self, partitions: Iterable[Partition], *, lost: bool) -> None:
        """These are owned no more.

        Args:
            partitions: Which.
            lost: Whether they may come back soon: their windows are kept aside for a while then.
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
        """Restore what is missing, for about so long: partitions that are new, and windows that are new in the others.

        Args:
            requirements: By topic what its rules need.
            seconds: How long to go on.
            between_transactions: Whether nothing was judged since the last commit.

        Returns:
            Whether everything is there.

        Raises:
            RetryableError: Brokers or registry can't be asked now.
        """
        if not _equal(requirements, self._requirements):
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
            self._restorer.work(seconds)
        return self.complete

    def keep_only(self, requirements: Requirements) -> None:
        """Stop keeping windows that no rule looks at any more."""
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
        """Keep and judge transactions of a partition, in the order that they were read.

        Args:
            partition: Which; the next call with it must be about what follows.
            columns: What the rules need.
            times: The bounded event time of each.
            rules: Those with windows.
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
        """What to commit with the partition's offset."""
        state = self._states.get(partition)
        # Without windows nothing is known for the day when a rule has some; that it is there tells whose topic this is.
        return (state.restore_point if state else RestorePoint(0, 0)).to_metadata()

    def commit(self) -> None:
        """What was judged since the last commit stands."""
        for partition in self._touched:
            self._states[partition].commit()
        self._touched.clear()
        self._measure()

    def rollback(self) -> None:
        """What was judged since the last commit is undone."""
        for partition in self._touched:
            self._states[partition].rollback()
        self._touched.clear()

    def _measure(self) -> None:
        """Tell what is held: each partition about once a second, one at a time, so that nothing waits for all."""
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
        """Begin to restore the partitions that are new."""
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
        """What brings a partition's windows to where they were at its committed offset."""
        retained, _since = self._retained.pop(partition, (None, 0.0))
        if retained and committed.offset is not None and retained.index.offset <= committed.offset:
            held = retained.state
            if retained.reach_ms >= needed.reach_ms and not held.require(needed.aggregations):
                return self._made(partition, retained, retained.index.offset, committed.offset, needed)
        state = WindowState(lateness_ms=self._lateness_ms, contributors=self._contributors)
        state.require(needed.aggregations)
        if committed.offset is None:
            return self._made(partition, PartitionState(state, 0, needed.reach_ms), 0, 0, needed)
        point = RestorePoint.from_metadata(committed.metadata)
        # What was noted for shorter windows says nothing about longer ones: then everything there is is read.
        start = point.start if point and point.reach_ms >= needed.reach_ms else 0
        target = PartitionState(state, start, needed.reach_ms, point.skipped if point else None)
        clean = point is not None and point.start == start and not point.dead_letters
        return self._made(partition, target, start, committed.offset, needed, clean=clean)

    def _made(
        self, partition: Partition, target: PartitionState, start: int, end: int, needed: StateRequirements,
        *, clean: bool = False,
    ) -> RestoreTask:  # fmt: skip
        return RestoreTask(partition, target, start, end, needed, dead=() if clean or start >= end else None)

    def _extend(self, partition: Partition, needed: StateRequirements) -> None:
        """Begin to keep windows that new rules need, with what the partition held before."""
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
        """Other windows are needed than those that are being restored: the partitions begin anew."""
        for partition in list(self._restorer.partitions):
            self._restorer.drop(partition)
            self._states.pop(partition, None)
            self._new.add(partition)


def _equal(some: Requirements, others: Requirements) -> bool:
    """Whether the same is required; the order of the rules makes no difference."""
    return some.keys() == others.keys() and all(
        (set(one.aggregations), one.fields, one.reach_ms) == (set(other.aggregations), other.fields, other.reach_ms)
        for one, other in ((some[topic], others[topic]) for topic in some)
    )
