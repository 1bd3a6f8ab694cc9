"""Semantic warnings come true: the reference reads wrong values out of compatible schemas."""

from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
import jpype
import pytest

from avroguard.compatibility import incompatibilities
from avroguard.semantics import SemanticRule, semantic_changes
from support.compatibility_cases import enum, record
from tests.support.avro_java import avro_java

CENTS = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}


def encoded(schema: Any, datum: Any) -> bytes:
    output = BytesIO()
    fastavro.schemaless_writer(output, schema, datum)
    return output.getvalue()


def only(old: Any, new: Any) -> SemanticRule:
    assert incompatibilities(new, old) == []
    (change,) = semantic_changes(old, new)
    return change.rule


def test_avro_java_reads_a_decimal_by_the_scale_of_the_reader_and_fastavro_by_that_of_the_writer() -> None:
    old, new = record(("amount", CENTS)), record(("amount", {**CENTS, "scale": 4}))
    java, data = avro_java(), encoded(old, {"amount": Decimal("12.34")})

    assert only(old, new) is SemanticRule.DECIMAL_SCALE_CHANGED
    assert java.read(data, java.parse(old), java.parse(new)) == '{"amount": 0.1234}'
    assert fastavro.schemaless_reader(BytesIO(data), old, new) == {"amount": Decimal("12.34")}


def test_a_long_read_as_a_double_loses_its_last_digit() -> None:
    java, large = avro_java(), 2**53 + 1

    assert only("long", "double") is SemanticRule.PROMOTION_LOSES_DIGITS
    read = java.read(encoded("long", large), java.parse("long"), java.parse("double"))
    assert int(float(read)) == large - 1


def test_avro_java_does_not_look_beyond_the_branch_of_the_full_name() -> None:
    writer = enum("X", "Y", name="x.E")
    reader = [enum("X", name="x.E"), enum("X", "Y", name="z.E")]
    java = avro_java()

    assert java.compatible(java.parse(reader), java.parse(writer))
    assert only(writer, reader) is SemanticRule.UNION_BRANCH_SHADOWED
    with pytest.raises(jpype.JException, match="No match for Y"):
        java.read(encoded(writer, "Y"), java.parse(writer), java.parse(reader))
