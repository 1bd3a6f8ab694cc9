"""Restores the partitions of this process: what each is restored from, and when it is whole.

From the state topic and what was read since; where no state is written, or it can't be used, from the partition itself,
from its restore point on. Windows that new rules need are filled from what was read before.
"""

import time
from collections.abc import Collection, Iterable, Mapping

import structlog

from services.detection.input_restorer import InputRestorer, RestoreTask
from services.detection.partition_state import PartitionState
from services.detection.restore_tasks import (
    state_task,
    task_from_topic,
    task_of_new_windows,
    task_of_retained,
    task_since_state,
)
from services.detection.state_reader import StateTask
from services.detection.written_states import WrittenStates
from services.rules.state_requirements import StateRequirements
from services.streaming.partition_reader import CommittedOffset, PartitionReader
from services.streaming.positions import Partition

log = structlog.get_logger()

RETAINED_SECONDS = 60.0
"""Seconds that the windows of a lost partition are kept: it is often assigned to this process again."""

Requirements = Mapping[str, StateRequirements]
"""The state that rules require, by topic."""


States = dict[Partition, PartitionState]
"""The windows of partitions."""


class PartitionRestorer:
    """Restores the windows of all partitions that this process owns, after a rebalance or for new rules.

    Args:
        states: The windows of partitions: those that are restored are put there when their restore begins.
        reader: Reads committed offsets.
        restorer: Reads the partitions themselves.
        written: Reads and writes the state topic; None: no state is written.
        lateness_ms: Allowed lateness.
        contributors: Limit on transaction ids that an alert names.
    """

    def __init__(
        self,
        states: States,
        reader: PartitionReader,
        restorer: InputRestorer,
        written: WrittenStates | None,
        *,
        lateness_ms: int,
        contributors: int,
    ) -> None:
        self._states = states
        self._reader = reader
        self._restorer = restorer
        self._written = written
        self._lateness_ms = lateness_ms
        self._window_settings = {"lateness_ms": lateness_ms, "contributors": contributors}
        self._new: set[Partition] = set()  # their restore has not begun
        self._committed: dict[Partition, CommittedOffset] = {}  # of those whose written state is being read
        self._restoring: set[Partition] = set()  # being restored, or just restored
        self._retained: dict[Partition, tuple[PartitionState, float]] = {}
        self._requirements: Requirements = {}

    def unrestored(self) -> Collection[Partition]:
        """Return the partitions whose windows are not restored yet."""
        reading = self._written.reader.partitions if self._written else ()
        if not self._new and not self._restorer.partitions and not reading:
            return ()
        return self._new.union(self._restorer.partitions, reading)

    def add(self, partitions: Iterable[Partition]) -> None:
        """Have partitions restored."""
        self._new.update(partitions)

    def drop(self, partition: Partition) -> RestoreTask | None:
        """Stop restoring a partition; return its task, if it had one."""
        self._new.discard(partition)
        self._restoring.discard(partition)
        if self._written:
            self._written.reader.drop(partition)
            self._written.writer.drop(partition)
        return self._restorer.drop(partition)

    def retain(self, partition: Partition, state: PartitionState) -> None:
        """Keep the windows of a partition for a while, should it be assigned to this process again."""
        self._retained[partition] = state, time.monotonic()

    def release(self) -> None:
        """Drop what was retained for long enough."""
        if self._retained:
            now = time.monotonic()
            self._retained = {partition: (state, since) for partition, (state, since) in self._retained.items()
                              if now - since < RETAINED_SECONDS}  # fmt: skip

    def require(self, requirements: Requirements) -> None:
        """Note what is required, where nothing has to be restored for it."""
        self._requirements = requirements

    def restore(
        self, owned: Collection[Partition], requirements: Requirements, seconds: float, *, between_transactions: bool
    ) -> bool:
        """Restore new partitions, and the new windows of others, for a limited time.

        Args:
            owned: All partitions of this process.
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
            for partition in list(self._states):
                self._extend(partition)
            self._new.update(partition for partition in owned
                             if partition not in self._states and requirements[partition[0]].aggregations)  # fmt: skip
        self._begin_new()
        if self._written and self._written.reader.partitions:
            for task in self._written.reader.read(seconds):
                self._start_since_state(task)
        try:
            if self._restorer.partitions:
                self._restorer.restore(seconds)
        finally:
            self._finish_restored()
        return not self.unrestored()

    def _begin_new(self) -> None:
        """Start restoring new partitions."""
        if not self._new:
            return
        stateful = sorted(partition for partition in self._new if self._requirements[partition[0]].aggregations)
        committed = self._reader.committed(stateful) if stateful else {}
        for partition in stateful:
            self._begin(partition, committed[partition], self._requirements[partition[0]])
        self._new.clear()

    def _begin(self, partition: Partition, committed: CommittedOffset, needed: StateRequirements) -> None:
        """Start restoring a new partition: from what this process still has, from its written state, or from itself."""
        retained, _since = self._retained.pop(partition, (None, 0.0))
        if retained and (task := task_of_retained(partition, retained, committed, needed)):
            self._start(task)
        elif self._written and (written := state_task(partition, committed, self._lateness_ms)):
            self._committed[partition] = committed
            self._written.reader.add(written)
        else:
            self._start_from_topic(partition, committed, needed)

    def _start_from_topic(self, partition: Partition, committed: CommittedOffset, needed: StateRequirements) -> None:
        self._start(task_from_topic(partition, committed, needed, **self._window_settings))

    def _start(self, task: RestoreTask) -> None:
        self._states[task.partition] = task.target
        self._restoring.add(task.partition)
        self._restorer.add(task)

    def _start_since_state(self, task: StateTask) -> None:
        """Go on where a written state ends, or read the partition itself where that can't be used."""
        partition, committed = task.partition, self._committed.pop(task.partition)
        needed, written = self._requirements[partition[0]], self._written
        since = None if task.problem else task_since_state(task, committed, needed, **self._window_settings)
        if since is None or task.last is None or written is None:
            log.warning(
                "state not usable, reading the topic", topic=partition[0], partition=partition[1],
                reason=task.problem or "it has none of the windows",
            )  # fmt: skip
            self._start_from_topic(partition, committed, needed)
            return
        log.info(
            "state restored", topic=partition[0], partition=partition[1], to_offset=task.position.next_offset,
            records=task.position.last - task.position.first + 1, entries=since.target.state.entries,
            entries_read=task.entries, seconds=round(time.monotonic() - task.began, 2),
        )  # fmt: skip
        written.writer.resume(partition, task.position, task.windows, task.entries)
        self._start(since)

    def _extend(self, partition: Partition) -> None:
        """Start filling the windows of a partition that new rules need."""
        needed = self._requirements[partition[0]]
        if task := task_of_new_windows(partition, self._states[partition], needed):
            self._start(task)

    def _finish_restored(self) -> None:
        """Write from now on the state of partitions that are restored, and fill windows that were not written."""
        for partition in self._restoring - set(self._restorer.partitions):
            self._restoring.discard(partition)
            if partition not in self._states:
                continue
            if self._written:
                self._written.writer.begin(partition)
                self._states[partition].state.record()
            self._extend(partition)

    def _restart_tasks(self) -> None:
        """Restart the restore of partitions: other windows are needed than those that are being restored."""
        for partition in list(self._restorer.partitions):
            self._restorer.drop(partition)
            self._states.pop(partition, None)
            self._new.add(partition)
        if self._written:
            self._new.update(self._written.reader.partitions)
            for partition in list(self._written.reader.partitions):
                self._written.reader.drop(partition)


def _equivalent(some: Requirements, others: Requirements) -> bool:
    return some.keys() == others.keys() and all(some[topic].is_equivalent(others[topic]) for topic in some)
