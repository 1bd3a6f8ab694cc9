"""What a dead letter is made of. Pure.

A dead letter is the record itself, key, value and headers, with six headers behind its own: Kafka Connect's names
(KIP-298), so that its tools and its users' habits fit.

    ...own headers  __connect.errors.topic .partition .offset .stage .exception.class.name .exception.message

What the dead-letter topic can't hold is left out and described by further headers; the last one names what is left out.
The record's producer can forge none of this: whatever it wrote comes before.

    ...the six headers  __dead_letter.value.size .value.sha256 .value.start  __dead_letter.omitted
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

from confluent_kafka import Message

from services.errors import PoisonError
from services.streaming.record_size import Header, batch_size, headers_size

ORIGIN = "__connect.errors."
"""Begins the names of the headers that say where a dead letter comes from and why it is dead."""

DETAILS = "__dead_letter."
"""Begins the names of the headers that describe what is left out of a dead letter."""

VALUE, HEADERS, KEY, UNREADABLE_HEADERS = "value", "headers", "key", "unreadable-headers"
"""What can be left out; headers that could not be read are missing whether or not there was room for them."""

PREVIEW_BYTES = 1024
"""How much of a key or value that is left out stays readable."""

ERROR_MESSAGE_BYTES = 4096
"""How long the error's message may be; a longer one is cut."""

_ORIGIN_NAMES = ("topic", "partition", "offset", "stage", "exception.class.name", "exception.message")
_DETAIL_NAMES: Mapping[str, tuple[str, ...]] = {
    VALUE: ("value.size", "value.sha256", "value.start"),
    HEADERS: ("headers.count", "headers.size"),
    KEY: ("key.size", "key.sha256", "key.start"),
    UNREADABLE_HEADERS: (),
}
_OMITTED = "omitted"
_APPENDED = [ORIGIN + name for name in _ORIGIN_NAMES]

Headers = list[Header]

_headers: Callable[[Message], Headers | None] = methodcaller("headers")  # looks at the result, as `map` does


@dataclass(frozen=True)
class Original:
    """A record as it was read from its topic.

    Attributes:
        topic: Its topic.
        partition: Its partition.
        offset: Its offset.
        key: Its key.
        value: Its value.
        headers: Its headers; None where it has none.
        headers_unreadable: Whether it has headers that the client can't read.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] | None
    headers_unreadable: bool = False


@dataclass(frozen=True)
class DeadLetterRecord:
    """What is written to the dead-letter topic; its timestamp is the original's."""

    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True)
class Digest:
    """What is known of bytes that are left out.

    Attributes:
        size: How many.
        sha256: Their SHA-256, in hexadecimal digits.
    """

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes | None) -> "Digest":
        """Return the digest of some bytes."""
        return cls(len(content or b""), hashlib.sha256(content or b"").hexdigest())


def dead_letter_record(original: Original, error: PoisonError, max_bytes: int) -> DeadLetterRecord:
    """Make the dead letter of a record.

    Args:
        original: The record.
        error: Why it can't be processed.
        max_bytes: The largest batch that the dead-letter topic takes (`max.message.bytes`), and that the producer
            sends (`message.max.bytes`).

    Returns:
        The whole record if it fits; else without its value, if that is not enough without its own headers, and last
        without its key. Where `max_bytes` is too small even for that, the smallest of these.
    """
    unreadable = (UNREADABLE_HEADERS,) if original.headers_unreadable else ()
    parts = ((VALUE, original.value), (HEADERS, original.headers), (KEY, original.key))
    removable = [part for part, content in parts if content]
    record = _record(original, error, max_bytes, unreadable)
    for count in range(1, len(removable) + 1):
        if batch_size(record.key, record.value, record.headers) <= max_bytes:
            break
        record = _record(original, error, max_bytes, (*removable[:count], *unreadable))
    return record


def dead_letter_record_without_content(original: Original, error: PoisonError) -> DeadLetterRecord:
    """Make the smallest dead letter of a record: what describes its content, which redrive takes from its topic."""
    unreadable = (UNREADABLE_HEADERS,) if original.headers_unreadable else ()
    return _record(original, error, 0, (VALUE, HEADERS, KEY, *unreadable))


