"""Reading of offset ranges for a restore, with a consumer outside of the group."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.errors import Unavailable
from services.streaming.failures import raise_if_refused, reason
from services.streaming.positions import Partition

QUIET_SECONDS = 30  # without a message: the read fails and is retried
REQUEST_TIMEOUT = 5.0
BATCH = 5000
WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class CommittedOffset:
    """Committed offset of a group in a partition.

    Attributes:
        offset: Offset of the next message; None where the group has committed nothing.
        metadata: Metadata of the committed offset.
    """

    offset: int | None
    metadata: str


@dataclass(frozen=True)
class Chunk:
    """Consecutive messages of one partition.

    Attributes:
        partition: Partition of the messages.
        messages: Messages in the order of the log; expired ones are skipped.
        next_offset: Offset after the last of them.
        ended: True where the end of the range is reached.
    """

    partition: Partition
    messages: Sequence[Message]
    next_offset: int
    ended: bool


class PartitionReader:
    """Reader of an offset range of each of several partitions, with a consumer that is no member of the group.

    Args:
        make_consumer: Makes a consumer with the group's id that reports the ends of partitions
            (`enable.partition.eof`).
    """

    def __init__(self, make_consumer: Callable[[], Consumer]) -> None:
        self._make_consumer = make_consumer
        self._consumer: Consumer | None = None
        self._ends: dict[Partition, int] = {}
        self._quiet = 0.0

    def committed(self, partitions: Sequence[Partition]) -> dict[Partition, CommittedOffset]:
        """Return the group's committed offset of each partition.

        Raises:
            Unavailable: The group's coordinator doesn't answer.
            NotAuthorised: The brokers refuse access.
        """
        consumer = self._open()
        try:
            answers = consumer.committed([TopicPartition(*partition) for partition in partitions], REQUEST_TIMEOUT)
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(f"the committed offsets can't be read: {reason(error)}") from error
        for answer in answers:
            if answer.error:
                raise Unavailable(f"{answer.topic}-{answer.partition}: no committed offset: {answer.error.str()}")
        return {
            (answer.topic, answer.partition): CommittedOffset(
                answer.offset if answer.offset >= 0 else None, answer.metadata or ""
            )
            for answer in answers
        }

    def end(self, partition: Partition) -> int:
        """Return the offset after the last record of a partition.

        Raises:
            KafkaException: Its leader does not answer.
        """
        consumer = self._make_consumer()
        try:
            _low, high = consumer.get_watermark_offsets(TopicPartition(*partition), REQUEST_TIMEOUT)
            return int(high)
        finally:
            consumer.close()

    def start(self, ranges: Mapping[Partition, tuple[int, int]]) -> None:
        """Start to read offset ranges, in place of the current ones.

        Args:
            ranges: By partition the first offset, and the one after the last: at most the committed offset.
        """
        self._ends = {partition: end for partition, (_start, end) in ranges.items()}
        self._quiet = 0.0
        self._open().assign([TopicPartition(*partition, start) for partition, (start, _end) in ranges.items()])

    def read(self, timeout: float) -> Iterator[Chunk]:
        """Yield the messages that arrive within a time, by partition, up to the end of each range.

        Args:
            timeout: Seconds to wait for the first message.

        Raises:
            Unavailable: The brokers don't answer.
            NotAuthorised: The brokers refuse access.
        """
        messages = self._open().consume(BATCH, timeout)
        self._quiet = 0.0 if any(message.error() is None for message in messages) else self._quiet + timeout
        if self._quiet > QUIET_SECONDS:
            names = ", ".join(f"{topic}-{number}" for topic, number in self._ends)
            raise Unavailable(f"{names}: no broker returned a record to restore for {QUIET_SECONDS} s")
        by_partition: dict[Partition, list[Message]] = {}
        for message in messages:
            by_partition.setdefault((message.topic() or "", int(message.partition() or 0)), []).append(message)
        for partition, received in by_partition.items():
            end = self._ends.get(partition)
            if end is None:
                continue  # was in the client's queue when its range had ended
            chunk = self._chunk(partition, received, end)
            if chunk is None:
                continue
            if chunk.ended:
                del self._ends[partition]
                # Not paused: of a hundred partitions that are paused, reassigned and resumed, one never fetches again.
                self._open().incremental_unassign([TopicPartition(*partition)])
            yield chunk

    def messages(self, ranges: Mapping[Partition, tuple[int, int]]) -> Iterator[Message]:
        """Yield all messages of offset ranges, each partition's in order; empty ranges have none.

        Args:
            ranges: As those of `start`.

        Raises:
            Unavailable: The brokers don't answer.
            NotAuthorised: The brokers refuse access.
        """
        for chunk in self.chunks(ranges):
            yield from chunk.messages

    def chunks(self, ranges: Mapping[Partition, tuple[int, int]]) -> Iterator[Chunk]:
        """Yield the chunks of offset ranges until each has ended; empty ranges have none.

        Args:
            ranges: As those of `start`.

        Raises:
            Unavailable: The brokers don't answer.
            NotAuthorised: The brokers refuse access.
        """
        left = {partition: limits for partition, limits in ranges.items() if limits[0] < limits[1]}
        if left:
            self.start(left)
        while left:
            for chunk in self.read(WAIT_SECONDS):
                yield chunk
                if chunk.ended:
                    left.pop(chunk.partition, None)

    def close(self) -> None:
        """Close the consumer; the next call makes a new one."""
        self._ends = {}
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _open(self) -> Consumer:
        if self._consumer is None:
            self._consumer = self._make_consumer()
        return self._consumer

    def _chunk(self, partition: Partition, messages: Sequence[Message], end: int) -> Chunk | None:
        """Return the messages before the end, and whether it was reached; None where there is nothing new."""
        selected: list[Message] = []
        for message in messages:
            error, offset = message.error(), int(message.offset() or 0)
            if error is None and offset < end:
                selected.append(message)
            elif error is None or (error.code() == KafkaError._PARTITION_EOF and self._is_end(partition, offset, end)):  # noqa: SLF001 - its public name
                return Chunk(partition, selected, end, ended=True)
            else:
                raise_if_refused(KafkaException(error))
        if not selected:
            return None
        next_offset = int(selected[-1].offset() or 0) + 1
        return Chunk(partition, selected, next_offset, ended=next_offset >= end)

    def _is_end(self, partition: Partition, offset: int, end: int) -> bool:
        """Return whether no message before `end` will come: a new leader may not know the high watermark yet.

        Raises:
            Unavailable: The leader does not return the end of the partition.
        """
        if offset >= end:
            return True
        try:
            _low, high = self._open().get_watermark_offsets(TopicPartition(*partition), REQUEST_TIMEOUT)
        except KafkaException as error:
            raise_if_refused(error)
            topic, number = partition
            raise Unavailable(f"the end of {topic}-{number} is unknown: {reason(error)}") from error
        return high < end
