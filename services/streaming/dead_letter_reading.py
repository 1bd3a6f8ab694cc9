"""Dead letters as they are read: which are selected, and the message that each was. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from services.errors import ExpectedError
from services.streaming.dead_letters import (
    HEADERS,
    KEY,
    UNREADABLE_HEADERS,
    VALUE,
    Digest,
    Headers,
    Original,
    read_headers,
    split_headers,
)
from services.streaming.record_size import headers_size

REDRIVES = "__redrive.count"
"""The header of a message that was put back: how often, as decimal digits. One that keeps coming back is seen by it."""


class OriginalDiffers(ExpectedError):  # noqa: N818 - reads as what is the matter
    """What is where a dead letter came from is another record than the one that died."""


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter.

    Attributes:
        partition: Of the dead-letter topic.
        offset: In the dead-letter topic.
        timestamp_ms: The message's own, in milliseconds since the epoch; 0 where it has none.
        topic: Where the message was read.
        source_partition: The partition of that topic.
        source_offset: The offset in that partition.
        error: The class of the error, with its module.
        reason: The error's message.
        key: The message's own.
        value: The message's own.
        headers: The message's own.
        omitted: What of these is left out, or could not be read.
        details: What describes what is left out, by name.
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
    def place(self) -> str:
        """What tells it from every other one of its topic."""
        return f"{self.partition}-{self.offset}"

    @property
    def origin(self) -> str:
        """Where the message was read: topic-partition-offset."""
        return f"{self.topic}-{self.source_partition}-{self.source_offset}"

    @property
    def is_whole(self) -> bool:
        """Whether the message is in it; where not, the original has to be read."""
        return not self.omitted & {VALUE, HEADERS, KEY}

    @property
    def redrives(self) -> int:
        """How often the message had been put back when it died."""
        return max([0, *(_count(value) for name, value in self.headers if name == REDRIVES)])

    def redrive_headers(self) -> Headers:
        """Return the headers that the message is put back with: its own, and how often it was put back."""
        own = [(name, value) for name, value in self.headers if name != REDRIVES]
        return [*own, (REDRIVES, str(self.redrives + 1).encode())]

    def with_original(self, original: Original) -> "DeadLetter":
        """Return it with what is left out, from the original.

        Raises:
            OriginalDiffers: Size or SHA-256 of a part, or the headers, are not those of the message that died.
        """
        for part, content in ((VALUE, original.value), (KEY, original.key)):
            if part in self.omitted:
                self._verify(part, content)
        own = list(original.headers or ())
        if HEADERS in self.omitted:
            died = _count(self.details["headers.count"]), _count(self.details["headers.size"])
            if (len(own), headers_size(own)) != died:
                raise OriginalDiffers(
                    f"{len(own)} headers of {headers_size(own)} bytes, it died with {died[0]} of {died[1]} bytes"
                )
        return replace(
            self,
            value=original.value if VALUE in self.omitted else self.value,
            key=original.key if KEY in self.omitted else self.key,
            headers=own if HEADERS in self.omitted else self.headers,
            omitted=self.omitted & {UNREADABLE_HEADERS},
            details={},
        )

    def _verify(self, part: str, content: bytes | None) -> None:
        died = Digest(_count(self.details[f"{part}.size"]), self.details[f"{part}.sha256"].decode(errors="replace"))
        found = Digest.of(content)
        if found != died:
            raise OriginalDiffers(
                f"a {part} of {found.size} bytes with the SHA-256 {found.sha256[:12]}..., "
                f"it died with one of {died.size} bytes with {died.sha256[:12]}..."
            )


def dead_letter_of(message: Message) -> DeadLetter | None:
    """Return the dead letter that a message of the dead-letter topic is; None where its headers don't say so."""
    headers = read_headers(message)
    parts = split_headers(headers) if headers else None
    if parts is None:
        return None
    kind, milliseconds = message.timestamp()
    return DeadLetter(
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        timestamp_ms=0 if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds,
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
    """Which dead letters are selected; what is None does not matter.

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
        """Whether a dead letter is selected."""
        return (
            (not self.errors or letter.error in self.errors or letter.error.rpartition(".")[2] in self.errors)
            and (self.since_ms is None or letter.timestamp_ms >= self.since_ms)
            and (self.until_ms is None or letter.timestamp_ms < self.until_ms)
            and (self.partition is None or letter.partition == self.partition)
            and (self.offsets is None or letter.offset in self.offsets)
        )


def to_bytes(value: bytes | str | None) -> bytes | None:
    """Return the bytes of a key or value, as which the client has them."""
    return value.encode() if isinstance(value, str) else value


def _count(value: bytes | str | None) -> int:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
