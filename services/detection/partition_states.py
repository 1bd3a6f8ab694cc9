"""The state of the partitions that this process owns: restored when they are assigned, dropped when they are revoked.

The input topics are the truth, and the state topic has what windows keep of them, written in the transactions that
commit offsets. Windows are restored from there, and from what was read since; or by reading a partition again from its
restore point, where no state of it is written. They are then what they were in the process that owned it before.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.detection.input_restorer import InputRestorer
from services.detection.metrics import DetectorMetrics
from services.detection.partition_restorer import PartitionRestorer, Requirements, States
from services.detection.written_states import WrittenStates
from services.rules.features import Feature
from services.rules.model import Columns, Rule
from services.rules.windows import Evaluation
from services.streaming.partition_reader import PartitionReader
from services.streaming.positions import Partition
from services.streaming.restore_point import RestorePoint
from services.streaming.sink import Sink

MEASURING_SHARE = 0.01
"""Limit of the share of time that measuring windows takes: large ones are measured less often."""


class PartitionStates:
    """The windows of all partitions that this process owns.

    Args:
        reader: Reads committed offsets.
        restorer: Restores windows.
        metrics: The size of windows is set there.
        lateness_ms: Allowed lateness behind the watermark: windows are whole for a transaction up to it.
        contributors: Limit on transaction ids that an alert names.
        written: Keeps states in the state topic too; None: they are restored from the partitions themselves alone.
    """

    def __init__(
        self,
        reader: PartitionReader,
        restorer: InputRestorer,
        metrics: DetectorMetrics,
        lateness_ms: int,
        *,
        contributors: int = 100,
        written: WrittenStates | None = None,
    ) -> None:
        self._metrics = metrics
        self._writer = written.writer if written else None
        self._states: States = {}
        self._restorer = PartitionRestorer(
            self._states, reader, restorer, written, lateness_ms=lateness_ms, contributors=contributors
        )
        self._owned: set[Partition] = set()
        self._touched: set[Partition] = set()
        self._measure_at = 0.0
        self._unmeasured: list[Partition] = []

    @property
    def complete(self) -> bool:
        """Return whether the windows of every owned partition are restored."""
        return not self.unrestored()

    def unrestored(self) -> Collection[Partition]:
        """Return the owned partitions whose windows are not restored yet."""
        return self._restorer.unrestored()

    def keeps(self, topic: str) -> bool:
        """Return whether there are windows over a topic."""
        return any(stateful == topic for stateful, _ in self._states)

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Take partitions over; `restore` restores their windows."""
        partitions = list(partitions)
        self._owned.update(partitions)
        self._restorer.add(partitions)

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
            self._touched.discard(partition)
            task = self._restorer.drop(partition)
            state = self._states.pop(partition, None)
            if state is None:
                continue
            self._metrics.forget_windows(partition)
            if lost and (task is None or task.only is None):
                state.rollback()
                self._restorer.retain(partition, state)

    def restore(self, requirements: Requirements, seconds: float, *, between_transactions: bool) -> bool:
        """Restore partitions for a limited time; return whether everything is (see `PartitionRestorer.restore`)."""
        return self._restorer.restore(self._owned, requirements, seconds, between_transactions=between_transactions)

    def keep_only(self, requirements: Requirements) -> None:
        """Drop windows that no rule needs any more."""
        self._restorer.require(requirements)
        for partition, state in list(self._states.items()):
            needed = requirements[partition[0]]
            if not needed.aggregations:
                del self._states[partition]
                self._touched.discard(partition)
                if self._writer:
                    self._writer.drop(partition)
                self._metrics.forget_windows(partition)
            else:
                state.state.retain({aggregation.window for aggregation in needed.aggregations})
                state.reach_ms = needed.reach_ms

    def evaluate(
        self,
        partition: Partition,
        columns: Columns,
        times: NDArray[np.int64],
        rules: Sequence[Rule],
        features: Sequence[Feature] = (),
    ) -> Evaluation:
        """Add transactions to a partition's windows, in the order that they were read, and evaluate rules on each.

        Args:
            partition: The partition; the next call for it must have the transactions that follow.
            columns: The fields that the rules need.
            times: The bounded event time of each transaction.
            rules: The rules with windows.
            features: The features to compute.
        """
        self._touched.add(partition)
        return self._states[partition].state.evaluate(columns, len(times), rules, clock=times, features=features)

    def add_labels(self, partition: Partition, columns: Columns, arrived: NDArray[np.int64]) -> int | None:
        """Add labels to a partition's windows over labels, in the order that they were read.

        Args:
            partition: The partition.
            columns: The fields of their transactions that the windows need, and what the labels say.
            arrived: When each arrived.

        Returns:
            The latest time from which one of them counts; None without any.
        """
        self._touched.add(partition)
        return self._states[partition].state.add_labels(columns, len(arrived), arrived)

    def note(self, partition: Partition, first: int, next_offset: int, newest_ms: int | None, rows: int) -> None:
        """Note how far a partition was read (see `TimeIndex.note`)."""
        state = self._states.get(partition)
        if state is not None:
            self._touched.add(partition)
            state.index.note(first, next_offset, newest_ms, rows)

    def dead_lettered(self, partition: Partition, offset: int) -> None:
        """Note that a record is not in the windows, and must not be when they are restored."""
        state = self._states.get(partition)
        if state is not None:
            state.dead_letter_end = max(state.dead_letter_end, offset + 1)

    def offset_metadata(self, partition: Partition) -> str:
        """Return the restore point of a partition, to be committed with its offset."""
        state = self._states.get(partition)
        if state is None:
            # Nothing to restore from; that there is metadata shows that the group used the topic.
            return RestorePoint(0, 0).to_metadata()
        position = self._writer.position(partition) if self._writer else None
        return replace(state.restore_point, state=position).to_metadata()

    def write(self, sink: Sink, offsets: Mapping[Partition, int]) -> None:
        """Write the states of partitions whose offsets the open transaction commits, as far as that is due.

        Args:
            sink: The sink.
            offsets: The offsets to be committed, by partition.
        """
        if self._writer:
            for partition in self._touched:
                state, offset = self._states[partition], offsets.get(partition, 0)
                # Offsets may lie behind the last record: markers of transactions have some too.
                self._writer.write(partition, state, max(offset, state.index.offset), sink)

    def commit(self) -> None:
        """Keep what was evaluated since the last commit."""
        for partition in self._touched:
            is_written = self._writer is not None and self._writer.is_writing(partition)
            self._states[partition].commit(written=is_written)
        if self._writer:
            self._writer.committed()
        self._touched.clear()
        self._measure()

    def rollback(self) -> None:
        """Undo what was evaluated since the last commit."""
        for partition in self._touched:
            self._states[partition].rollback()
        if self._writer:
            self._writer.aborted()
        self._touched.clear()

    def _measure(self) -> None:
        """Set the metrics of windows, of one partition: each about once a second where that takes little time."""
        now = time.monotonic()
        self._restorer.release()
        if not self._states or now < self._measure_at:
            return
        self._unmeasured = [partition for partition in self._unmeasured if partition in self._states] or list(
            self._states
        )
        partition = self._unmeasured.pop()
        self._metrics.note_windows(partition, self._states[partition].state)
        took = time.monotonic() - now
        self._measure_at = now + max(1 / len(self._states), took / MEASURING_SHARE)
