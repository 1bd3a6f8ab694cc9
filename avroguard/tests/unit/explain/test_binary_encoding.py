"""Values are written as the specification says, and as fastavro writes them; what is no value is refused."""

import math
from io import BytesIO
from itertools import islice
from random import Random
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avroguard.compatibility.parsing import parse
from avroguard.explain.binary import BinaryInput, ReadError, encode
from avroguard.explain.resolution import Decoder
from avroguard.explain.samples import samples
from support.avro_records import body, records
from support.avro_schemas import SchemaGenerator
from support.compatibility_cases import array, enum, fixed, mapping, record


def by_fastavro(schema: Any, value: Any) -> bytes:
    output = BytesIO()
    fastavro.schemaless_writer(output, schema, value)
    return output.getvalue()


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 200))
def test_whole_numbers(value: int) -> None:
    written = encode(parse("long"), value)
    assert written == by_fastavro("long", value)
    assert BinaryInput(written).number() == value


@given(st.floats())
def test_numbers_of_64_bits(value: float) -> None:
    assert encode(parse("double"), value) == by_fastavro("double", value)


@given(st.floats(width=32))
def test_numbers_of_32_bits(value: float) -> None:
    assert encode(parse("float"), value) == by_fastavro("float", value)


@given(st.text())
def test_texts(value: str) -> None:
    assert encode(parse("string"), value) == by_fastavro("string", value)
    assert Decoder("string").decode(encode(parse("string"), value)) == value


@pytest.mark.parametrize(
    ("schema", "value", "written"),
    [
        ("null", None, ""),
        ("boolean", True, "01"),
        ("int", -64, "7f"),
        ("int", 64, "8001"),
        ("string", "foo", "06666f6f"),
        ("bytes", b"\xff", "02ff"),
        (fixed(2), b"\1\2", "0102"),
        (enum("A", "B"), "B", "02"),
        (array("long"), [3, 27], "04063600"),
        (array("long"), [], "00"),
        (mapping("null"), {"a": None}, "02026100"),
        (["null", "string"], ("null", None), "00"),
        (["null", "string"], ("string", "a"), "020261"),
        (record(("a", "long"), ("b", "string")), {"b": "foo", "a": 27}, "3606666f6f"),
    ],
)
def test_values_of_each_type(schema: Any, value: Any, written: str) -> None:
    assert encode(parse(schema), value).hex() == written


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("null", 0),
        ("boolean", 1),
        ("int", 2**31),
        ("long", 2**63),
        ("long", 1.5),
        ("float", 1e39),
        ("string", b"a"),
        ("bytes", "a"),
        (fixed(2), b"\1"),
        (enum("A"), "B"),
        (array("long"), {"a": 1}),
        (["null"], None),
        (["null"], ("int", 1)),
        (record(("a", "long")), {}),
        (record(("a", "long")), {"a": 1, "b": 2}),
    ],
)
def test_what_is_no_value_is_refused(schema: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="is no value of"):
        encode(parse(schema), value)


@given(st.data())
def test_bodies_are_read_as_fastavro_reads_them(data: st.DataObject) -> None:
    schema = plainly(data.draw(records()))
    content = data.draw(body(schema))
    expected = fastavro.schemaless_reader(BytesIO(content), fastavro.parse_schema(schema), None)
    assert same(Decoder(schema).decode(content), expected)


def same(ours: Any, theirs: Any) -> bool:
    """Return whether two values are the same; NaN is NaN."""
    match ours:
        case dict():
            return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
        case list():
            return len(ours) == len(theirs) and all(map(same, ours, theirs))
        case float() if math.isnan(ours):
            return math.isnan(theirs)
    return type(ours) is type(theirs) and bool(ours == theirs)


def test_every_sample_of_a_schema_is_read_as_it_was_written() -> None:
    for seed in range(300):
        schema = plainly(SchemaGenerator(Random(seed)).schema())
        node, decoder = parse(schema), Decoder(schema)
        for sample in islice(samples(node, ()), 10):
            assert decoder.decode(encode(node, sample)) == without_branches(sample)


def plainly(schema: Any) -> Any:
    """A schema without logical types, so that values are read as they are written."""
    match schema:
        case dict():
            return {key: plainly(value) for key, value in schema.items() if key != "logicalType"}
        case list():
            return [plainly(branch) for branch in schema]
    return schema


def without_branches(sample: Any) -> Any:
    match sample:
        case dict():
            return {key: without_branches(value) for key, value in sample.items()}
        case list():
            return [without_branches(item) for item in sample]
        case (_, value):
            return without_branches(value)
    return sample


def test_blocks_with_their_size_are_read() -> None:
    assert Decoder(array("long")).decode(bytes.fromhex("0304063602" + "0200")) == [3, 27, 1]


@pytest.mark.parametrize(
    ("schema", "content", "reason"),
    [
        ("long", b"\x80", "the data end at byte 1"),
        ("long", b"\xff" * 11, "a number of more than 64 bits"),
        ("string", b"\x04a", "the data end at byte 2"),
        ("bytes", b"\x01", "the data end at byte 1"),
        (enum("A"), b"\x02", "has no choice 1"),
        (["null"], b"\x01", "has no choice -1"),
    ],
)
def test_bodies_that_are_no_values(schema: Any, content: bytes, reason: str) -> None:
    with pytest.raises(ReadError, match=reason):
        Decoder(schema).decode(content)