def _record(original: Original, error: PoisonError, max_bytes: int, omitted: Sequence[str]) -> DeadLetterRecord:
    origin = (
        original.topic,
        original.partition,
        original.offset,
        error.stage,
        f"{type(error).__module__}.{type(error).__qualname__}",
        _cut(str(error), max(256, min(ERROR_MESSAGE_BYTES, max_bytes // 8))),
    )
    headers: Headers = [] if HEADERS in omitted else list(original.headers or ())
    headers += [(ORIGIN + name, str(value).encode()) for name, value in zip(_ORIGIN_NAMES, origin, strict=True)]
    for part in omitted:
        details = _details(original, part, min(PREVIEW_BYTES, max_bytes // 16))
        headers += [(DETAILS + name, value) for name, value in zip(_DETAIL_NAMES[part], details, strict=True)]
    if omitted:
        headers.append((DETAILS + _OMITTED, ",".join(omitted).encode()))
    return DeadLetterRecord(
        key=None if KEY in omitted else original.key,
        value=None if VALUE in omitted else original.value,
        headers=headers,
    )


def _details(original: Original, part: str, preview: int) -> Sequence[bytes]:
    """What describes a part that is left out, in the order of its names."""
    if part == UNREADABLE_HEADERS:
        return ()
    if part == HEADERS:
        headers = original.headers or ()
        return str(len(headers)).encode(), str(headers_size(headers)).encode()
    content = (original.value if part == VALUE else original.key) or b""
    digest = Digest.of(content)
    return str(digest.size).encode(), digest.sha256.encode(), content[:preview]


def _cut(text: str, limit: int) -> str:
    """A text of at most `limit` bytes: whole if it fits, else its beginning with a note of its size."""
    content = text.encode(errors="replace")
    if len(content) <= limit:
        return content.decode()
    note = f"... (cut, {len(content)} bytes)"
    return content[: limit - len(note)].decode(errors="ignore") + note


@dataclass(frozen=True)
class HeaderParts:
    """The headers of a dead letter, apart.

    Attributes:
        own: The record's own.
        origin: Where it comes from and why it is dead, by the names behind `ORIGIN`.
        details: What describes what is left out, by the names behind `DETAILS`.
        omitted: What is left out.
    """

    own: Headers
    origin: Mapping[str, str]
    details: Mapping[str, bytes]
    omitted: frozenset[str]


def split_headers(headers: Sequence[Header]) -> HeaderParts | None:
    """Take the headers of a dead letter apart; None where the last ones are not those of a dead letter.

    Other headers of the same names are the record's own.
    """
    omitted = _omitted(headers)
    begin = None if omitted is None else _begin(headers, omitted)
    if omitted is None or begin is None:
        return None
    end = begin + len(_ORIGIN_NAMES)
    origin = {name: _text(value) for name, (_, value) in zip(_ORIGIN_NAMES, headers[begin:end], strict=True)}
    details = {name.removeprefix(DETAILS): _octets(value) for name, value in headers[end:]}
    return HeaderParts(list(headers[:begin]), origin, details, frozenset(omitted))


def origin_of(headers: Sequence[Header]) -> tuple[str, int, int] | None:
    """Return the topic, partition and offset that a dead letter comes from; None where it is none."""
    omitted = _omitted(headers)
    begin = None if omitted is None else _begin(headers, omitted)
    if begin is None:
        return None
    topic, partition, offset = (_text(value) for _, value in headers[begin : begin + 3])
    return topic, int(partition), int(offset)


def _omitted(headers: Sequence[Header]) -> tuple[str, ...] | None:
    """What is left out of a dead letter with these headers; None where they name something unknown."""
    if not headers or headers[-1][0] != DETAILS + _OMITTED:
        return ()
    omitted = tuple(_text(headers[-1][1]).split(","))
    return omitted if set(omitted) <= set(_DETAIL_NAMES) else None


def _begin(headers: Sequence[Header], omitted: Sequence[str]) -> int | None:
    """Where the headers that were appended begin; None where they are not those of a dead letter."""
    names = _APPENDED if not omitted else [
        *_APPENDED, *(DETAILS + name for part in omitted for name in _DETAIL_NAMES[part]), DETAILS + _OMITTED
    ]  # fmt: skip
    begin = len(headers) - len(names)
    if begin < 0 or [name for name, _ in headers[begin:]] != names:
        return None
    numbers = (_text(value) for _, value in headers[begin + 1 : begin + 3])
    return begin if all(number.isascii() and number.isdigit() and len(number) < 20 for number in numbers) else None


def headers_of(messages: Iterable[Message]) -> tuple[list[Headers | None], dict[int, SystemError]]:
    """Return the headers of each message, and by index the error where the client can't read them.

    To be called once for a message: where a name is not UTF-8, the client keeps a list with holes. It returns that list
    and an exception together, which `message.headers()` does not notice once CPython has specialised the call, as it
    does in loops: any later call raises it then. `map` notices, and goes on behind it.
    """
    headers: list[Any] = []
    failures: dict[int, SystemError] = {}
    reading = map(Message.headers, messages)
    while True:
        try:
            headers.extend(reading)  # twice as fast as a loop with a `try` for each
        except SystemError as error:
            failures[len(headers)] = error  # those before it are there
            headers.append(None)
        else:
            return headers, failures


def read_headers(message: Message) -> Headers | None:
    """Return the headers of a message; None where the client can't read them (see `headers_of`)."""
    try:
        return _headers(message) or []
    except SystemError:
        return None


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _octets(value: bytes | str | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
