"""Columns of messages with another writer's schema: fields by name or alias, promoted, or from a default."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.codec.columns import ColumnDecoder, Columns
from services.contracts.codec.parsed import Parsed
from services.errors import ContractError
from support.avro_mutations import mutated
from support.avro_records import body, damaged, number, octets
from support.avro_schemas import SchemaGenerator


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


def with_field(schema: dict[str, Any], name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {**schema, "fields": [*schema["fields"], {"name": name, "type": kind, **more}]}


def decimal(precision: int, scale: int) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}


def decode(writer: Any, reader: Any, field: str, *bodies: bytes) -> Columns:
    return ColumnDecoder(writer, reader, [field]).decode(bodies, prefix=0)


@pytest.mark.parametrize(
    ("writer", "reader", "body", "value"),
    [
        (record(x="int"), record(x="long"), number(7), 7),
        (record(x="int"), record(x="double"), number(7), 7.0),
        (record(x="float"), record(x="double"), b"\0\0\x80\x3f", 1.0),
        (record(x="bytes"), record(x="string"), octets(b"ab"), b"ab"),
        (record(x="string"), record(x="bytes"), octets(b"ab"), b"ab"),
        (record(x="long"), record(x=MILLIS), number(7), 7),
        (record(x=MILLIS), record(x="long"), number(7), 7),
        (record(x=decimal(4, 2)), record(x=decimal(6, 2)), octets(b"\x0a"), 10),
        (record(x=decimal(4, 2)), record(x=decimal(30, 2)), octets(b"\x0a"), 10),
        (record(x=decimal(30, 2)), record(x=decimal(4, 2)), octets(b"\x0a"), 10),
        (record(a="int", x="long", b="string"), record(x="long"), number(1) + number(2) + octets(b"c"), 2),
    ],
)
def test_a_field_is_decoded_as_the_readers_type(writer: Any, reader: Any, body: bytes, value: Any) -> None:
    columns = decode(writer, reader, "x", body)
    assert columns.columns["x"].tolist() == [value]
    assert columns.good is None


def test_a_decimal_too_long_for_the_reader_alone_fails_its_row() -> None:
    columns = decode(record(x=decimal(30, 2)), record(x=decimal(2, 2)), "x", octets(b"\x64"), octets(b"\x63"))
    assert columns.failures.keys() == {0}
    assert columns.columns["x"].tolist() == [0, 99]
    assert columns.good is not None
    assert columns.good.tolist() == [False, True]


def test_a_field_may_have_become_nullable() -> None:
    columns = decode(record(x="long"), record(x=["null", "long"]), "x", number(1), number(2))
    assert columns.columns["x"].tolist() == [1, 2]
    assert columns.nulls["x"].tolist() == [False, False]


@pytest.mark.parametrize("union", [["null", "string"], ["string", "null"]])
def test_nulls_have_a_mask(union: list[str]) -> None:
    null, text = number(union.index("null")), number(union.index("string"))
    columns = decode(record(x=union), record(x=union), "x", null, text + octets(b"abc"), null, text + octets(b""))
    assert columns.columns["x"].tolist() == [b"", b"abc", b"", b""]
    assert columns.nulls["x"].tolist() == [True, False, True, False]
    only = decode(record(x=union), record(x=union), "x", null)
    assert (only.columns["x"].tolist(), only.nulls["x"].tolist()) == ([b""], [True])


def test_a_renamed_field_is_found_by_its_alias() -> None:
    reader = with_field(record(), "x", "long", aliases=["old"])
    decoder = ColumnDecoder(record(old="long"), reader, ["x"])
    assert decoder.vectorised
    assert decoder.decode([number(7)], prefix=0).columns["x"].tolist() == [7]


@pytest.mark.parametrize(
    ("kind", "default", "value"),
    [
        ("long", 5, 5),
        ("string", "zürich", "zürich".encode()),
        ("string", "ends in \0", b"ends in \0"),
        ("boolean", True, True),
        (decimal(6, 2), "\u0001\u0000", 256),
        (MILLIS, 1000, 1000),
        ("bytes", "\u00ff", b"\xff"),
        ({"type": "array", "items": "int"}, [1], [1]),
    ],
)
def test_a_field_that_the_writer_lacks_is_its_default_in_every_row(kind: Any, default: Any, value: Any) -> None:
    columns = decode(record(a="int"), with_field(record(a="int"), "x", kind, default=default), "x", b"\2", b"", b"\4")
    assert [columns.columns["x"].tolist()[row] for row in (0, 2)] == [value, value]
    assert columns.failures.keys() == {1}


def test_a_default_of_null_is_null_in_every_row() -> None:
    reader = with_field(record(a="int"), "x", ["null", "long"], default=None)
    columns = decode(record(a="int"), reader, "x", b"\2", b"\4")
    assert columns.nulls["x"].tolist() == [True, True]
    assert columns.columns["x"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("writer", "reader", "reason"),
    [
        (record(x=decimal(4, 2)), record(x=decimal(4, 3)), "a decimal of scale 3 for this service, but a decimal of s"),
        (record(x="bytes"), record(x=decimal(4, 2)), "x of R is a decimal of scale 2 for this service, but bytes"),
        (record(x=MILLIS), record(x=MICROS), "is timestamp-micros for this service, but timestamp-millis for the"),
        (record(x=MILLIS), record(x="double"), "x of R is float for this service, but timestamp-millis for the"),
        (record(x="string"), record(x="long"), "can't read what this writer wrote"),
        (record(x="long"), with_field(record(), "y", "long"), "can't read what this writer wrote"),
        ("string", "string", "string is not a record"),
        (record(y="long"), record(y="long"), "R has no field x: it has y"),
        (record(xs="long"), record(xs="long"), 'R has no field x; did you mean "xs"'),
    ],
)
def test_incompatible_fields_are_refused_at_construction(writer: Any, reader: Any, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        ColumnDecoder(writer, reader, ["x"])
    assert reason in str(caught.value)


def test_two_fields_that_are_read_from_one_are_refused() -> None:
    reader = with_field(record(x="int"), "y", "int", aliases=["x"], default=7)
    assert decode(record(x="int"), reader, "x", b"\4").columns["x"].tolist() == [2]
    with pytest.raises(ContractError, match="field y of R and field x are both read from the writer's field x"):
        ColumnDecoder(record(x="int"), reader, ["x", "y"])


def test_a_symbol_that_the_reader_does_not_know_is_its_default() -> None:
    writer = record(x={"type": "enum", "name": "E", "symbols": ["A", "B", "C"]})
    reader = record(x={"type": "enum", "name": "E", "symbols": ["A", "Z"], "default": "Z"})
    assert decode(writer, reader, "x", b"\0", b"\2", b"\4").columns["x"].tolist() == [b"A", b"Z", b"Z"]


def test_one_long_text_makes_no_wide_table() -> None:
    long = b"x" * 1_000_000
    columns = decode(record(x="string"), record(x="string"), "x", *[octets(b"short")] * 100, octets(long))
    assert columns.columns["x"].dtype == object
    assert columns.columns["x"].tolist() == [b"short"] * 100 + [long]


def test_text_that_is_skipped_must_be_utf_8_however_long() -> None:
    schema = record(text="string", x="int")
    texts = ["é" * 300, "e" * 300, "é", ""]
    bodies = [octets(text.encode()) + b"\2" for text in texts] + [
        octets(b"\xe9" * 300) + b"\2",
        octets(b"\xe9") + b"\2",
    ]
    columns = decode(schema, schema, "x", *bodies)
    assert columns.failures.keys() == {4, 5}
    assert columns.columns["x"].tolist() == [1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    "schema",
    [
        record(x="int", more={"type": "array", "items": "int"}),
        record(x="int", more={"type": "map", "values": "int"}),
        record(x="int", more=["null", "R"]),
    ],
)
def test_schemas_without_a_walk_are_decoded_row_by_row(schema: Any) -> None:
    decoder = ColumnDecoder(schema, schema, ["x"])
    assert not decoder.vectorised
    columns = decoder.decode([b"\x0e\0", b"\x0e"], prefix=0)
    assert columns.columns["x"].tolist() == [7, 0]
    assert columns.failures.keys() == {1}


def test_no_rows_are_no_rows() -> None:
    columns = decode(record(x="int", y=["null", "int"]), record(x="int"), "x")
    assert len(columns) == 0
    assert columns.columns["x"].dtype == np.int64


@given(st.data(), st.integers(0, 2**32))
def test_a_walk_equals_decoding_row_by_row(data: st.DataObject, seed: int) -> None:
    writer, reader, names = _written_and_read(Random(seed))
    walk_decoder, record_decoder = ColumnDecoder(writer, reader, names), ColumnDecoder(writer, reader, names)
    record_decoder._walk = None
    parsed = Parsed.of(writer)
    bodies = data.draw(st.lists(body(parsed.schema, parsed.named).flatmap(damaged), min_size=1, max_size=5))
    walked, by_row = walk_decoder.decode(bodies, prefix=0), record_decoder.decode(bodies, prefix=0)
    assert {row: str(error) for row, error in walked.failures.items()} == {
        row: str(error) for row, error in by_row.failures.items()
    }
    for name in names:
        assert repr(walked.columns[name].tolist()) == repr(by_row.columns[name].tolist())
        assert walked.columns[name].dtype.kind == by_row.columns[name].dtype.kind
    assert {name: mask.tolist() for name, mask in walked.nulls.items()} == {
        name: mask.tolist() for name, mask in by_row.nulls.items()
    }


def _written_and_read(random: Random) -> tuple[Any, Any, list[str]]:
    """A record's schema, a change of it that can read it, and fields of it; such that batches are walked."""
    while True:
        writer = SchemaGenerator(random).schema()
        reader, _ = mutated(writer, random)
        try:
            names = [field["name"] for field in reader["fields"]][:2]
            if ColumnDecoder(writer, reader, names).vectorised:
                return writer, reader, names
        except (ContractError, LookupError, TypeError):  # not compatible, not valid any more, or not a record
            continue
