"""Format of dead letters: the whole record where it fits, and a description of omitted parts."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import PoisonError
from services.streaming.dead_letter_format import (
    HEADERS,
    KEY,
    UNREADABLE_HEADERS,
    VALUE,
    DeadLetterRecord,
    Original,
    dead_letter_record,
    origin_of,
    split_headers,
)
from services.streaming.record_size import batch_size

LIMIT = 2 * 1_048_588
OWN = [("trace", b"7"), ("trace", None), ("__connect.errors.topic", b"of another system")]
PARTS = [VALUE, HEADERS, KEY]


class TooStrangeError(PoisonError):
    pass


def original(**parts: Any) -> Original:
    return Original(**{"topic": "in", "partition": 3, "offset": 17, "key": b"k", "value": b"v", "headers": OWN} | parts)


def details(record: DeadLetterRecord) -> dict[str, bytes | str | None]:
    return {
        name.removeprefix("__dead_letter."): value
        for name, value in record.headers
        if name.startswith("__dead_letter.")
    }


def test_a_record_that_fits_is_dead_lettered_unchanged() -> None:
    record = dead_letter_record(original(), TooStrangeError("because", stage="TRANSFORMATION"), LIMIT)
    assert (record.key, record.value) == (b"k", b"v")
    assert record.headers == [
        *OWN,
        ("__connect.errors.topic", b"in"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"17"),
        ("__connect.errors.stage", b"TRANSFORMATION"),
        ("__connect.errors.exception.class.name", f"{__name__}.TooStrangeError".encode()),
        ("__connect.errors.exception.message", b"because"),
    ]


def test_one_byte_too_many_omits_the_value() -> None:
    error = PoisonError("because")
    size = batch_size(*_parts(dead_letter_record(original(value=b"x" * 5000), error, LIMIT)))
    assert dead_letter_record(original(value=b"x" * 5000), error, size).value == b"x" * 5000
    record = dead_letter_record(original(value=b"x" * 5000), error, size - 1)
    assert (record.key, record.value) == (b"k", None)
    assert record.headers[: len(OWN)] == OWN
    assert details(record) == {
        "value.size": b"5000",
        "value.sha256": hashlib.sha256(b"x" * 5000).hexdigest().encode(),
        "value.start": b"x" * ((size - 1) // 16),
        "omitted": b"value",
    }


def test_a_kilobyte_of_an_omitted_part_stays_readable() -> None:
    value = bytes(range(256)) * 12_000
    headers = details(dead_letter_record(original(value=value), PoisonError("because"), LIMIT))
    assert (headers["value.start"], headers["value.size"]) == (value[:1024], b"3072000")


def test_headers_that_do_not_fit_are_omitted_as_well() -> None:
    headers = [("h" * 100, b"x" * 900)] * 30
    record = dead_letter_record(original(value=b"v" * 9000, headers=headers), PoisonError("because"), 20_000)
    assert (record.key, record.value) == (b"k", None)
    headers = details(record)
    assert (headers["omitted"], headers["headers.count"]) == (b"value,headers", b"30")
    assert headers["headers.size"] == str(30 * (2 + 100 + 2 + 900)).encode()


def test_a_key_that_does_not_fit_is_omitted_last() -> None:
    record = dead_letter_record(original(key=b"k" * 30_000), PoisonError("because"), 20_000)
    assert (record.key, record.value, record.headers[0][0]) == (None, None, "__connect.errors.topic")
    headers = details(record)
    assert (headers["omitted"], headers["key.size"], headers["value.start"]) == (b"value,headers,key", b"30000", b"v")
    assert headers["key.start"] == b"k" * 1024


def test_unreadable_headers_are_listed_as_omitted() -> None:
    record = dead_letter_record(original(headers=None, headers_unreadable=True), PoisonError("because"), LIMIT)
    assert (record.key, record.value) == (b"k", b"v")
    assert details(record) == {"omitted": b"unreadable-headers"}
    record = dead_letter_record(
        original(value=b"x" * 9000, headers=None, headers_unreadable=True), PoisonError("because"), 8000
    )
    assert details(record)["omitted"] == b"value,unreadable-headers"


def test_a_long_message_is_cut_and_marked() -> None:
    record = dead_letter_record(original(), PoisonError("ü" * 5000), LIMIT)
    message = dict(record.headers)["__connect.errors.exception.message"]
    assert isinstance(message, bytes)
    assert 4000 < len(message) <= 4096
    assert message.decode().endswith("ü... (cut, 10000 bytes)")


def test_an_error_message_with_a_lone_surrogate_can_be_written() -> None:
    record = dead_letter_record(original(), PoisonError("\ud800"), LIMIT)
    assert dict(record.headers)["__connect.errors.exception.message"] == b"?"


def test_the_value_of_a_tombstone_is_not_omitted() -> None:
    record = dead_letter_record(original(key=None, value=None, headers=None), PoisonError("because"), 1)
    assert len(record.headers) == 6


def test_a_limit_too_small_for_anything_leaves_the_origin() -> None:
    record = dead_letter_record(original(value=b"x" * 9000), PoisonError("because"), 1)
    assert (record.key, record.value) == (None, None)
    assert origin_of(record.headers) == ("in", 3, 17)
    assert details(record)["value.start"] == b""
    assert batch_size(*_parts(record)) < 1000


@given(
    st.binary(max_size=6000) | st.none(),
    st.binary(max_size=3000) | st.none(),
    st.lists(st.tuples(st.text(max_size=300), st.binary(max_size=900) | st.none()), max_size=8) | st.none(),
    st.text(max_size=6000),
    st.booleans(),
    st.integers(3000, 12_000),
)
def test_any_record_fits_and_can_be_parsed(  # noqa: PLR0917 - hypothesis names them
    value: bytes | None,
    key: bytes | None,
    headers: list[tuple[str, bytes | None]] | None,
    message: str,
    unreadable: bool,
    limit: int,
) -> None:
    whole = original(
        key=key, value=value, headers=None if unreadable else headers, headers_unreadable=unreadable, topic="t" * 249
    )
    record = dead_letter_record(whole, PoisonError(message), limit)
    assert batch_size(*_parts(record)) <= limit
    parts = split_headers(record.headers)
    assert parts is not None
    assert (parts.origin["topic"], parts.origin["partition"], parts.origin["offset"]) == ("t" * 249, "3", "17")
    assert origin_of(record.headers) == ("t" * 249, 3, 17)
    assert (UNREADABLE_HEADERS in parts.omitted) is unreadable
    assert record.value == (None if VALUE in parts.omitted else value)
    assert record.key == (None if KEY in parts.omitted else key)
    assert parts.own == ([] if HEADERS in parts.omitted else list(whole.headers or ()))


FORGED = dead_letter_record(original(topic="forged", value=b"x" * 9000), PoisonError("forged"), 5000).headers


@pytest.mark.parametrize("cut", range(len(FORGED) + 1))
def test_forged_headers_of_the_producer_are_ignored(cut: int) -> None:
    record = dead_letter_record(original(headers=FORGED[cut:]), PoisonError("because"), LIMIT)
    parts = split_headers(record.headers)
    assert parts is not None
    assert (parts.own, parts.origin["topic"], parts.omitted) == (FORGED[cut:], "in", frozenset())
    assert origin_of(record.headers) == ("in", 3, 17)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("trace", b"7")] * 6,
        [("__connect.errors.topic", b"t")],
        [("__dead_letter.omitted", b"value")],
        [("__dead_letter.omitted", b"everything")],
        FORGED[1:-1],
        [*FORGED, ("trace", b"7")],
        [(name, b"-1" if name.endswith("offset") else value) for name, value in FORGED],
        [(name, b"9" * 5000 if name.endswith("partition") else value) for name, value in FORGED],
        [(name, None) for name, _ in FORGED],
    ],
)
def test_other_messages_have_no_origin(headers: list[tuple[str, bytes | str | None]]) -> None:
    assert split_headers(headers) is None
    assert origin_of(headers) is None


def _parts(record: DeadLetterRecord) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes | str | None]]]:
    return record.key, record.value, record.headers


@pytest.mark.parametrize("limit", [LIMIT, 900])
@pytest.mark.parametrize("timestamp", [None, -1, 0, 1_700_000_000_000])
def test_a_message_of_a_batch_has_its_row_in_the_origin(limit: int, timestamp: int | None) -> None:
    whole = original(row=4, value=b"v" * 1000, timestamp_ms=timestamp)
    record = dead_letter_record(whole, PoisonError("because"), limit)
    assert origin_of(record.headers) == ("in", 3, 17, 4)
    parts = split_headers(record.headers)
    assert parts
    assert (parts.row, parts.timestamp_ms) == (4, None if timestamp == -1 else timestamp)
    assert parts.omitted == (frozenset() if limit == LIMIT else {VALUE})
    assert ("value.size" in parts.details) == (VALUE in parts.omitted)
    assert parts.own == OWN
    alone = dead_letter_record(original(), PoisonError("because"), LIMIT)
    assert origin_of(alone.headers) == ("in", 3, 17)
    assert origin_of([*alone.headers, ("__dead_letter.row", b"x")]) is None
    assert origin_of([*alone.headers, ("__dead_letter.timestamp", b"yesterday")]) is None
