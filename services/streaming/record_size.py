"""The size of a record on the wire, as librdkafka computes it (`rd_kafka_msg_max_wire_size`). Pure."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from confluent_kafka import Message

MAX_BATCH_BYTES = 2_000_000
"""Limit of the values of messages that are processed at once: a message can have thousands of others in it."""

RECORD_OVERHEAD = 36
"""Upper limit of a record's bytes besides key, value and headers: RD_KAFKAP_MESSAGE_V2_MAX_OVERHEAD."""

BATCH_OVERHEAD = 61
"""The header of a record batch (message format v2). A topic's `max.message.bytes` is the limit of a whole batch."""

Header = tuple[str, bytes | str | None]


def batch_size(key: bytes | None, value: bytes | None, headers: Sequence[Header] | None) -> int:
    """Return the size in bytes of a batch with one uncompressed record; at most 30 bytes too much."""
    return BATCH_OVERHEAD + RECORD_OVERHEAD + len(key or b"") + len(value or b"") + headers_size(headers or ())


def bounded_batches(messages: Sequence[Message], max_bytes: int = MAX_BATCH_BYTES) -> Iterator[Sequence[Message]]:
    """Yield consecutive parts of some messages whose values together are not larger than a limit.

    A value that is larger than the limit is alone in its part.
    """
    sizes = list(accumulate(map(len, messages)))  # the length of a message is that of its value
    begin, before = 0, 0
    if sizes and sizes[-1] > max_bytes:
        for place, size in enumerate(sizes):
            if size - before > max_bytes and place > begin:
                yield messages[begin:place]
                begin, before = place, sizes[place - 1]
    if begin < len(messages):
        yield messages[begin:]


def headers_size(headers: Sequence[Header]) -> int:
    """Return the size in bytes of headers as they are written: each name and value after its length."""
    size = 0
    for name, value in headers:
        name_length = len(name.encode())
        value_length = len(value.encode() if isinstance(value, str) else value or b"")
        size += _varint_size(name_length) + name_length + _varint_size(value_length) + value_length
    return size


def _varint_size(length: int) -> int:
    """Return the bytes of a length as a zigzag varint: twice its value, seven bits a byte."""
    return max(1, -(-(2 * length).bit_length() // 7))
