"""A message as printed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.errors import PoisonError
from services.streaming.dead_letter_format import Original, dead_letter_record
from tools.tail.message_json import Received, describe

MESSAGE = Received("legit", 2, 17, 1_700_000_000_123, b"account00001", b"body", [("trace", b"abc")])
DEAD = replace(
    MESSAGE,
    topic="dead",
    value=b"\xff\xfe",
    headers=[("__connect.errors.topic", b"in"), ("__connect.errors.exception.message", b"no magic byte")],
)


def decode(value: bytes | None, _headers: object) -> Any:
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


def buried(limit: int) -> Received:
    original = Original("in", 0, 1, b"k" * 9000, bytes(9000), [("trace", b"abc")])
    record = dead_letter_record(original, PoisonError("no magic byte"), limit)
    headers = [(name, value.encode() if isinstance(value, str) else value) for name, value in record.headers]
    return replace(MESSAGE, topic="dead", key=record.key, value=record.value, headers=headers)


def test_a_dead_letter_shows_what_there_is_of_a_value_that_did_not_fit() -> None:
    shown = describe(buried(18_000), decode, meta=False)
    assert shown["value"]["left_out"]["size"] == "9000"
    assert len(shown["value"]["left_out"]["sha256"]) == 64
    assert shown["value"]["left_out"]["start"] == {"base64": bytes(1024)}
    assert shown["key"] == "k" * 9000
    assert shown["headers"]["__connect.errors.exception.message"] == "no magic byte"
    assert shown["headers"]["trace"] == "abc"


def test_a_dead_letter_shows_what_there_is_of_a_key_that_did_not_fit() -> None:
    for meta in (False, True):
        shown = describe(buried(8000), decode, meta=meta)
        assert shown["key"]["left_out"] | {"sha256": ""} == {"size": "9000", "sha256": "", "start": "k" * 500}
        assert "error" not in shown


def test_headers_that_cannot_be_read_are_named() -> None:
    shown = describe(replace(MESSAGE, headers=None), decode, meta=True)
    assert shown["headers"] == {"error": "the headers can't be read: a name is not UTF-8"}
    assert describe(replace(MESSAGE, headers=None), decode, meta=False) == {"id": 1}
