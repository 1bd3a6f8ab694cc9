"""How many bytes a record takes in a topic, as brokers measure it against `max.message.bytes`. Pure.

That is the batch that holds it, alone and not compressed: https://kafka.apache.org/documentation/#recordbatch. A
producer that compresses may write a larger one; what was decompressed and is written again is measured like this.
"""

from collections.abc import Iterable

BATCH_OVERHEAD = 61  # bytes of a record batch before its first record
RECORD_OVERHEAD = 1 + 1 + 1  # attributes, and the deltas of timestamp and offset of a batch's only record
HEADER_OVERHEAD = 10  # the most that the lengths of a header's name and value take together

FRAME_BYTES = BATCH_OVERHEAD + RECORD_OVERHEAD + 4 * 5
"""The most that a record takes besides its key, its value and its headers: the length of each, and their number."""


def headers_size(headers: Iterable[tuple[str, str | bytes | None]]) -> int:
    """Bytes that headers take at most."""
    size = 0
    for name, value in headers:
        text = value.encode() if isinstance(value, str) else value or b""
        size += len(name.encode()) + len(text) + HEADER_OVERHEAD
    return size


def record_size(
    key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, str | bytes | None]] = ()
) -> int:
    """Bytes that a record takes at most, alone in its batch: no more than 30 too many."""
    return FRAME_BYTES + len(key or b"") + len(value or b"") + headers_size(headers)
