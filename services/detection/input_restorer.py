"""Restores windows from their input topics, a little at a time, while the process stays a member of its group.

`state_reader` reads what the state topic has; `partition_restorer` decides which of the two a partition needs.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np
import structlog
from confluent_kafka import Message
from numpy.typing import NDArray

from services.detection.decoded_batch import decode_batch, label_columns
from services.detection.incoming import Incoming, runs_of_labels
from services.detection.partition_state import PartitionState, bounded_event_times
from services.detection.record_reading import UnpackBatch, read_batches, read_records
from services.detection.schema_decoder_cache import SchemaDecoderCache
from services.rules.model import EVENT_TIME, Window, feature_column
from services.rules.state_requirements import StateRequirements
from services.streaming.partition_reader import Chunk, PartitionReader
from services.streaming.poison_search import NOT_OF_A_RECORD
from services.streaming.positions import MessagePosition, Partition
from services.streaming.progress import LoopProgress
from services.streaming.record_size import bounded_batches

log = structlog.get_logger()

WAIT_SECONDS = 0.05  # for the next messages, before the loop goes on with everything else
REPORT_SECONDS = 5.0

DeadOffsets = Callable[[Mapping[Partition, tuple[int, int]]], Mapping[Partition, Collection[MessagePosition]]]
"""Returns by partition the positions at offsets in [start, end) whose dead letters are in the dead-letter topic."""


@dataclass
class RestoreTask:
    """A range of a partition that is to be read into its windows.

    Attributes:
        partition: The partition.
        target: Its state.
        position: The next offset to read.
        end: The end of the range, exclusive: the committed offset.
        requirements: The fields to decode.
        only: The windows to restore; None for all.
        note: Whether the range is added to the time index.
        dead: The positions in the range that are in the dead-letter topic; None while they are not known.
    """

    partition: Partition
    target: PartitionState
    position: int
    end: int
    requirements: StateRequirements
    only: Collection[Window] | None = None
    note: bool = True
    dead: Collection[MessagePosition] | None = None
    start: int = field(init=False)
    records: int = 0
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.start = self.position

    @property
    def seconds_left(self) -> float | None:
        """The seconds until the end at the rate so far; None where nothing was read yet."""
        done = self.position - self.start
        return (self.end - self.position) * (time.monotonic() - self.began) / done if done else None


class InputRestorer:
    """Restores several partitions at once; each is done as soon as its own range is read.

    A failure loses nothing that was read: the next call continues after it.

    Args:
        reader: Reads the partitions.
        decoders: The decoders of all schema ids.
        dead_offsets: Reads the dead-letter topic; called in a thread of its own.
        progress: Shows how much is left.
        unpack: By repartition topic what returns the batch in a record.
    """

    def __init__(
        self,
        reader: PartitionReader,
        decoders: SchemaDecoderCache,
        dead_offsets: DeadOffsets,
        progress: LoopProgress,
        unpack: Mapping[str, UnpackBatch],
    ) -> None:
        self._reader = reader
        self._decoders = decoders
        self._dead_offsets = dead_offsets
        self._progress = progress
        self._unpack = unpack
        self._tasks: dict[Partition, RestoreTask] = {}
        self._assigned = False  # whether the reader has the ranges of the tasks
        self._lookup: tuple[list[RestoreTask], Future[Mapping[Partition, Collection[MessagePosition]]]] | None = None
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="dead-letters")
        self._reported_at = time.monotonic()

    @property
    def partitions(self) -> Collection[Partition]:
        """The partitions that are being restored."""
        return self._tasks.keys()

    def add(self, task: RestoreTask) -> None:
        """Start restoring a partition."""
        self._tasks[task.partition] = task
        self._assigned = False
        self._progress.restoring(task.partition, task.end - task.position, None)

    def drop(self, partition: Partition) -> RestoreTask | None:
        """Stop restoring a partition; return its task, if it had one."""
        task = self._tasks.pop(partition, None)
        if task:
            self._assigned = False
        return task

    def restore(self, seconds: float) -> list[RestoreTask]:
        """Continue for a limited time, approximately.

        Returns:
            The tasks that were finished.

        Raises:
            RetryableError: Brokers or registry can't be asked now.
        """
        until = time.monotonic() + seconds
        finished: list[RestoreTask] = []
        try:
            self._look_up_dead_letters()
            while True:
                finished += [self._tasks.pop(task.partition) for task in list(self._tasks.values())
                             if task.position >= task.end]  # fmt: skip
                readable = [task for task in self._tasks.values() if task.dead is not None]
                left = until - time.monotonic()
                if left <= 0 or not self._tasks:
                    break
                if not readable:
                    self._await_dead_letters(min(WAIT_SECONDS, left))
                    break
                if not self._assigned:
                    self._reader.start({task.partition: (task.position, task.end) for task in readable})
                    self._assigned = True
                for chunk in self._reader.read(min(WAIT_SECONDS, left)):
                    if chunk.partition in self._tasks:
                        self._feed(self._tasks[chunk.partition], chunk)
        except Exception:
            # Messages that were read and not added are read again: from the tasks' positions, by a new consumer.
            self._reader.close()
            self._assigned = False
            raise
        finally:
            for task in finished:
                self._finish(task)
        if not self._tasks:
            self._reader.close()
        self._report()
        return finished

    def _look_up_dead_letters(self) -> None:
        """Look up which records of the ranges are dead letters: a thread reads them while the loop goes on."""
        if self._lookup and self._lookup[1].done():
            (tasks, answer), self._lookup = self._lookup, None
            dead = answer.result()
            for task in tasks:
                task.dead = dead.get(task.partition, ())
            self._assigned = False
        unknown = [task for task in self._tasks.values() if task.dead is None]
        if unknown and not self._lookup:
            ranges = {task.partition: (task.position, task.end) for task in unknown}
            self._lookup = unknown, self._threads.submit(self._dead_offsets, ranges)

    def _await_dead_letters(self, seconds: float) -> None:
        if self._lookup:
            wait([self._lookup[1]], seconds)

    def _feed(self, task: RestoreTask, chunk: Chunk) -> None:
        target = task.target
        for messages in bounded_batches(chunk.messages):
            incoming = self._without_skipped(task, self._read(task.partition[0], messages))
            newest = self._add(task, incoming)
            next_offset = int(messages[-1].offset() or 0) + 1
            if task.note:
                target.index.note(task.position, next_offset, newest, len(incoming))
            target.commit()
            task.records += len(incoming)
            task.position = next_offset
        if task.note and task.position < chunk.next_offset:
            target.index.note(task.position, chunk.next_offset, None, 0)
            target.commit()
        task.position = chunk.next_offset

    def _read(self, topic: str, messages: Sequence[Message]) -> Incoming:
        unpack = self._unpack.get(topic)
        return read_batches(topic, messages, unpack)[0] if unpack else read_records(messages)[0]

    def _add(self, task: RestoreTask, incoming: Incoming) -> int | None:
        """Add transactions and labels to the windows; return the newest time that still counts, if any was decoded.

        A record that fails in an unforeseen way is left out: it would fail at every restart.
        """
        parts = list(runs_of_labels(incoming)) if len(incoming) else []
        newest = [time for part, labels in parts if (time := self._add_run(task, part, labels)) is not None]
        return max(newest, default=None)

    def _add_run(self, task: RestoreTask, incoming: Incoming, labels: NDArray[np.int8] | None) -> int | None:
        """Add transactions, or labels."""
        target = task.target
        try:
            fields, in_headers = task.requirements.fields, incoming.runs.schema_ids()
            batch = decode_batch(incoming.values, self._decoders.decoder_of, fields, in_headers)
            if not len(batch.rows):
                return None
            if labels is not None:
                arrived = incoming.timestamps[batch.rows]
                latest = target.state.add_labels(label_columns(batch, labels), len(batch.rows), arrived, only=task.only)
                target.state.commit()
                return latest
            times = batch.columns[EVENT_TIME]
            clock = bounded_event_times(times, incoming.timestamps[batch.rows])
            earlier = {feature_column(name): values[batch.rows] for name, values in incoming.features.items()}
            target.state.add({**batch.columns, **earlier}, len(batch.rows), clock=clock, only=task.only)
            target.state.commit()
            return int(times.max())
        except NOT_OF_A_RECORD:
            raise
        except Exception as error:
            target.state.rollback()
            if len(incoming) == 1:
                topic, number, offset, *row = incoming.position(0)
                log.exception("record skipped in restore", topic=topic, partition=number, offset=offset,
                              row=row[0] if row else None, reason=f"{type(error).__name__}: {error}")  # fmt: skip
                return None
            half = len(incoming) // 2
            times_of = [self._add(task, incoming.part(*part)) for part in ((0, half), (half, len(incoming)))]
            return max((time for time in times_of if time is not None), default=None)

    def _without_skipped(self, task: RestoreTask, incoming: Incoming) -> Incoming:
        """Return messages without those that are dead letters, and those that will be written again."""
        dead, skipped, target = task.dead or (), task.target.skipped, task.target
        if not len(incoming) or not (dead or skipped):
            return incoming
        keep = np.ones(len(incoming), np.bool_)
        if dead:
            # Few rows are looked at: those of records with an offset of a dead letter.
            offsets = np.array(sorted({position[2] for position in dead}), np.int64)
            for row in np.flatnonzero(np.isin(incoming.offsets, offsets)).tolist():
                position = incoming.position(row)
                if position in dead or position[:3] in dead:
                    keep[row] = False
                    target.dead_letter_end = max(target.dead_letter_end, position[2] + 1)
        if skipped:
            keep &= (incoming.offsets >= skipped.before) | (incoming.timestamps < skipped.from_ms)
        return incoming if keep.all() else incoming.take(np.flatnonzero(keep).tolist())

    def _finish(self, task: RestoreTask) -> None:
        topic, number = task.partition
        if task.note:
            task.target.index.note(task.end, task.end, None, 0)
            task.target.commit()
        if task.start == task.end:
            return
        log.info(
            "windows restored", topic=topic, partition=number, from_offset=task.start, to_offset=task.end,
            messages=task.records, entries=task.target.state.entries, dead_letters=len(task.dead or ()),
            seconds=round(time.monotonic() - task.began, 2),
        )  # fmt: skip

    def _report(self) -> None:
        now = time.monotonic()
        for task in self._tasks.values():
            self._progress.restoring(task.partition, task.end - task.position, task.seconds_left)
        if not self._tasks or now - self._reported_at < REPORT_SECONDS:
            return
        self._reported_at = now
        known = [seconds for task in self._tasks.values() if (seconds := task.seconds_left) is not None]
        log.info(
            "restoring windows", partitions=[f"{topic}-{number}" for topic, number in self._tasks],
            records_left=sum(task.end - task.position for task in self._tasks.values()),
            seconds_left=round(max(known)) if known else None,
        )  # fmt: skip
