"""Stretches of partitions, read apart from the group that goes on with them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.errors import Unavailable
from services.streaming.failures import raise_if_refused, reason
from services.streaming.positions import Partition

QUIET_SECONDS = 30  # how long a broker may say nothing before the reading is given up and tried again
ASK_SECONDS = 5.0  # for an answer about committed offsets
BATCH = 5000


@dataclass(frozen=True)
class CommittedOffset:
    """How far a group has come in a partition.

    Attributes:
        offset: The next message to be handled; None where nothing was ever committed.
        metadata: The note that was committed with it.
    """

    offset: int | None
    metadata: str


@dataclass(frozen=True)
class Chunk:
    """Messages of one partition that follow each other.

    Attributes:
        partition: Which.
        messages: In the order of the log; those that expired are skipped.
        next_offset: From where on the partition is to be read after them.
        ended: Whether the end of the stretch is reached.
    """

    partition: Partition
    messages: Sequence[Message]
    next_offset: int
    ended: bool


class PartitionReader:
    """Reads stretches of several partitions at once, with a consumer that is no member of the group.

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
            Unavailable: The group's coordinator doesn't answer now.
            NotAuthorised: The brokers refuse access.
        """
        consumer = self._open()
        try:
            answers = consumer.committed([TopicPartition(*partition) for partition in partitions], ASK_SECONDS)
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

    def start(self, stretches: Mapping[Partition, tuple[int, int]]) -> None:
        """Begin to read stretches, instead of those that are being read.

        Args:
            stretches: By partition the first offset, and the first one that is not wanted: no more than was committed.
        """
        self._ends = {partition: end for partition, (_start, end) in stretches.items()}
        self._quiet = 0.0
        self._open().assign([TopicPartition(*partition, start) for partition, (start, _end) in stretches.items()])

    def read(self, timeout: float) -> Iterator[Chunk]:
        """Yield what comes within a time, by partition; a stretch that has ended is not read on.

        Args:
            timeout: Seconds to wait for the first message.

        Raises:
            Unavailable: The brokers don't answer now.
            NotAuthorised: They refuse access.
        """
        messages = self._open().consume(BATCH, timeout)
        self._quiet = 0.0 if any(message.error() is None for message in messages) else self._quiet + timeout
        if self._quiet > QUIET_SECONDS:
            names = ", ".join(f"{topic}-{number}" for topic, number in self._ends)
            raise Unavailable(f"{names}: no broker gave what was to be restored for {QUIET_SECONDS} s")
        by_partition: dict[Partition, list[Message]] = {}
        for message in messages:
            by_partition.setdefault((message.topic() or "", int(message.partition() or 0)), []).append(message)
        for partition, some in by_partition.items():
            end = self._ends.get(partition)
            if end is None:
                continue  # was in the client's queue when its stretch had ended
            chunk = self._chunk(partition, some, end)
            if chunk is None:
                continue
            if chunk.ended:
                del self._ends[partition]
                # Not paused: of a hundred partitions paused, assigned anew and resumed one never fetches again.
                self._open().incremental_unassign([TopicPartition(*partition)])
            yield chunk

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
        """The messages before the end, and whether it was reached; None where there is nothing new."""
        wanted: list[Message] = []
        for message in messages:
            error, offset = message.error(), int(message.offset() or 0)
            if error is None and offset < end:
                wanted.append(message)
            elif error is None or (error.code() == KafkaError._PARTITION_EOF and self._is_end(partition, offset, end)):  # noqa: SLF001 - its public name
                return Chunk(partition, wanted, end, ended=True)
            else:
                raise_if_refused(KafkaException(error))
        if not wanted:
            return None
        next_offset = int(wanted[-1].offset() or 0) + 1
        return Chunk(partition, wanted, next_offset, ended=next_offset >= end)

    def _is_end(self, partition: Partition, offset: int, end: int) -> bool:
        """Whether nothing before `end` will come: a leader that has just been elected may not know all of it yet.

        Raises:
            Unavailable: The leader does not say now where the partition ends.
        """
        if offset >= end:
            return True
        try:
            _low, high = self._open().get_watermark_offsets(TopicPartition(*partition), ASK_SECONDS)
        except KafkaException as error:
            raise_if_refused(error)
            topic, number = partition
            raise Unavailable(f"the end of {topic}-{number} can't be asked for: {reason(error)}") from error
        return high < end
