"""Format of dead letters, which `dead_letter_writer` writes. Pure.

A dead letter is the original record, key, value and headers, followed by six headers with Kafka Connect's names
(KIP-298), so that Connect's tools can read them. Its timestamp is the time it was written, from which the topic's
retention counts: an old record would be deleted at once.

    ...original headers  __connect.errors.topic .partition .offset .stage .exception.class.name .exception.message

Parts that are too large for the dead-letter topic are omitted and described by further headers; the last one names
the omitted parts. The record's producer can't forge these headers: its own come before them.

    ...the six headers  __dead_letter.value.size .value.sha256 .value.start  __dead_letter.omitted

After the six, the header `__dead_letter.timestamp` has the original's timestamp, where it has one. Where the record was
a batch of messages, the dead letter is one of them as a record of its own, and `__dead_letter.row` has its row there.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.errors import PoisonError
from services.streaming.positions import MessagePosition
from services.streaming.record_headers import Headers
from services.streaming.record_size import Header, batch_size, headers_size

ORIGIN = "__connect.errors."
"""Prefix of the headers with the origin of a dead letter and the reason."""

DETAILS = "__dead_letter."
"""Prefix of the headers that describe the omitted parts of a dead letter."""

VALUE, HEADERS, KEY, UNREADABLE_HEADERS = "value", "headers", "key", "unreadable-headers"
"""Parts that can be omitted; unreadable headers are omitted even where they would fit."""

PREVIEW_BYTES = 1024
"""Length of the readable start of an omitted key or value."""

ERROR_MESSAGE_BYTES = 4096
"""Limit of the error's message; a longer one is cut."""

_ORIGIN_NAMES = ("topic", "partition", "offset", "stage", "exception.class.name", "exception.message")
_DETAIL_NAMES: Mapping[str, tuple[str, ...]] = {
    VALUE: ("value.size", "value.sha256", "value.start"),
    HEADERS: ("headers.count", "headers.size"),
    KEY: ("key.size", "key.sha256", "key.start"),
    UNREADABLE_HEADERS: (),
}
_OMITTED = "omitted"
_TIMESTAMP, _ROW = DETAILS + "timestamp", DETAILS + "row"
_APPENDED = [ORIGIN + name for name in _ORIGIN_NAMES]
_OPTIONAL: Sequence[Sequence[str]] = ((), (_TIMESTAMP,), (_ROW,), (_TIMESTAMP, _ROW))
"""Numbers that may follow the origin: the timestamp and the row."""


@dataclass(frozen=True)
class Original:
    """A record as it was read from its topic.

    Attributes:
        topic: Topic.
        partition: Partition.
        offset: Offset.
        key: Key.
        value: Value.
        headers: Headers; None where it has none.
        headers_unreadable: True where it has headers that the client can't read.
        row: Its row in a record that is a batch of messages; None for a record of its own.
        timestamp_ms: Its timestamp, in milliseconds since the epoch; None or below 0 where it has none.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] | None
    headers_unreadable: bool = False
    row: int | None = None
    timestamp_ms: int | None = None


@dataclass(frozen=True)
class DeadLetterRecord:
    """A record for the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True)
class Digest:
    """Size and checksum of omitted bytes.

    Attributes:
        size: Number of bytes.
        sha256: SHA-256, in hexadecimal digits.
    """

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes | None) -> "Digest":
        """Return the digest of a key or value."""
        return cls(len(content or b""), hashlib.sha256(content or b"").hexdigest())


