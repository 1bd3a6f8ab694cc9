"""Reads written state from the state topic: the chain of records that a committed offset names.

`partition_restorer` decides what a partition is restored from; `restore_tasks` makes its windows of it.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from confluent_kafka import Message

from services.detection.state_record import StateRecord
from services.errors import PoisonError
from services.rules.model import Window
from services.rules.windows import StateBuilder
from services.streaming.partition_reader import Chunk, PartitionReader
from services.streaming.positions import Partition, position_of
from services.streaming.restore_point import RestorePoint, StatePosition

WAIT_SECONDS = 0.05  # for the next records, before the loop goes on with everything else
NO_END = 1 << 62

Decode = Callable[[bytes], StateRecord]
"""Decodes the value of a record; raises `PoisonError` or `RetryableError`."""


@dataclass
class StateTask:
    """A partition whose state is read.

    Attributes:
        partition: The partition.
        point: Its restore point.
        position: The chain to read, which is the point's.
        lateness_ms: The allowed lateness; entries must have been kept for it.
        builder: The entries so far.
        windows: The windows that the chain is complete for.
        last: The last record so far.
        problem: Why the chain can't be used; None while it can.
        entries: The number of entries so far.
    """

    partition: Partition
    point: RestorePoint
    position: StatePosition
    lateness_ms: int
    builder: StateBuilder = field(default_factory=StateBuilder)
    windows: frozenset[Window] = frozenset()
    last: StateRecord | None = None
    problem: str | None = None
    entries: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def is_done(self) -> bool:
        """Return whether the whole chain is read, or can't be used."""
        return self.problem is not None or (self.last is not None and self.last.sequence == self.position.last)

    def add(self, record: StateRecord) -> None:
        """Add the next record of the partition; records of other chains are left out."""
        position = self.position
        if self.is_done or record.chain != position.chain or not position.first <= record.sequence <= position.last:
            return
        expected = position.first if self.last is None else self.last.sequence + 1
        if record.sequence != expected:
            self.problem = f"record {record.sequence} of chain {position.chain} comes in place of {expected}"
        elif record.lateness_ms < self.lateness_ms:
            self.problem = (
                f"it was kept for a lateness of {record.lateness_ms / 1000:g} s, and ALLOWED_LATENESS is "
                f"{self.lateness_ms / 1000:g} s now"
            )
        else:
            self.windows = frozenset(record.windows) if self.last is None else self.windows & frozenset(record.windows)
            self.last = record
            for part in record.entries:
                self.builder.add(part)
                self.entries += len(part)
            if self.is_done and record.next_offset != position.next_offset:
                self.problem = f"it is up to offset {record.next_offset}; expected {position.next_offset}"

    def end(self) -> None:
        """Note that there are no more records."""
        if not self.is_done:
            last = "none" if self.last is None else str(self.last.sequence)
            self.problem = (
                f"records {self.position.first} to {self.position.last} of chain {self.position.chain} are not all "
                f"there: the last is {last}"
            )


class StateReader:
    """Reads the states of several partitions at once.

    Args:
        topic: The state topic.
        reader: Reads its partitions.
        decode: Decodes records.
    """

    def __init__(self, topic: str, reader: PartitionReader, decode: Decode) -> None:
        self._topic = topic
        self._reader = reader
        self._decode = decode
        self._tasks: dict[Partition, StateTask] = {}
        self._started = False

    @property
    def partitions(self) -> Collection[Partition]:
        """The partitions whose states are being read."""
        return self._tasks.keys()

    def add(self, task: StateTask) -> None:
        """Start reading a state."""
        self._tasks[task.partition] = task
        self._started = False

    def drop(self, partition: Partition) -> None:
        """Stop reading a state."""
        if self._tasks.pop(partition, None):
            self._started = False

    def read(self, seconds: float) -> list[StateTask]:
        """Continue for a limited time, approximately; return the tasks that are done.

        Raises:
            RetryableError: Brokers or registry can't be asked now; everything is read again then.
        """
        until = time.monotonic() + seconds
        try:
            if not self._started:
                self._start()
            while self._tasks and (left := until - time.monotonic()) > 0:
                for chunk in self._reader.read(min(WAIT_SECONDS, left)):
                    self._feed(chunk)
                if any(task.is_done for task in self._tasks.values()):
                    break
        except Exception:
            self._reader.close()
            self._started = False
            raise
        done = [task for task in self._tasks.values() if task.is_done]
        for task in done:
            del self._tasks[task.partition]
        if not self._tasks:
            self._reader.close()
            self._started = False
        return done

    def _start(self) -> None:
        """Start to read from the first record of any task, each task from its beginning."""
        for partition, task in list(self._tasks.items()):
            self._tasks[partition] = StateTask(task.partition, task.point, task.position, task.lateness_ms)
        starts: dict[Partition, int] = {}
        for task in self._tasks.values():
            own = (self._topic, task.partition[1])
            starts[own] = min(task.position.start, starts.get(own, NO_END))
        self._reader.start({own: (start, NO_END) for own, start in starts.items()})
        self._started = True

    def _feed(self, chunk: Chunk) -> None:
        number = chunk.partition[1]
        tasks = {task.partition[0].encode(): task for task in self._tasks.values() if task.partition[1] == number}
        for message in chunk.messages:
            # Where an engine's sink takes no partition, a key has what sends it to its partition after a zero byte.
            task = tasks.get((message.key() or b"").partition(b"\0")[0])
            if task is not None and not task.is_done:
                self._add(task, message)
        if chunk.ended:
            for task in tasks.values():
                task.end()

    def _add(self, task: StateTask, message: Message) -> None:
        try:
            record = self._decode(message.value() or b"")
        except PoisonError as error:
            topic, number, offset = position_of(message)
            task.problem = f"{topic}-{number} offset {offset}: {error}"
            return
        task.add(record)
