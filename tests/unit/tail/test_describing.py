"""What is printed of a message."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.errors import PoisonError
from tools.tail.describing import Received, describe

MESSAGE = Received("legit", 2, 17, 1_700_000_000_123, b"account00001", b"body", [("trace", b"abc")])
DEAD = replace(
    MESSAGE,
    topic="dead",
    value=b"\xff\xfe",
    headers=[("__connect.errors.topic", b"in"), ("__connect.errors.exception.message", b"no magic byte")],
)


def decode(value: bytes | None) -> Any:
    if value != b"body":
        raise PoisonError("no magic byte")
    return {"id": 1}


def test_a_record_is_printed_as_it_is() -> None:
    assert describe(MESSAGE, decode, meta=False) == {"id": 1}


def test_with_meta_it_stands_beside_what_goes_with_it() -> None:
    assert describe(MESSAGE, decode, meta=True) == {
        "topic": "legit",
        "partition": 2,
        "offset": 17,
        "timestamp": datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC),
        "key": "account00001",
        "headers": {"trace": "abc"},
        "value": {"id": 1},
    }


def test_what_is_no_record_gives_the_error_and_the_place() -> None:
    place = {"topic": "legit", "partition": 2, "offset": 17}
    assert describe(replace(MESSAGE, value=b"?"), decode, meta=False) == {"error": "no magic byte", **place}
    whole = describe(replace(MESSAGE, value=None), decode, meta=True)
    assert (whole["error"], whole["value"]) == ("no magic byte", None)


def test_a_dead_letter_shows_why_it_is_dead_and_what_it_was() -> None:
    assert describe(DEAD, decode, meta=False) == {
        "headers": {"__connect.errors.topic": "in", "__connect.errors.exception.message": "no magic byte"},
        "key": "account00001",
        "value": {"base64": b"\xff\xfe"},
    }
    assert "error" not in describe(DEAD, decode, meta=True)


def test_a_dead_letter_that_can_be_decoded_is() -> None:
    assert describe(replace(DEAD, value=b"body"), decode, meta=False)["value"] == {"id": 1}


def test_keys_and_headers_that_are_no_text_are_shown_as_base64() -> None:
    odd = replace(MESSAGE, key=b"\xff", headers=[("a", b"\x00"), ("b", None), ("b", b"x")], timestamp_ms=None)
    shown = describe(odd, decode, meta=True)
    assert shown["key"] == {"base64": b"\xff"}
    assert shown["headers"] == {"a": {"base64": b"\x00"}, "b": [None, "x"]}
    assert shown["timestamp"] is None
