"""What a partition held before: read again, apart from the group that goes on with it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.errors import Unavailable
from services.streaming.failures import raise_if_refused, reason
from services.streaming.handler import Partition

QUIET_SECONDS = 30  # how long a broker may say nothing before the reading is given up and tried again
BATCH = 5000


@dataclass(frozen=True)
class Committed:
    """How far a group has come in a partition.

    Attributes:
        offset: The next message to be handled; None where nothing was ever committed.
        bookmark: The note that was committed with it.
    """

    offset: int | None
    bookmark: str


class History:
    """Reads committed offsets and parts of partitions, with a consumer that is no member of the group.

    Args:
        make_consumer: Makes a consumer with the group's id that reports the ends of partitions
            (`enable.partition.eof`).
        stop: Ends reading early when set.
    """

    def __init__(self, make_consumer: Callable[[], Consumer], stop: Event) -> None:
        self._make_consumer = make_consumer
        self._stop = stop

    @property
    def stopped(self) -> bool:
        """Whether reading ends early now."""
        return self._stop.is_set()

    def committed(self, partitions: Sequence[Partition]) -> dict[Partition, Committed]:
        """How far the group has come.

        Raises:
            Unavailable: The group's coordinator doesn't answer now.
            NotAuthorised: The brokers refuse access.
        """
        consumer = self._make_consumer()
        try:
            answers = consumer.committed([TopicPartition(topic, number) for topic, number in partitions], QUIET_SECONDS)
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(f"the committed offsets can't be read: {reason(error)}") from error
        finally:
            consumer.close()
        for answer in answers:
            if answer.error:
                raise Unavailable(f"{answer.topic}-{answer.partition}: no committed offset: {answer.error.str()}")
        return {
            (answer.topic, answer.partition): Committed(
                answer.offset if answer.offset >= 0 else None, answer.metadata or ""
            )
            for answer in answers
        }

    def read(self, partition: Partition, start: int, end: int) -> Iterator[list[Message]]:
        """The messages of a partition from one offset up to, but without, another; fewer where they are gone.

        Args:
            partition: Which.
            start: The first offset.
            end: The first offset that is not wanted; no more than was committed.

        Raises:
            Unavailable: The brokers don't answer now.
            NotAuthorised: They refuse access.
        """
        if start >= end:
            return
        topic, number = partition
        consumer = self._make_consumer()
        try:
            consumer.assign([TopicPartition(topic, number, start)])
            quiet = 0.0
            while not self._stop.is_set():
                messages = consumer.consume(BATCH, 0.5)
                quiet = 0.0 if messages else quiet + 0.5
                if quiet > QUIET_SECONDS:
                    raise Unavailable(f"{topic}-{number}: no broker gave what is between {start} and {end}")
                wanted, ended = _wanted(messages, end)
                if wanted:
                    yield wanted
                if ended:
                    return
        finally:
            consumer.close()


def _wanted(messages: Sequence[Message], end: int) -> tuple[list[Message], bool]:
    """Those before the end, and whether the end was reached."""
    wanted: list[Message] = []
    for message in messages:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                return wanted, True
            raise_if_refused(KafkaException(error))
            continue
        offset = message.offset()
        if offset is None or offset >= end:
            return wanted, True
        wanted.append(message)
        if offset == end - 1:
            return wanted, True
    return wanted, False
