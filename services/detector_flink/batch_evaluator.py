"""Evaluates the batches that Flink hands to a Python worker, with the detector's handler."""

from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, Message

from services.detection.handler import DetectorHandler
from services.detector_flink.output_rows import OutputRows, Row
from services.errors import FatalError, PoisonError
from services.streaming.partition_reader import CommittedOffset, PartitionReader
from services.streaming.poison_search import NOT_OF_A_RECORD, PoisonRecords, UnprocessableError
from services.streaming.positions import Partition, next_offsets, position_of
from services.streaming.record_size import bounded_batches
from services.streaming.sink import Sink

RESTORE_SECONDS = 1.0  # between two looks at whether a restore is done


RESTORE_POINT = "restore.point"
"""The header of a record of the state topic with the restore point that names the record."""

FindRestorePoint = Callable[[Partition, int], str]
"""Returns the newest restore point of a partition that is not after an offset, as metadata of a committed offset; an
empty text where there is none."""


class OrderError(FatalError):
    """A partition's records came to a worker in another order than that of the log."""


class BatchOffsets(PartitionReader):
    """A reader for which the committed offset of a partition is that of the first record which Flink hands over.

    Flink keeps the offsets. What is before that record was read before, by this job or an earlier one.

    Args:
        make_consumer: As for the base class.
        restore_points: Finds the restore point of a partition up to an offset.
    """

    first_offsets: dict[Partition, int]

    def __init__(self, make_consumer: Callable[[], Consumer], restore_points: FindRestorePoint) -> None:
        super().__init__(make_consumer)
        self._restore_points = restore_points

    def committed(self, partitions: Sequence[Partition]) -> dict[Partition, CommittedOffset]:
        """Return the first offset of each partition, and the restore point that was written for it."""
        return {
            partition: CommittedOffset(offset, self._restore_points(partition, offset) if offset else "")
            for partition in partitions
            for offset in [self.first_offsets[partition]]
        }


class BatchEvaluator:
    """Evaluates batches of records, and returns what is to be written for them.

    The windows of a partition follow from the records before: they are restored before its first record is evaluated.
    Flink hands over the records of a partition in their order, and starts a new evaluator after each failure.

    Args:
        handler: The detector's handler.
        reader: Its reader, which is told the first offset of each partition.
        output: Takes what is to be written.
        sink: Writes to `output`.
    """

    def __init__(self, handler: DetectorHandler, reader: BatchOffsets, output: OutputRows, sink: Sink) -> None:
        self._handler = handler
        self._reader = reader
        self._output = output
        self._sink = sink
        self._next: dict[Partition, int] = {}
        reader.first_offsets = {}

    def evaluate(self, messages: Sequence[Message]) -> list[Row]:
        """Evaluate records of any partitions, each partition's in the order of its log; return the records to write.

        Raises:
            OrderError: A record came before that was evaluated already.
            RetryableError: Brokers or registry don't answer: Flink restarts the job.
        """
        self._restore(messages)
        for part in bounded_batches(messages):
            self._handle(part)
        return self._output.take()

    def _restore(self, messages: Iterable[Message]) -> None:
        """Restore the windows of partitions that are new to this worker."""
        new: dict[Partition, int] = {}
        for message in messages:
            topic, number, offset = position_of(message)
            partition = topic, number
            if partition not in self._next:
                new[partition] = offset
            elif offset < self._next[partition]:
                raise OrderError(
                    f"{topic}-{number}: offset {offset} came after {self._next[partition] - 1}; expected the order of "
                    "the log: nothing between source and evaluation may redistribute records"
                )
            self._next[partition] = offset + 1
        if not new:
            return
        self._reader.first_offsets.update(new)
        self._handler.assigned(list(new))
        while not self._handler.is_restored():
            self._handler.restore(RESTORE_SECONDS, between_transactions=True)

    def _handle(self, messages: Sequence[Message]) -> None:
        """Handle records; where that fails for an unknown one, one by one."""
        before = len(self._output.rows)
        poison: dict[int, PoisonError] = {}
        while True:
            try:
                good = [message for place, message in enumerate(messages) if place not in poison]
                for place, error in poison.items():
                    self._sink.write_dead_letter(messages[place], error)
                if good:
                    self._handler.handle(good, self._sink)
            except PoisonRecords as error:
                self._undo(before)
                places = {position_of(message): place for place, message in enumerate(messages)}
                poison |= {places[position[:3]]: cause for position, cause in error.errors.items()}
            except NOT_OF_A_RECORD:
                raise
            except Exception as error:  # noqa: BLE001 - of which record is found out
                self._undo(before)
                if len(messages) > 1:
                    for message in messages:
                        self._handle([message])
                    return
                if not self._handler.search_inside(position_of(messages[0])):
                    poison = {0: UnprocessableError(f"{type(error).__name__}: {error}", stage="TRANSFORMATION")}
            else:
                break
        self._write_state(messages)
        self._handler.committed()

    def _write_state(self, messages: Sequence[Message]) -> None:
        """Write what windows keep, each record with the restore point that names it: Flink commits no metadata."""
        before = len(self._output.rows)
        self._handler.write_state(self._sink, next_offsets(messages))
        for row in self._output.rows[before:]:
            topic, _, _ = (row[1] or b"").partition(b"\0")
            point = self._handler.offset_metadata((topic.decode(), self._output.partition_of(row)))
            row += [RESTORE_POINT.encode(), point.encode()]

    def _undo(self, rows: int) -> None:
        """Undo the handling of records."""
        del self._output.rows[rows:]
        self._handler.aborted()


def message_of(  # noqa: PLR0917 - the columns of the source
    topic: str,
    partition: int,
    offset: int,
    timestamp_ms: int,
    key: bytes | None,
    value: bytes | None,
    names: Sequence[str] | None,
    contents: Sequence[bytes | None] | None,
) -> Message:
    """Return a record of Flink's source as the Kafka client's message."""
    headers: list[tuple[str, str | bytes | None]] | None = None
    if names is not None and contents is not None and len(names):
        headers = list(zip(names, contents, strict=True))
    return Message(
        topic=topic, partition=partition, offset=offset, key=key, value=value, headers=headers,
        timestamp=(TIMESTAMP_LOG_APPEND_TIME, timestamp_ms),
    )  # fmt: skip
