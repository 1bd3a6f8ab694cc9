"""Differences that a diff of two schemas lists."""

from typing import Any

import pytest

from avroguard.changes.differences import differences
from support.avro_mutations import pairs
from support.compatibility_cases import enum, record


def lines_of(old: Any, new: Any) -> list[str]:
    return [str(difference) for difference in differences(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("int", "long", "~ field x of R: int -> long"),
        ("int", ["null", "int"], "~ field x of R: int -> union of null, int"),
        (["null", "int"], ["null", "int", "string"], "+ branch of field x of R: string"),
        (["null", "int", "string"], ["null", "int"], "- branch of field x of R: string"),
        (["null", "int"], ["int", "null"], "~ field x of R: order null, int -> int, null"),
        (enum("A"), enum("A", "B"), "+ symbol of enum E: B"),
        (enum("A", "B"), enum("A"), "- symbol of enum E: B"),
        (enum("A", "B"), enum("B", "A"), "~ enum E: its symbols are in another order"),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}, "~ items of field x of R: int -> long"),
        (
            {"type": "long", "logicalType": "timestamp-millis"},
            "long",
            '~ field x of R: logicalType "timestamp-millis" -> none',
        ),
        (
            {"type": "fixed", "name": "F", "size": 2},
            {"type": "fixed", "name": "F", "size": 4},
            "~ fixed F: size 2 -> 4",
        ),
        (enum("A"), enum("A", name="n.E"), "~ enum n.E: was named E"),
    ],
)
def test_one_difference(old: Any, new: Any, expected: str) -> None:
    assert lines_of(record(("x", old)), record(("x", new))) == [expected]


def test_fields() -> None:
    old = record(("a", "int"), ("b", "string"), ("c", "int", 1))
    new = record(("c", "int", 2), ("a", "int"), ("d", "string", ""))
    new["fields"][1]["doc"] = "Now told."
    assert lines_of(old, new) == [
        "~ field c of R: default 1 -> 2",
        '~ field a of R: doc none -> "Now told."',
        '+ field d of R: string = ""',
        "- field b of R: string",
        "~ record R: its fields are in another order",
    ]
    renamed = record(("z", "int"))
    renamed["fields"][0]["aliases"] = ["a"]
    assert lines_of(record(("a", "int")), renamed) == [
        "~ field z of R: was named a",
        "~ field z of R: aliases none -> a",
    ]


def test_a_default_written_with_another_number_of_digits_is_the_same() -> None:
    assert lines_of(record(("x", "double", 1.0)), record(("x", "double", 1))) == []
    assert lines_of(record(("x", "double", 1.0)), record(("x", "double", 1.5))) == [
        "~ field x of R: default 1.0 -> 1.5"
    ]


def test_a_default_of_null_is_not_none() -> None:
    old, new = record(("x", ["null", "int"])), record(("x", ["null", "int"], None))
    assert lines_of(old, new) == ["~ field x of R: default none -> null"]


def test_equal_schemas_have_none_and_any_two_can_be_told() -> None:
    for old, new, _ in pairs(3, 200):
        assert lines_of(old, old) == []
        assert all(line[0] in "+-~" for line in lines_of(old, new))
