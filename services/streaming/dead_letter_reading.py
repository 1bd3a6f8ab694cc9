"""Reading of dead letters: selection, and reconstruction of the original message. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from services.errors import ExpectedError
from services.streaming.dead_letter_format import (
    HEADERS,
    KEY,
    UNREADABLE_HEADERS,
    VALUE,
    Digest,
    Original,
    split_headers,
)
from services.streaming.record_headers import Headers, read_headers
from services.streaming.record_size import headers_size

REDRIVES = "__redrive.count"
"""Header of a redriven message: the number of redrives, in decimal digits. It makes redrive loops visible."""


class OriginalDiffers(ExpectedError):  # noqa: N818 - reads as what is the matter
    """The record at the origin of a dead letter is not the one that was dead-lettered."""


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter.

    Attributes:
        partition: Partition of the dead-letter topic.
        offset: Offset in the dead-letter topic.
        timestamp_ms: Timestamp of the original message, in milliseconds since the epoch; 0 where it has none.
        topic: Topic of the original message.
        source_partition: Partition of the original message.
        source_offset: Offset of the original message.
        error: Class of the error, with its module.
        reason: Message of the error.
        key: Key of the original message.
        value: Value of the original message.
        headers: Headers of the original message.
        omitted: Parts of the original message that are left out, or could not be read.
        details: Headers that describe the omitted parts, by name.
    """

    partition: int
    offset: int
    timestamp_ms: int
    topic: str
    source_partition: int
    source_offset: int
    error: str
    reason: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    omitted: frozenset[str] = frozenset()
    details: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def position(self) -> str:
        """Its identity in the dead-letter topic: partition-offset."""
        return f"{self.partition}-{self.offset}"

    @property
    def origin(self) -> str:
        """Position of the original message: topic-partition-offset."""
        return f"{self.topic}-{self.source_partition}-{self.source_offset}"

    @property
    def is_whole(self) -> bool:
        """True if it holds the whole message; otherwise the original record has to be read."""
        return not self.omitted & {VALUE, HEADERS, KEY}

    @property
    def redrives(self) -> int:
        """Number of times that the message had been redriven before it was dead-lettered."""
        return max([0, *(_count(value) for name, value in self.headers if name == REDRIVES)])

    def redrive_headers(self) -> Headers:
        """Return the headers for the redrive: those of the message, and the number of redrives."""
        original = [(name, value) for name, value in self.headers if name != REDRIVES]
        return [*original, (REDRIVES, str(self.redrives + 1).encode())]

    def with_original(self, original: Original) -> "DeadLetter":
        """Return it with the omitted parts taken from the original record.

        Raises:
            OriginalDiffers: Size or SHA-256 of a part, or the headers, are not those that the dead letter describes.
        """
        for part, content in ((VALUE, original.value), (KEY, original.key)):
            if part in self.omitted:
                self._verify(part, content)
        headers = list(original.headers or ())
        if HEADERS in self.omitted:
            expected = _count(self.details["headers.count"]), _count(self.details["headers.size"])
            if (len(headers), headers_size(headers)) != expected:
                raise OriginalDiffers(
                    f"{len(headers)} headers of {headers_size(headers)} bytes, expected {expected[0]} of "
                    f"{expected[1]} bytes"
                )
        return replace(
            self,
            value=original.value if VALUE in self.omitted else self.value,
            key=original.key if KEY in self.omitted else self.key,
            headers=headers if HEADERS in self.omitted else self.headers,
            omitted=self.omitted & {UNREADABLE_HEADERS},
            details={},
        )

    def _verify(self, part: str, content: bytes | None) -> None:
        expected = Digest(_count(self.details[f"{part}.size"]), self.details[f"{part}.sha256"].decode(errors="replace"))
        actual = Digest.of(content)
        if actual != expected:
            raise OriginalDiffers(
                f"a {part} of {actual.size} bytes with the SHA-256 {actual.sha256[:12]}..., "
                f"expected {expected.size} bytes with {expected.sha256[:12]}..."
            )


def dead_letter_of(message: Message) -> DeadLetter | None:
    """Parse a message of the dead-letter topic; None where its headers are not those of a dead letter."""
    headers = read_headers(message)
    parts = split_headers(headers) if headers else None
    if parts is None:
        return None
    timestamp = parts.timestamp_ms
    if timestamp is None:  # one of an older version has the original's as its own
        kind, milliseconds = message.timestamp()
        timestamp = 0 if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds
    return DeadLetter(
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        timestamp_ms=timestamp,
        topic=parts.origin["topic"],
        source_partition=int(parts.origin["partition"]),
        source_offset=int(parts.origin["offset"]),
        error=parts.origin["exception.class.name"],
        reason=parts.origin["exception.message"],
        key=to_bytes(message.key()),
        value=to_bytes(message.value()),
        headers=parts.own,
        omitted=parts.omitted,
        details=parts.details,
    )


@dataclass(frozen=True)
class DeadLetterFilter:
    """Selection of dead letters; a criterion that is None selects all.

    Attributes:
        errors: Names of error classes, with or without their module.
        since_ms: Only messages with a timestamp of at least this.
        until_ms: Only messages with an earlier timestamp than this.
        partition: Only this partition of the dead-letter topic.
        offsets: Only these offsets there.
    """

    errors: Sequence[str] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    partition: int | None = None
    offsets: range | None = None

    def __contains__(self, letter: DeadLetter) -> bool:
        """Return whether a dead letter is selected."""
        return (
            (not self.errors or letter.error in self.errors or letter.error.rpartition(".")[2] in self.errors)
            and (self.since_ms is None or letter.timestamp_ms >= self.since_ms)
            and (self.until_ms is None or letter.timestamp_ms < self.until_ms)
            and (self.partition is None or letter.partition == self.partition)
            and (self.offsets is None or letter.offset in self.offsets)
        )


def to_bytes(value: bytes | str | None) -> bytes | None:
    """Return a key or value of the client as bytes."""
    return value.encode() if isinstance(value, str) else value


def _count(value: bytes | str | None) -> int:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
