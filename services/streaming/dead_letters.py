"""Dead letters as data: where each came from and why, which are wanted, and the message as it was before. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from services.streaming.sink import DEAD_LETTER_HEADERS

REDRIVES = "__redrive.count"
"""The header of a message that was put back: how often, as decimal digits. One that keeps coming back is seen by it."""

_ABOUT = 6  # how many headers `Sink.dead_letter` appends

Headers = list[tuple[str, bytes | str | None]]


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter.

    Attributes:
        partition: Of the dead-letter topic.
        offset: In the dead-letter topic.
        timestamp_ms: The message's own, in milliseconds since the epoch; 0 where it has none.
        topic: Where the message was read.
        source_partition: The partition of that topic.
        error: The class of the error, with its module.
        reason: The error's message.
        redrives: How often the message had been put back when it died.
        key: The message's own.
        value: The message's own.
        headers: The message's own.
    """

    partition: int
    offset: int
    timestamp_ms: int
    topic: str
    source_partition: int
    error: str
    reason: str
    redrives: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def place(self) -> str:
        """What tells it from every other one of its topic."""
        return f"{self.partition}-{self.offset}"

    def revived(self) -> Headers:
        """The headers that the message is put back with: its own, and how often it was put back."""
        return [*self.headers, (REDRIVES, str(self.redrives + 1).encode())]


def dead_letter_of(message: Message) -> DeadLetter | None:
    """The dead letter that a message of the dead-letter topic is; None where its headers don't say so.

    The last headers are those that were appended when it died; others of the same names are the message's own.
    """
    headers = cast("Headers", message.headers() or [])
    own, about = headers[:-_ABOUT], dict(headers[-_ABOUT:])
    try:
        texts = {
            name: _text(about[DEAD_LETTER_HEADERS + name])
            for name in ("topic", "partition", "offset", "stage", "exception.class.name", "exception.message")
        }
        source_partition = int(texts["partition"])
    except (KeyError, ValueError):
        return None
    kind, milliseconds = message.timestamp()
    return DeadLetter(
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        timestamp_ms=0 if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds,
        topic=texts["topic"],
        source_partition=source_partition,
        error=texts["exception.class.name"],
        reason=texts["exception.message"],
        redrives=max([0, *(_count(value) for name, value in own if name == REDRIVES)]),
        key=_octets(message.key()),
        value=_octets(message.value()),
        headers=[(name, value) for name, value in own if name != REDRIVES],
    )


@dataclass(frozen=True)
class Wanted:
    """Which dead letters to put back; what is None does not matter.

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
        """Whether a dead letter is wanted."""
        return (
            (not self.errors or letter.error in self.errors or letter.error.rpartition(".")[2] in self.errors)
            and (self.since_ms is None or letter.timestamp_ms >= self.since_ms)
            and (self.until_ms is None or letter.timestamp_ms < self.until_ms)
            and (self.partition is None or letter.partition == self.partition)
            and (self.offsets is None or letter.offset in self.offsets)
        )


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _octets(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _count(value: bytes | str | None) -> int:
    text = _text(value)
    return int(text) if text.isascii() and text.isdigit() else 0
