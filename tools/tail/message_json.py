"""A message as JSON: its record, or a description of a message without one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.errors import PoisonError
from services.streaming.dead_letter_format import KEY, ORIGIN, VALUE, split_headers

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Received:
    """A message as it was read.

    Attributes:
        topic: Its topic.
        partition: Its partition.
        offset: Its offset.
        timestamp_ms: Milliseconds since the epoch; None where it has none.
        key: Its key.
        value: Its value; None is a tombstone.
        headers: Name and value of each header; None where they can't be read, as a name is not UTF-8.
        row: Its row, where it is a transaction of a batch in a repartition topic.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers | None
    row: int | None = None

    @property
    def is_dead_letter(self) -> bool:
        """Return whether its headers give the reason of a failure."""
        return any(name.startswith(ORIGIN) for name, _ in self.headers or ())


Decode = Callable[[bytes | None, Headers | None], Any]
"""Returns the record in a message, of its value and its headers; raises PoisonError where there is none."""


def describe(message: Received, decode: Decode, *, meta: bool) -> Any:
    """A message as data for JSON.

    Args:
        message: The message.
        decode: Decodes its value.
        meta: Say as well where the message is, when it was written, and what goes with it.

    Returns:
        The record itself. For a dead letter its headers, key and value: the value as base64 where it can't be decoded,
        and with its size and beginning where it did not fit into the dead-letter topic.
        For any other message that can't be decoded the error and the place. With ``meta`` always the whole.
    """
    dead = message.is_dead_letter
    try:
        value, error = decode(message.value, message.headers), None
    except PoisonError as caught:
        value, error = _raw(message.value), str(caught)
    left_out = left_out_of(message)
    value = left_out.get(VALUE, value)
    key = left_out.get(KEY, text(message.key))
    place: dict[str, Any] = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
    place |= {} if message.row is None else {"row": message.row}
    if meta:
        failure = {} if error is None or dead else {"error": error}
        when = None if message.timestamp_ms is None else datetime.fromtimestamp(message.timestamp_ms / 1000, UTC)
        content = {"key": key, "headers": _headers(message), "value": value}
        return {**failure, **place, "timestamp": when, **content}
    if dead:
        return {"headers": _headers(message), "key": key, "value": value}
    return value if error is None else {"error": error, **place}


def left_out_of(message: Received) -> dict[str, Any]:
    """Descriptions of the value and the key of a dead letter that did not fit."""
    parts = split_headers(message.headers or ())
    if parts is None:
        return {}
    return {
        part: {
            "left_out": {
                "size": text(parts.details[f"{part}.size"]),
                "sha256": text(parts.details[f"{part}.sha256"]),
                "start": text(parts.details[f"{part}.start"]),
            }
        }
        for part in (VALUE, KEY)
        if part in parts.omitted
    }


def text(octets: bytes | None) -> Any:
    """Bytes that people most likely meant as text; as base64 where they are none."""
    if octets is None:
        return None
    try:
        decoded = octets.decode()
    except UnicodeDecodeError:
        return _raw(octets)
    return decoded if decoded.isprintable() else _raw(octets)


def _raw(octets: bytes | None) -> Any:
    return None if octets is None else {"base64": octets}


def _headers(message: Received) -> dict[str, Any]:
    """The headers by name; a name that comes several times has the list of its values."""
    if message.headers is None:
        return {"error": "the headers can't be read: a name is not UTF-8"}
    values: dict[str, list[Any]] = {}
    for name, value in message.headers:
        values.setdefault(name, []).append(text(value))
    return {name: texts[0] if len(texts) == 1 else texts for name, texts in values.items()}
