"""Strict decoding and encoding of single records, with the errors."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import UUID

import fastavro
import pytest

from services.contracts import ColumnDecoder, RecordDecoder, RecordEncoder
from services.errors import ContractError, PoisonError
from support.avro_records import number, octets


def record(*types: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": f"f{i}", "type": kind} for i, kind in enumerate(types)]}


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
FIXED_DECIMAL = {"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 4, "scale": 2}
UUID_TEXT = {"type": "string", "logicalType": "uuid"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
COLOUR = {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}
LIST = {"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}


@pytest.mark.parametrize(
    ("schema", "body", "reason"),
    [
        (record("long"), b"", "field f0 of R: truncated"),
        (record("long"), b"\x80", "field f0 of R: truncated"),
        (record("long"), b"\x80" * 10 + b"\1", "continues after 10 bytes"),
        (record("long"), b"\xff" * 9 + b"\2", "more than 64 bits"),
        (record("int"), number(2**31), "2147483648 is out of range"),
        (record("int"), b"\2\2", "1 bytes too many"),
        (record("boolean"), b"\2", "neither 0 (false) nor 1 (true)"),
        (record("double"), b"\0" * 7, "truncated: needs 8 bytes"),
        (record("string"), number(2**62), "truncated"),
        (record("string"), number(-1), "a length of -1"),
        (record("string"), octets(b"\xff"), "not UTF-8"),
        (record("bytes", "string"), octets(b"\xff") + octets(b"\xc3"), "field f1 of R: not UTF-8"),
        (record(UUID_TEXT), octets(b"not-a-uuid"), "is not a UUID"),
        (record(UUID_TEXT), octets(b"{12345678-1234-1234-1234-123456789012}"), "is not a UUID"),
        (record(DECIMAL), octets(b"\x27\x10"), "more than the 4 digits"),
        (record(DECIMAL), octets(b""), "a decimal of no bytes"),
        (record(DECIMAL), octets(b"\1" * 1_000_000), "more than the 4 digits"),
        (record(FIXED_DECIMAL), b"\0\0\x27\x10", "more than the 4 digits"),
        (record(MILLIS), number(253_402_300_800_000), "is out of range"),
        (record({"type": "int", "logicalType": "time-millis"}), number(86_400_000), "is out of range"),
        (record(COLOUR), number(2), "2 is out of range: the index of an enum's symbol is 0 to 1"),
        (record(COLOUR), number(-1), "-1 is out of range"),
        (record(["null", "long"]), number(2), "branch 2 of a union of 2"),
        (record(["null", "long"]), number(-1), "branch -1 of a union of 2"),
        (record({"type": "array", "items": "null"}), number(2**60) + b"\0", "items in no bytes"),
        (record({"type": "array", "items": "long"}), number(2**60) + b"\2\2", "field f0 of R, an item: truncated"),
        (record({"type": "array", "items": "long"}), number(-1) + number(2) + b"\2\0", "claims 2"),
        (record({"type": "map", "values": "long"}), number(1) + octets(b"\xff") + b"\2\0", "a key: not UTF-8"),
        (LIST, b"\2" * 100_000, "nested more than 100 deep"),
    ],
)
def test_a_body_that_is_not_a_value_of_the_schema_is_poison(schema: Any, body: bytes, reason: str) -> None:
    with pytest.raises(PoisonError) as caught:
        RecordDecoder(schema).decode(body)
    assert reason in str(caught.value)


def test_values_are_those_of_their_logical_types() -> None:
    schema = record(DECIMAL, UUID_TEXT, MILLIS, COLOUR)
    body = octets(b"\xff") + octets(b"12345678-1234-ABCD-1234-123456789012") + number(-1) + number(1)
    assert RecordDecoder(schema).decode(body) == {
        "f0": Decimal("-0.01"),
        "f1": UUID("12345678-1234-abcd-1234-123456789012"),
        "f2": datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC),
        "f3": "BLUE",
    }


def test_a_decimal_may_be_declared_with_any_number_of_digits() -> None:
    boundless = {"type": "bytes", "logicalType": "decimal", "precision": 2_000_000_000, "scale": 1}
    assert RecordDecoder(record(boundless)).decode(octets(b"\1\0")) == {"f0": Decimal("25.6")}
    columns = ColumnDecoder(record(boundless), record(boundless), ["f0"]).decode([octets(b"\1\0")], prefix=0)
    assert columns.columns["f0"].tolist() == [256]


def test_items_in_blocks_with_a_size_are_read() -> None:
    schema = record({"type": "array", "items": "long"})
    assert RecordDecoder(schema).decode(number(-2) + number(2) + b"\2\4" + number(1) + b"\6\0") == {"f0": [1, 2, 3]}


@pytest.mark.parametrize(
    ("kind", "default", "value"),
    [
        (DECIMAL, "\u0001\u0000", Decimal("2.56")),
        (MILLIS, 1000, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("bytes", "\u00ff", b"\xff"),
        (["null", "long"], 7, 7),
        (FIXED_DECIMAL, "\u0000\u0000\u0000\u0001", Decimal("0.01")),
        ({"type": "array", "items": DECIMAL}, ["\u0001"], [Decimal("0.01")]),
        ({"type": "map", "values": "bytes"}, {"a": "\u0080"}, {"a": b"\x80"}),
        (COLOUR, "BLUE", "BLUE"),
        ({**record("int", "double"), "name": "Inner"}, {"f0": 1, "f1": 2}, {"f0": 1, "f1": 2.0}),
    ],
)
def test_a_field_that_the_writer_lacks_has_its_default_as_a_value(kind: Any, default: Any, value: Any) -> None:
    reader = record("int")
    reader["fields"].append({"name": "more", "type": kind, "default": default})
    assert RecordDecoder(record("int"), reader).decode(b"\2") == {"f0": 1, "more": value}


@pytest.mark.parametrize(("kind", "default"), [(COLOUR, "GREEN"), (MILLIS, 10**18), (UUID_TEXT, "none")])
def test_an_invalid_default_is_a_contract_error(kind: Any, default: Any) -> None:
    reader = record("int")
    reader["fields"].append({"name": "more", "type": kind, "default": default})
    with pytest.raises(ContractError, match="field more of R"):
        RecordDecoder(record("int"), reader)


def test_an_unused_default_may_be_invalid() -> None:
    reader = record("long")
    reader["fields"][0]["default"] = 0
    reader["fields"].append({"name": "more", "type": DECIMAL, "default": ""})
    writer = record("int")
    writer["fields"].append({"name": "more", "type": DECIMAL})
    assert RecordDecoder(writer, reader).decode(b"\2" + octets(b"\1")) == {"f0": 1, "more": Decimal("0.01")}


def test_a_record_that_was_renamed_is_read_by_its_alias() -> None:
    reader = {**record("int"), "name": "Renamed", "namespace": "", "aliases": [".R"]}
    assert RecordDecoder(record("int"), reader).decode(b"\2") == {"f0": 1}


def test_a_type_is_found_in_a_readers_union_wherever_either_side_defines_it() -> None:
    inner = {"type": "record", "name": "Inner", "fields": [{"name": "next", "type": ["null", "Inner"]}]}
    chain = {"next": {"next": None}}
    for writer, bare in ((record(COLOUR, COLOUR["name"]), record(COLOUR)), (record(inner, "Inner"), record(inner))):
        kind = bare["fields"][0]["type"]
        readers = [
            {**writer, "fields": [{**writer["fields"][1], "type": ["null", kind]}]},  # defined where it is first read
            {**writer, "fields": [{**writer["fields"][0]}, {**writer["fields"][1], "type": ["null", kind["name"]]}]},
        ]
        body = b"\0\0" if kind is COLOUR else b"\2\2\0\2\2\0"
        value = COLOUR["symbols"][0] if kind is COLOUR else {"next": chain}
        for reader in readers:
            assert RecordDecoder(writer, reader).decode(body)["f1"] == value


def test_an_incompatible_reader_is_a_contract_error() -> None:
    with pytest.raises(ContractError, match="f0"):
        RecordDecoder(record("string"), record("int"))


def test_schemas_that_fastavro_does_not_take_are_read() -> None:
    schema = {"type": "record", "name": "R", "fields": [
        {"name": "a", "type": {"type": {"type": "fixed", "name": "F", "size": 2}}},
        {"name": "b", "type": {"type": "F"}},
        {"name": "c", "type": {"type": "bytes", "logicalType": "decimal"}},
    ]}  # fmt: skip
    assert RecordDecoder(schema).decode(b"aabb\2c") == {"a": b"aa", "b": b"bb", "c": b"c"}


def test_an_invalid_schema_is_a_contract_error() -> None:
    with pytest.raises(ContractError, match="not an Avro schema"):
        RecordDecoder({"type": "recrod", "name": "R"})


GOOD = {"f0": Decimal("12.34"), "f1": "a", "f2": datetime(2026, 1, 1, tzinfo=UTC)}


def test_encoding_gives_the_bytes_of_fastavro() -> None:
    schema = record(DECIMAL, "string", MILLIS)
    output = BytesIO()
    fastavro.schemaless_writer(output, schema, GOOD)
    assert RecordEncoder(schema).encode(GOOD) == output.getvalue()
    assert RecordDecoder(schema).decode(output.getvalue()) == GOOD


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"f0": Decimal("100.00")}, "f0"),
        ({"f0": Decimal("1.234")}, "field f0 is 1.234: expected at most 4 digits, 2 of them after the point"),
        ({"f1": 7}, "f1"),
        ({"f1": None}, "f1"),
        ({"f2": datetime(2026, 1, 1)}, "field f2 is 2026-01-01 00:00:00: expected a time zone"),
        ({"f2": datetime(2026, 1, 1, microsecond=1, tzinfo=UTC)}, "whole milliseconds"),
        ({"f9": 1}, "f9"),
    ],
)
def test_a_record_that_writing_would_alter_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        RecordEncoder(record(DECIMAL, "string", MILLIS)).encode(GOOD | change)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_timestamps_of_any_time_zone_are_encoded() -> None:
    encoder = RecordEncoder(record(MILLIS))
    elsewhere = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert encoder.encode({"f0": elsewhere}) == encoder.encode({"f0": datetime(2026, 1, 1, tzinfo=UTC)})


def test_a_map_of_records_is_decoded_like_the_records() -> None:
    fixed = {"name": "f", "type": {"type": "fixed", "name": "F", "size": 2}, "default": "\u0000\u0001"}
    node = {"type": "record", "name": "N", "fields": [{"name": "n", "type": ["null", "N"]}]}
    writer, reader = (
        {"type": "map", "values": node},
        {"type": "map", "values": {**node, "fields": [*node["fields"], fixed]}},
    )
    assert RecordDecoder(writer, reader).decode(b"\x02\x02k\x00\x00") == {"k": {"n": None, "f": b"\x00\x01"}}
