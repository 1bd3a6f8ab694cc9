"""Reading of dead letters: the original message, its verification, and filters."""

from dataclasses import replace
from typing import Any

import pytest

from services.errors import PoisonError
from services.streaming.dead_letter_format import Original, dead_letter_record
from services.streaming.dead_letter_reading import DeadLetter, DeadLetterFilter, OriginalDiffers, dead_letter_of

LIMIT = 2 * 1_048_588
ORIGINAL = Original("transactions", 3, 170, b"key", b"value", [("trace", b"7")])


class FakeMessage:
    """A stub of a consumed message: confluent-kafka's own can't be made with headers and a topic."""

    def __init__(self, key: bytes | None, value: bytes | None, headers: Any) -> None:
        self._key, self._value, self._headers = key, value, headers

    def headers(self) -> Any:
        if isinstance(self._headers, Exception):
            raise self._headers
        return self._headers

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return 17

    def timestamp(self) -> tuple[int, int]:
        return 1, 5

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value


def dead_lettered(original: Original, limit: int = LIMIT) -> DeadLetter:
    record = dead_letter_record(original, PoisonError("because"), limit)
    letter = dead_letter_of(FakeMessage(record.key, record.value, record.headers))  # type: ignore[arg-type]
    assert letter is not None
    return letter


def test_a_dead_letter_can_be_redriven_with_its_own_headers() -> None:
    own = [("trace", b"7"), ("trace", b"8"), ("__connect.errors.topic", b"of another system")]
    letter = dead_lettered(replace(ORIGINAL, headers=own))
    assert (letter.topic, letter.source_partition, letter.source_offset) == ("transactions", 3, 170)
    assert (letter.position, letter.origin) == ("3-17", "transactions-3-170")
    assert (letter.error, letter.reason) == ("avroguard.errors.PoisonError", "because")
    assert (letter.key, letter.value, letter.is_whole) == (b"key", b"value", True)
    assert letter.redrive_headers() == [*own, ("__redrive.count", b"1")]


@pytest.mark.parametrize(("own", "expected"), [(1_700_000_000_000, 1_700_000_000_000), (0, 0), (None, 5)])
def test_a_dead_letter_of_an_older_version_has_the_timestamp_of_the_original(own: int | None, expected: int) -> None:
    assert dead_lettered(replace(ORIGINAL, timestamp_ms=own)).timestamp_ms == expected


def test_each_redrive_is_counted() -> None:
    once = dead_lettered(ORIGINAL).redrive_headers()
    again = dead_lettered(replace(ORIGINAL, headers=once))
    assert again.redrives == 1
    assert again.redrive_headers() == [("trace", b"7"), ("__redrive.count", b"2")]


@pytest.mark.parametrize("count", [b"many", b"9" * 5000, None])
def test_an_invalid_redrive_count_restarts_at_one(count: bytes | None) -> None:
    assert dead_lettered(replace(ORIGINAL, headers=[("__redrive.count", count)])).redrive_headers() == [
        ("__redrive.count", b"1")
    ]


@pytest.mark.parametrize(
    "headers", [None, [], [("trace", b"7")] * 6, [("__connect.errors.topic", b"t")], SystemError("not UTF-8")]
)
def test_other_messages_are_no_dead_letters(headers: Any) -> None:
    assert dead_letter_of(FakeMessage(b"key", b"value", headers)) is None  # type: ignore[arg-type]


LARGE = Original("transactions", 3, 170, b"k" * 9000, b"v" * 9000, [("trace", b"h" * 9000), ("__redrive.count", b"1")])


@pytest.mark.parametrize(("limit", "omitted"), [(24_000, 1), (16_000, 2), (8000, 3)])
def test_omitted_parts_are_taken_from_the_original(limit: int, omitted: int) -> None:
    letter = dead_lettered(LARGE, limit)
    assert (letter.is_whole, len(letter.omitted)) == (False, omitted)
    whole = letter.with_original(LARGE)
    assert (whole.key, whole.value, whole.headers) == (LARGE.key, LARGE.value, LARGE.headers)
    assert (whole.is_whole, whole.redrives) == (True, 1)
    assert whole.redrive_headers() == [("trace", b"h" * 9000), ("__redrive.count", b"2")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": b"v" * 8999}, "a value of 8999 bytes with the SHA-256 .*, expected 9000 bytes with"),
        ({"value": b"V" + b"v" * 8999}, "a value of 9000 bytes"),
        ({"value": None}, "a value of 0 bytes"),
        ({"key": b"other"}, "a key of 5 bytes"),
        ({"headers": None}, "0 headers of 0 bytes, expected 2 of "),
    ],
)
def test_an_original_that_differs_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(OriginalDiffers, match=words):
        dead_lettered(LARGE, 8000).with_original(replace(LARGE, **change))


def test_unreadable_headers_are_missing_from_a_whole_letter() -> None:
    letter = dead_lettered(replace(ORIGINAL, headers=None, headers_unreadable=True))
    assert (letter.is_whole, letter.omitted) == (True, {"unreadable-headers"})
    assert letter.redrive_headers() == [("__redrive.count", b"1")]


LETTER = replace(dead_lettered(ORIGINAL), timestamp_ms=1000, partition=3, offset=17)


@pytest.mark.parametrize(
    ("selection", "is_selected"),
    [
        (DeadLetterFilter(), True),
        (DeadLetterFilter(errors=("PoisonError",)), True),
        (DeadLetterFilter(errors=("Other", "avroguard.errors.PoisonError")), True),
        (DeadLetterFilter(errors=("Poison",)), False),
        (DeadLetterFilter(since_ms=1000, until_ms=1001), True),
        (DeadLetterFilter(since_ms=1001), False),
        (DeadLetterFilter(until_ms=1000), False),
        (DeadLetterFilter(partition=3, offsets=range(17, 18)), True),
        (DeadLetterFilter(partition=2), False),
        (DeadLetterFilter(offsets=range(17)), False),
    ],
)
def test_a_filter_selects_by_all_its_criteria(selection: DeadLetterFilter, is_selected: bool) -> None:
    assert (LETTER in selection) is is_selected