def dead_letter_record(original: Original, error: PoisonError, max_bytes: int) -> DeadLetterRecord:
    """Make the dead letter of a record.

    Args:
        original: The record.
        error: The reason.
        max_bytes: The largest batch that the dead-letter topic takes (`max.message.bytes`), and that the producer
            sends (`message.max.bytes`).

    Returns:
        The whole record if it fits; otherwise without its value, then also without its own headers, then also without
        its key. Where `max_bytes` is too small even for that, the smallest of these.
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
    """Make the smallest dead letter of a record: it describes the content, which redrive reads from the origin."""
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
    numbers = ((_TIMESTAMP, original.timestamp_ms), (_ROW, original.row))
    headers += [(name, str(number).encode()) for name, number in numbers if number is not None and number >= 0]
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
    """Return the values of the headers that describe an omitted part, in the order of its names."""
    if part == UNREADABLE_HEADERS:
        return ()
    if part == HEADERS:
        headers = original.headers or ()
        return str(len(headers)).encode(), str(headers_size(headers)).encode()
    content = (original.value if part == VALUE else original.key) or b""
    digest = Digest.of(content)
    return str(digest.size).encode(), digest.sha256.encode(), content[:preview]


def _cut(text: str, limit: int) -> str:
    """Return a text if it has at most `limit` bytes; otherwise its start and a note of its size."""
    content = text.encode(errors="replace")
    if len(content) <= limit:
        return content.decode()
    note = f"... (cut, {len(content)} bytes)"
    return content[: limit - len(note)].decode(errors="ignore") + note


@dataclass(frozen=True)
class HeaderParts:
    """The headers of a dead letter, by purpose.

    Attributes:
        own: Headers of the original record.
        origin: Origin and reason, by the names without `ORIGIN`.
        details: Description of the omitted parts, by the names without `DETAILS`.
        omitted: The omitted parts.
        row: The row of the original in a batch of messages; None for a record of its own.
        timestamp_ms: The original's timestamp; None where it has none, or in a dead letter of an older version.
    """

    own: Headers
    origin: Mapping[str, str]
    details: Mapping[str, bytes]
    omitted: frozenset[str]
    row: int | None = None
    timestamp_ms: int | None = None


def split_headers(headers: Sequence[Header]) -> HeaderParts | None:
    """Split the headers of a dead letter by purpose; None where the last ones are not those of a dead letter.

    Earlier headers of the same names belong to the original record.
    """
    place = _place(headers)
    if place is None:
        return None
    begin, numbers, omitted = place
    end = begin + len(_ORIGIN_NAMES)
    origin = {name: _text(value) for name, (_, value) in zip(_ORIGIN_NAMES, headers[begin:end], strict=True)}
    details = {name.removeprefix(DETAILS): _bytes(value) for name, value in headers[end + len(numbers) :]}
    return HeaderParts(
        list(headers[:begin]), origin, details, frozenset(omitted), numbers.get(_ROW), numbers.get(_TIMESTAMP)
    )


def origin_of(headers: Sequence[Header]) -> MessagePosition | None:
    """Return the position of a dead letter's origin, with the row in a batch; None where it is no dead letter."""
    place = _place(headers)
    if place is None:
        return None
    begin, numbers, _ = place
    topic, partition, offset = (_text(value) for _, value in headers[begin : begin + 3])
    row = numbers.get(_ROW)
    return (topic, int(partition), int(offset)) if row is None else (topic, int(partition), int(offset), row)


def _omitted(headers: Sequence[Header]) -> tuple[str, ...] | None:
    """Return the omitted parts of a dead letter with these headers; None where they name an unknown part."""
    if not headers or headers[-1][0] != DETAILS + _OMITTED:
        return ()
    omitted = tuple(_text(headers[-1][1]).split(","))
    return omitted if set(omitted) <= set(_DETAIL_NAMES) else None


def _place(headers: Sequence[Header]) -> tuple[int, dict[str, int], Sequence[str]] | None:
    """Return the index of the first appended header, the optional numbers by name, and the omitted parts.

    None where the last headers are not those of a dead letter.
    """
    omitted = _omitted(headers)
    if omitted is None:
        return None
    details = [DETAILS + name for part in omitted for name in _DETAIL_NAMES[part]]
    details += [DETAILS + _OMITTED] if omitted else []
    for optional in _OPTIONAL:
        names = [*_APPENDED, *optional, *details]
        begin = len(headers) - len(names)
        if begin >= 0 and [name for name, _ in headers[begin:]] == names:
            end = begin + len(_ORIGIN_NAMES)
            numbers = {name: _text(value) for name, value in headers[end : end + len(optional)]}
            position = (_text(value) for _, value in headers[begin + 1 : begin + 3])
            if not all(map(_is_number, (*position, *numbers.values()))):
                return None
            return begin, {name: int(text) for name, text in numbers.items()}, omitted
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _bytes(value: bytes | str | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
