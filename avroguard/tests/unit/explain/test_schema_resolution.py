"""Data are read as another schema by the rules of the specification, as Avro Java reads them."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from avroguard.compatibility.parsing import parse
from avroguard.explain.binary import ReadError, encode
from avroguard.explain.resolution import Decoder, nearest_float
from avroguard.explain.samples import samples
from support.compatibility_cases import RECURSION, aliased, array, enum, fixed, mapping, record

MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
CENTS = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
P, Q = record(("a", "int"), name="x.P"), record(("b", "int"), name="x.Q")


def resolved(writer: Any, reader: Any, value: Any) -> Any:
    return Decoder(writer, reader).decode(encode(parse(writer), value))


@pytest.mark.parametrize(
    ("writer", "reader", "value", "read"),
    [
        ("int", "double", 7, 7.0),
        ("long", "float", 2**24 + 1, 2.0**24),
        ("string", "bytes", "ä", b"\xc3\xa4"),
        ("bytes", "string", b"\xff", "\ufffd"),
        (array("int"), array("long"), [1], [1]),
        (mapping("int"), mapping("float"), {"a": 1}, {"a": 1.0}),
        (["null", "int"], "long", ("int", 1), 1),
        ("int", ["string", "double", "long"], 1, 1.0),
        ("int", ["string", "double", "int"], 1, 1),
        (P, [Q, {**P, "name": "y.P"}], {"a": 1}, {"a": 1}),
        (["null", enum("A", name="x.E")], ["null", enum("A", name="y.E")], ("x.E", "A"), "A"),
        (enum("A", "B"), enum("A", default="A"), "B", "A"),
        (fixed(1, name="x.F"), fixed(1, name="y.F"), b"a", b"a"),
        (record(("a", "int")), record(("a", "int"), name="Other"), {"a": 1}, {"a": 1}),
        (record(("a", "int"), ("b", "int")), record(("b", "int")), {"a": 1, "b": 2}, {"b": 2}),
        (record(), record(("a", ["null", "int"], 7)), {}, {"a": 7}),
        (record(), record(("a", CENTS, "\u0004\u00d2")), {}, {"a": Decimal("12.34")}),
        (record(), record(("a", fixed(2), "x")), {}, {"a": b"x\0"}),
        (record(("a", "int")), record(aliased("b", "int", "a")), {"a": 1}, {"b": 1}),
        (enum("A"), enum("A", name="D", aliases=["E"]), "A", "A"),
        (CENTS, {**CENTS, "scale": 4}, b"\x04\xd2", Decimal("0.1234")),
        (CENTS, "bytes", b"\x04\xd2", b"\x04\xd2"),
        ("long", MILLIS, 0, datetime(1970, 1, 1, tzinfo=UTC)),
        ("int", {"type": "int", "logicalType": "date"}, -1, date(1969, 12, 31)),
        ("int", {"type": "int", "logicalType": "time-millis"}, 1, time(0, 0, 0, 1000)),
        ("long", MILLIS, 2**62, 2**62),
        ("string", {"type": "string", "logicalType": "uuid"}, str(UUID(int=1)), UUID(int=1)),
    ],
)
def test_what_is_read(writer: Any, reader: Any, value: Any, read: Any) -> None:
    result = resolved(writer, reader, value)
    assert (result, type(result)) == (read, type(read))


@pytest.mark.parametrize(
    ("writer", "reader", "value", "reason"),
    [
        ("long", "int", 1, "Found long, expecting int"),
        (enum("A", "B"), enum("A"), "B", "No match for symbol B"),
        (enum("A", name="x.E"), ["null", enum("A", name="y.E")], "A", "Found enum x.E, expecting union"),
        (fixed(1), fixed(2), b"a", "Found fixed F"),
        (fixed(1), fixed(1, name="G"), b"a", "expecting fixed G"),
        (["int", "string"], "int", ("string", "a"), "Found string, expecting int"),
        (record(), record(("a", "int")), {}, "No default value for field a"),
        (record(), record(("a", enum("A"), "B")), {}, "is no value of enum E"),
        (record(("a", "int"), ("b", "int")), record(aliased("b", "int", "a")), {"a": 1, "b": 2}, "b twice in R"),
        ("int", {"type": "int", "logicalType": "time-millis"}, -1, "no time of day"),
        ("string", {"type": "string", "logicalType": "uuid"}, "a", "is no UUID"),
    ],
)
def test_what_can_not_be_read(writer: Any, reader: Any, value: Any, reason: str) -> None:
    with pytest.raises(ReadError, match=reason):
        resolved(writer, reader, value)


def test_what_the_data_do_not_reach_does_not_fail() -> None:
    assert resolved(["int", "string"], "int", ("int", 1)) == 1
    assert resolved(enum("A", "B"), enum("A"), "A") == "A"


def test_recursive_types_end() -> None:
    node = record(("value", "int"), ("next", ["null", "Node"]), name="Node")
    wider = record(("value", "long"), ("next", ["null", "Node"]), ("more", "string", "x"), name="Node")
    value = {"value": 1, "next": ("Node", {"value": 2, "next": ("null", None)})}
    inner = {"value": 2, "next": None, "more": "x"}
    assert resolved(node, wider, value) == {"value": 1, "next": inner, "more": "x"}


def test_whole_numbers_are_rounded_once() -> None:
    value = 2**60 + 2**36 + 1  # as a number of 64 bits first it would be half-way, and end on the other side
    assert nearest_float(value) == 2.0**60 + 2.0**37
    assert nearest_float(-value) == -nearest_float(value)


def test_a_recursive_type_that_lacks_a_default_fails_wherever_it_is_reached() -> None:
    (case,) = [case for case in RECURSION if case.name == "what was assumed is not taken for proven"]
    node = parse(case.old)
    for sample in samples(node, ()):
        try:
            Decoder(case.old, case.new).decode(encode(node, sample))
        except ReadError as error:
            assert "No default value for field more" in str(error)  # noqa: PT017 - others pass
