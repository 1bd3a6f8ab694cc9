"""Restores windows from the topics, a little at a time, while the process stays a member of its group."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import structlog
from confluent_kafka import Message

from services.detector.decoded_batch import decode_batch
from services.detector.headers import Incoming, read_headers
from services.detector.partition_state import PartitionState, bounded_event_times
from services.detector.schema_decoder_cache import SchemaDecoderCache
from services.rules.model import EVENT_TIME, Window
from services.rules.state_requirements import StateRequirements
from services.streaming.partition_reader import Chunk, PartitionReader
from services.streaming.poison_search import NOT_OF_A_RECORD
from services.streaming.positions import Partition, position_of
from services.streaming.progress import LoopProgress

log = structlog.get_logger()

WAIT_SECONDS = 0.05  # for the next messages, before the loop goes on with everything else
REPORT_SECONDS = 5.0

DeadOffsets = Callable[[Mapping[Partition, tuple[int, int]]], Mapping[Partition, Collection[int]]]
"""Returns by partition the offsets in [start, end) that are in the dead-letter topic."""


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
        dead: The offsets in the range that are in the dead-letter topic; None while they are not known.
    """

    partition: Partition
    target: PartitionState
    position: int
    end: int
    requirements: StateRequirements
    only: Collection[Window] | None = None
    note: bool = True
    dead: Collection[int] | None = None
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


class Restorer:
    """Restores several partitions at once; each is done as soon as its own range is read.

    A failure loses nothing that was read: the next call continues after it.

    Args:
        reader: Reads the partitions.
        decoders: The decoders of all schema ids.
        dead_offsets: Reads the dead-letter topic; called in a thread of its own.
        progress: Shows how much is left.
    """

    def __init__(
        self, reader: PartitionReader, decoders: SchemaDecoderCache, dead_offsets: DeadOffsets, progress: LoopProgress
    ) -> None:
        self._reader = reader
        self._decoders = decoders
        self._dead_offsets = dead_offsets
        self._progress = progress
        self._tasks: dict[Partition, RestoreTask] = {}
        self._assigned = False  # whether the reader has the ranges of the tasks
        self._lookup: tuple[list[RestoreTask], Future[Mapping[Partition, Collection[int]]]] | None = None
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
        target, messages = task.target, self._without_skipped(task, chunk.messages)
        newest = self._add(task, read_headers(messages)[0])
        if task.note:
            target.index.note(task.position, chunk.next_offset, newest)
        target.commit()
        task.records += len(messages)
        task.position = chunk.next_offset

    def _add(self, task: RestoreTask, incoming: Incoming) -> int | None:
        """Add messages to the windows; return the newest event time, if any could be decoded.

        A record that fails in an unforeseen way is left out: it would fail at every restart.
        """
        target, messages = task.target, incoming.messages
        try:
            values = [message.value() for message in messages]
            fields, in_headers = task.requirements.fields, incoming.runs.schema_ids()
            batch = decode_batch(values, self._decoders.decoder_of, fields, in_headers)
            decoded = [messages[row] for row in batch.rows.tolist()]
            if not decoded:
                return None
            times = batch.columns[EVENT_TIME]
            clock = bounded_event_times(times, decoded)
            target.state.add(batch.columns, len(decoded), clock=clock, only=task.only)
            target.state.commit()
            return int(times.max())
        except NOT_OF_A_RECORD:
            raise
        except Exception as error:
            target.state.rollback()
            if len(messages) == 1:
                topic, number, offset = position_of(messages[0])
                log.exception("record skipped in restore", topic=topic, partition=number, offset=offset,
                              reason=f"{type(error).__name__}: {error}")  # fmt: skip
                return None
            half = len(messages) // 2
            times_of = [self._add(task, incoming.part(*part)) for part in ((0, half), (half, len(messages)))]
            return max((time for time in times_of if time is not None), default=None)

    def _without_skipped(self, task: RestoreTask, messages: Sequence[Message]) -> Sequence[Message]:
        """Return messages without those that are dead letters, and those that will be written again."""
        dead, skipped = task.dead or (), task.target.skipped
        if dead:
            target = task.target
            hits = [int(message.offset() or 0) for message in messages if message.offset() in dead]
            target.dead_letter_end = max([target.dead_letter_end, *(offset + 1 for offset in hits)])
            messages = [message for message in messages if message.offset() not in dead]
        if skipped:
            before, since = skipped.before, skipped.from_ms
            messages = [message for message in messages
                        if int(message.offset() or 0) >= before or message.timestamp()[1] < since]  # fmt: skip
        return messages

    def _finish(self, task: RestoreTask) -> None:
        topic, number = task.partition
        if task.note:
            task.target.index.note(task.end, task.end, None)
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
