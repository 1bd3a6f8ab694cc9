"""Output of a handler: records and dead letters, inside the loop's open transaction."""

import time
from collections.abc import Callable, Collection, Iterable
from itertools import count
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from services.errors import PoisonError
from services.streaming.dead_letter_writer import DeadLetterWriter
from services.streaming.poison_search import PoisonRecords
from services.streaming.positions import MessagePosition, Partition
from services.streaming.record_headers import Headers

ANY_PARTITION = -1  # the partitioner's choice, by the key
METADATA_SECONDS = 10.0
METADATA_TIMEOUT = 5.0
CONFIRM_SECONDS = 5.0


class TooLargeError(PoisonError):
    """A record, or its result, is larger than its topic accepts."""


class Sink(DeadLetterWriter):
    """Writer to the producer; the loop's commit or abort decides about all records together.

    A full producer queue blocks the caller; no record is dropped. A record that the broker refuses makes the commit
    fail, so the loop aborts: no delivery is checked here.

    Args:
        producer: Producer, in an open transaction whenever a handler is called.
        dead_letter_topic: Topic for poison messages.
        dead_letter_max_bytes: The largest record that this topic accepts.
        on_dead_letter: Receives partition and offset of each dead-lettered record.
    """

    def __init__(
        self,
        producer: Producer,
        dead_letter_topic: str,
        dead_letter_max_bytes: int,
        on_dead_letter: Callable[[Partition, int], None],
    ) -> None:
        super().__init__(dead_letter_topic, dead_letter_max_bytes, on_dead_letter)
        self._producer = producer
        self._partition_counts: dict[str, tuple[int, float]] = {}

    def forward(
        self,
        values: Iterable[bytes | None],
        topics: Iterable[str],
        *,
        keys: Iterable[bytes | None],
        timestamps: Iterable[int],
        original_headers: Iterable[Headers | None],
        added_headers: Iterable[Headers],
        reserved: Collection[str] = (),
        position: Callable[[int], MessagePosition],
    ) -> None:
        """Forward messages with their timestamp and headers: the hot path.

        Args:
            values: The value to write for each: usually the message's own, byte for byte.
            topics: The target topic of each.
            keys: The key of each.
            timestamps: The timestamp of each, in milliseconds since the epoch.
            original_headers: The headers of each, as consumed.
            added_headers: Headers to add to each.
            reserved: Names of headers that only the caller writes: the messages' own ones are dropped.
            position: Returns the position of a consumed message by its index.

        Raises:
            PoisonRecords: The client rejects a record for its size.
        """
        produce = self._producer.produce
        for index, value, topic, key, timestamp, original, headers in zip(
            count(), values, topics, keys, timestamps, original_headers, added_headers, strict=False
        ):
            if original is not None and original != headers:  # a later stage often adds the headers that are there
                headers = [*(header for header in original if header[0] not in reserved), *headers]  # noqa: PLW2901
            try:  # arguments by position: by name they cost another 0.4 µs of about 0.6
                produce(topic, value, key, ANY_PARTITION, None, None, timestamp, headers)
            except BufferError:
                self.send(topic, value, key, timestamp=timestamp, headers=headers)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    raise
                too_large = TooLargeError(f"too large to be written to {topic}", stage="TRANSFORMATION")
                raise PoisonRecords({position(index): too_large}) from error

    def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        *,
        partition: int = ANY_PARTITION,
        timestamp: int = 0,
        headers: Any = None,
    ) -> None:
        """Write one record, blocking while the producer's queue is full.

        Args:
            topic: The target topic.
            value: The value; None writes a tombstone.
            key: The key, which decides the partition unless that is given.
            partition: The number of the partition.
            timestamp: Milliseconds since the epoch; 0 is now.
            headers: As confluent-kafka takes them.
        """
        optional = {} if headers is None else {"headers": headers}
        while True:
            try:
                self._producer.produce(topic, value, key, partition, timestamp=timestamp, **optional)
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def partition_count(self, topic: str) -> int:
        """Return the number of partitions of a topic, at most `METADATA_SECONDS` old.

        Raises:
            KafkaException: The brokers don't answer.
        """
        number, since = self._partition_counts.get(topic, (0, 0.0))
        now = time.monotonic()
        if not number or now - since > METADATA_SECONDS:
            number = len(self._producer.list_topics(topic, METADATA_TIMEOUT).topics[topic].partitions)
            self._partition_counts[topic] = number, now
        return number

    def confirm(self) -> None:
        """Wait until what was written is delivered: an error is of what was written since the last call.

        Raises:
            KafkaException: A broker refuses a record, or does not answer.
        """
        self._producer.flush(CONFIRM_SECONDS)
        try:
            self._producer.begin_transaction()  # fails, as a transaction is open; with the cause where it has failed
        except KafkaException as error:
            if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001 - its public name
                raise

    def cause_of(self, error: Exception) -> Exception:
        """Return the error of the brokers that made the open transaction fail, where there is one, or the given one."""
        try:
            self.confirm()
        except KafkaException as cause:
            return cause
        return error
