"""Output of a handler: records and dead letters, inside the loop's open transaction."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from itertools import count
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, KafkaException, Message, Producer

from services.errors import PoisonError
from services.streaming.dead_letter_format import (
    Headers,
    Original,
    dead_letter_record,
    dead_letter_record_without_content,
    read_headers,
)
from services.streaming.poison_search import PoisonRecords
from services.streaming.positions import MessagePosition, Partition, position_of

ANY_PARTITION = -1  # the partitioner's choice, by the key
METADATA_SECONDS = 10.0
METADATA_TIMEOUT = 5.0
CONFIRM_SECONDS = 5.0


class TooLargeError(PoisonError):
    """A record, or its result, is larger than its topic accepts."""


class UnreadableHeadersError(PoisonError):
    """A record's headers can't be read: the client supports no header whose name is not UTF-8."""


def unreadable_headers(error: Exception) -> UnreadableHeadersError:
    """Return the error for headers that the client can't read."""
    return UnreadableHeadersError(
        f"the headers can't be read, so they are missing here: {error.__cause__ or error}; expected names in UTF-8",
        stage="HEADER_CONVERTER",
    )


class Sink:
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
        self._producer = producer
        self._dead_letter_topic = dead_letter_topic
        self._dead_letter_max_bytes = dead_letter_max_bytes
        self._on_dead_letter = on_dead_letter
        self._dead_letters: Counter[str] = Counter()
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

    def write_dead_letter(self, message: Message, error: PoisonError, *, without_content: bool = False) -> None:
        """Write a dead letter, with key, value, headers and timestamp unchanged and the reason in further headers.

        Args:
            message: The consumed message.
            error: The reason.
            without_content: Leave out key, value and headers: they can't be read, or the broker has refused them.
        """
        topic, partition, offset = position_of(message)
        if without_content:
            # Unreadable parts count as empty: redrive refuses an original that differs.
            key, value, headers = _read(message.key), _read(message.value), _read(lambda: read_headers(message))
            original = Original(topic, partition, offset, key, value, headers, headers is None)
            timestamp = 0
        else:
            # Headers are not read again after an error: the client's list has holes then.
            headers = None if isinstance(error, UnreadableHeadersError) else read_headers(message)
            original = Original(topic, partition, offset, message.key(), message.value(), headers, headers is None)
            kind, timestamp = message.timestamp()
            timestamp = 0 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp
        self.write_dead_letter_of(original, error, timestamp, without_content=without_content)

    def write_dead_letter_of(
        self, original: Original, error: PoisonError, timestamp: int, *, without_content: bool = False
    ) -> None:
        """Write the dead letter of a record, or of one message of a batch.

        Args:
            original: What could not be processed.
            error: The reason.
            timestamp: Its timestamp in milliseconds since the epoch; 0 for now.
            without_content: Leave out key, value and headers.
        """
        if without_content:
            record, timestamp = dead_letter_record_without_content(original, error), 0
        else:
            record = dead_letter_record(original, error, self._dead_letter_max_bytes)
            # Brokers refuse a time that is far ahead.
            timestamp = timestamp if 0 < timestamp < time.time() * 1000 else 0
        self.send(self._dead_letter_topic, record.value, record.key, timestamp=timestamp, headers=record.headers)
        self._dead_letters[type(error).__name__] += 1
        self._on_dead_letter((original.topic, original.partition), original.offset)

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

    def take_dead_letters(self) -> Counter[str]:
        """Return the number of dead letters since the last call, by error class."""
        counts, self._dead_letters = self._dead_letters, Counter()
        return counts

    def cause_of(self, error: Exception) -> Exception:
        """Return the error of the brokers that made the open transaction fail, where there is one, or the given one."""
        try:
            self.confirm()
        except KafkaException as cause:
            return cause
        return error


def _read(read: Callable[[], Any]) -> Any:
    """Return a part of a message, or None where reading it fails."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - the dead letter is written without this part
        return None
