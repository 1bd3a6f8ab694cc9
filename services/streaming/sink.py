"""Where a handler puts its results: records and dead letters, inside the loop's open transaction."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, KafkaException, Message, Producer

from services.errors import PoisonError
from services.streaming.dead_letters import (
    Headers,
    Original,
    dead_letter_record,
    dead_letter_record_without_content,
    read_headers,
)
from services.streaming.poison import PoisonRecords
from services.streaming.positions import Partition, position_of

ANY_PARTITION = -1  # the partitioner's choice, by the key


class TooLargeError(PoisonError):
    """A record, or what is made of it, is larger than its topic takes."""


class UnreadableHeadersError(PoisonError):
    """A record's headers can't be read: the client takes no header whose name is not UTF-8."""


def unreadable_headers(error: Exception) -> UnreadableHeadersError:
    """The error for headers on which the client failed."""
    return UnreadableHeadersError(
        f"the headers can't be read, so they are missing here: {error.__cause__ or error}; expected names in UTF-8",
        stage="HEADER_CONVERTER",
    )


class Sink:
    """Hands records to the producer; the loop's commit or abort decides about all of them together.

    A full producer queue makes the caller wait; nothing is ever dropped. A record that the broker refuses makes the
    commit fail, so the loop aborts: there is no delivery to check for here.

    Args:
        producer: In an open transaction whenever a handler is called.
        dead_letter_topic: Takes what can't be processed.
        dead_letter_max_bytes: The largest record that this topic takes.
        on_dead_letter: Told the partition and offset of each record that is put there.
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

    def forward(
        self,
        messages: Iterable[Message],
        values: Iterable[bytes | None],
        topics: Iterable[str],
        *,
        keys: Iterable[bytes | None],
        original_headers: Iterable[Headers | None],
        added_headers: Iterable[Headers],
        reserved: Collection[str] = (),
    ) -> None:
        """Pass messages on with their timestamp and their own headers: the hot path.

        Args:
            messages: What was read.
            values: The value to write for each: usually the message's own, byte for byte.
            topics: Where each goes.
            keys: The key of each.
            original_headers: The headers of each, as they were read.
            added_headers: What to add to the headers of each.
            reserved: Names of headers that only the caller writes: a message's own ones of these names are left out.

        Raises:
            PoisonRecords: The client refuses a record for its size.
        """
        produce = self._producer.produce
        for message, value, topic, key, original, headers in zip(
            messages, values, topics, keys, original_headers, added_headers, strict=True
        ):
            if original is not None and original != headers:  # a later stage often adds the headers that are there
                headers = [*(header for header in original if header[0] not in reserved), *headers]  # noqa: PLW2901
            try:  # arguments by position: by name they cost another 0.4 µs of about 0.6
                produce(topic, value, key, ANY_PARTITION, None, None, message.timestamp()[1], headers)
            except BufferError:
                self.send(topic, value, key, timestamp=message.timestamp()[1], headers=headers)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    raise
                too_large = TooLargeError(f"too large to be written to {topic}", stage="TRANSFORMATION")
                raise PoisonRecords({position_of(message): too_large}) from error

    def send(
        self, topic: str, value: bytes | None, key: bytes | None, *, timestamp: int = 0, headers: Any = None
    ) -> None:
        """Writes one record, waiting while the producer's queue is full.

        Args:
            topic: Where it goes.
            value: Its bytes; None writes a tombstone.
            key: Decides the partition.
            timestamp: Milliseconds since the epoch; 0 is now.
            headers: As confluent-kafka takes them.
        """
        optional = {} if headers is None else {"headers": headers}
        while True:
            try:
                self._producer.produce(topic, value, key, timestamp=timestamp, **optional)
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def dead_letter(self, message: Message, error: PoisonError, *, without_content: bool = False) -> None:
        """Put a message aside with key, value, headers and timestamp untouched and the reason in further headers.

        Args:
            message: What was read.
            error: Why it can't be processed.
            without_content: Leave out key, value and headers: they can't be read, or the broker has refused them.
        """
        topic, partition, offset = position_of(message)
        if without_content:
            # Whatever can't be read counts as empty: redrive refuses an original that is something else.
            key, value, headers = _tried(message.key), _tried(message.value), _tried(lambda: read_headers(message))
            original = Original(topic, partition, offset, key, value, headers, headers is None)
            record, timestamp = dead_letter_record_without_content(original, error), 0
        else:
            # Not read again where that has failed: after an error the client's list has holes.
            headers = None if isinstance(error, UnreadableHeadersError) else read_headers(message)
            original = Original(topic, partition, offset, message.key(), message.value(), headers, headers is None)
            record, timestamp = dead_letter_record(original, error, self._dead_letter_max_bytes), _timestamp(message)
        self.send(self._dead_letter_topic, record.value, record.key, timestamp=timestamp, headers=record.headers)
        self._dead_letters[type(error).__name__] += 1
        self._on_dead_letter((topic, partition), offset)

    def take_dead_letters(self) -> Counter[str]:
        """How many dead letters of which error class were written since the last call."""
        taken, self._dead_letters = self._dead_letters, Counter()
        return taken


def _tried(read: Callable[[], Any]) -> Any:
    """What a message says, or None where reading it fails."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - that it fails is why the dead letter is made without it
        return None


def _timestamp(message: Message) -> int:
    """The timestamp of a message's dead letter: its own, where its topic is sure to take that; 0, now, otherwise."""
    kind, milliseconds = message.timestamp()
    return milliseconds if kind != TIMESTAMP_NOT_AVAILABLE and 0 < milliseconds < time.time() * 1000 else 0
