"""Writes dead letters, with Kafka Connect's headers (`dead_letter_format`)."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from services.errors import PoisonError
from services.streaming.dead_letter_format import Original, dead_letter_record, dead_letter_record_without_content
from services.streaming.positions import Partition, position_of
from services.streaming.record_headers import read_headers


class UnreadableHeadersError(PoisonError):
    """A record's headers can't be read: the client supports no header whose name is not UTF-8."""


def unreadable_headers(error: Exception) -> UnreadableHeadersError:
    """Return the error for headers that the client can't read."""
    return UnreadableHeadersError(
        f"the headers can't be read, so they are missing here: {error.__cause__ or error}; expected names in UTF-8",
        stage="HEADER_CONVERTER",
    )


class DeadLetterWriter(ABC):
    """Writes dead letters by the `send` of a subclass.

    Args:
        topic: Topic for dead letters.
        max_bytes: The largest record that this topic accepts.
        on_dead_letter: Receives partition and offset of each dead-lettered record.
    """

    def __init__(self, topic: str, max_bytes: int, on_dead_letter: Callable[[Partition, int], None]) -> None:
        self._dead_letter_topic = topic
        self._dead_letter_max_bytes = max_bytes
        self._on_dead_letter = on_dead_letter
        self._dead_letters: Counter[str] = Counter()

    @abstractmethod
    def send(
        self, topic: str, value: bytes | None, key: bytes | None, *, timestamp: int = 0, headers: Any = None
    ) -> None:
        """Write one record."""

    def write_dead_letter(self, message: Message, error: PoisonError, *, without_content: bool = False) -> None:
        """Write a dead letter, with key, value and headers unchanged; further ones have the reason and the timestamp.

        Args:
            message: The consumed message.
            error: The reason.
            without_content: Leave out key, value and headers: they can't be read, or the broker has refused them.
        """
        topic, partition, offset = position_of(message)
        if without_content:
            # Unreadable parts count as empty: redrive refuses an original that differs.
            key, value, headers = _read(message.key), _read(message.value), _read(lambda: read_headers(message))
            kind, timestamp = _read(message.timestamp) or (TIMESTAMP_NOT_AVAILABLE, 0)
        else:
            # Headers are not read again after an error: the client's list has holes then.
            headers = None if isinstance(error, UnreadableHeadersError) else read_headers(message)
            key, value = message.key(), message.value()
            kind, timestamp = message.timestamp()
        original = Original(
            topic, partition, offset, key, value, headers, headers is None,
            timestamp_ms=None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp,
        )  # fmt: skip
        self.write_dead_letter_of(original, error, without_content=without_content)

    def write_dead_letter_of(self, original: Original, error: PoisonError, *, without_content: bool = False) -> None:
        """Write the dead letter of a record, or of one message of a batch.

        Args:
            original: What could not be processed.
            error: The reason.
            without_content: Leave out key, value and headers.
        """
        if without_content:
            record = dead_letter_record_without_content(original, error)
        else:
            record = dead_letter_record(original, error, self._dead_letter_max_bytes)
        self.send(self._dead_letter_topic, record.value, record.key, headers=record.headers)
        self._dead_letters[type(error).__name__] += 1
        self._on_dead_letter((original.topic, original.partition), original.offset)

    def take_dead_letters(self) -> Counter[str]:
        """Return the number of dead letters since the last call, by error class."""
        counts, self._dead_letters = self._dead_letters, Counter()
        return counts


def _read(read: Callable[[], Any]) -> Any:
    """Return a part of a message, or None where reading it fails."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - the dead letter is written without this part
        return None
