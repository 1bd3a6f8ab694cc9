"""Lint of one schema: places, and the corners that the examples of docs/schema-rules.md don't show."""

import json
from pathlib import Path
from typing import Any

import pytest

from avroguard.avro.validation import validate
from avroguard.lint import lint_schema
from avroguard.rules import RULES, Severity

TRANSACTION = Path(__file__).parents[4] / "schemas" / "transaction.avsc"


def rules(schema: Any) -> set[str]:
    return {finding.rule for finding in lint_schema("s.avsc", json.dumps(schema).encode())}


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, **more, "fields": list(fields)}


def field(kind: Any, name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def test_the_transaction_is_clean() -> None:
    assert lint_schema("t.avsc", TRANSACTION.read_bytes()) == []


def test_a_finding_has_place_path_field_and_fix() -> None:
    content = TRANSACTION.read_bytes().replace(b'"precision": 12, "scale": 2', b'"precision": 12')
    (finding,) = lint_schema("s.avsc", content)
    assert str(finding.place) == "s.avsc:24:48"
    assert (finding.rule, finding.severity) == ("DECIMAL_SCALE_MISSING", Severity.WARNING)
    assert (finding.field, finding.path) == ("payments.Transaction.amount", ("fields", 3, "type", "logicalType"))
    assert finding.fix == 'write "scale", even where it is 0'


def test_every_fault_is_found_in_text_order() -> None:
    text = '{"type": "enum", "name": "9",\n "symbols": ["A", "A", "-"],\n "default": "B"}'
    findings = lint_schema("s.avsc", text.encode())
    assert [(finding.rule, finding.place.line) for finding in findings] == [
        ("NAME_INVALID", 1),
        ("SYMBOL_REPEATED", 2),
        ("SYMBOL_INVALID", 2),
        ("ENUM_DEFAULT_UNKNOWN", 3),
    ]


@pytest.mark.parametrize(
    ("kind", "default", "rule"),
    [
        ("int", 2**31 - 1, None),
        ("int", -(2**31) - 1, "DEFAULT_INVALID"),
        ("int", 1.0, "DEFAULT_INVALID"),
        ("int", True, "DEFAULT_INVALID"),
        ("long", 2**63, "DEFAULT_INVALID"),
        ("float", 1, None),
        ("double", "NaN", "DEFAULT_UNREADABLE"),
        ("double", "nan", "DEFAULT_INVALID"),
        ({"type": "double"}, " -0x1.8p1f ", "DEFAULT_UNREADABLE"),
        ("float", "1.5.", "DEFAULT_INVALID"),
        (["double", "null"], "NaN", "DEFAULT_INVALID"),
        ({"type": "map", "values": "float"}, {"a": "1.5"}, "DEFAULT_INVALID"),
        ("string", None, "DEFAULT_INVALID"),
        ("bytes", "ÿ", None),
        ("bytes", "Ā", "DEFAULT_UNREADABLE"),
        ({"type": "fixed", "name": "F", "size": 2}, "ab", None),
        ({"type": "fixed", "name": "F", "size": 2}, "abc", "DEFAULT_UNREADABLE"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "A", None),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "B", "DEFAULT_UNREADABLE"),
        ({"type": "array", "items": {"type": "enum", "name": "E", "symbols": ["A"]}}, ["A", "B"], "DEFAULT_UNREADABLE"),
        ({"type": "map", "values": "int"}, {"a": "x"}, "DEFAULT_INVALID"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 0}, "", "DEFAULT_UNREADABLE"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 0}, "\0", None),
        (["null", "int"], None, None),
        (["null", "int"], 1, "DEFAULT_OF_LATER_BRANCH"),
        (["null", "int"], "x", "DEFAULT_INVALID"),
        (record(field("int"), name="S"), {}, "DEFAULT_INVALID"),
        (record(field("int", default=1), name="S"), {}, None),
        ("R", {}, "DEFAULT_RECURSIVE"),
        ({"type": "array", "items": "R"}, [], None),
    ],
)
def test_devalidate(kind: Any, default: Any, rule: str | None) -> None:
    defaults = {rule_id for rule_id in rules(record(field(kind, default=default))) if rule_id.startswith("DEFAULT")}
    assert defaults == ({rule} if rule else set())


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (record(field("int", name="ä")), False),
        (record(field("int", name="𐐀")), True),
        ({"type": "fixed", "name": "x.int", "size": 1}, False),
        ({"type": "fixed", "name": "int", "size": 1}, True),
        ({"type": "fixed", "name": "F", "size": 1, "aliases": ["n..A"]}, False),
        ({"type": "fixed", "name": "F", "size": 1, "aliases": ["n.9"]}, True),
        (record(field("int", aliases=["9"])), False),
        (record(field("int", order="IGNORE")), False),
        (record(field("int", order=1)), True),
        (record(note=2**64), True),
        ({"type": "enum", "name": "E", "symbols": ["A"], "note": 2**64}, None),
        (
            record(
                field({"type": "fixed", "name": "F", "size": 1}), field({"type": "fixed", "name": "F", "size": 1}, "b")
            ),
            False,
        ),
        (
            record(
                field({"type": "fixed", "name": "F", "size": 1}), field({"type": "fixed", "name": "F", "size": 2}, "b")
            ),
            True,
        ),
    ],
)
def test_what_java_refuses_is_told_from_what_others_refuse(schema: Any, *, strict: bool | None) -> None:
    findings = validate(schema)
    assert [RULES[finding.rule].refused_by_avro_java for finding in findings] == ([] if strict is None else [strict])


@pytest.mark.parametrize(
    ("first", "second", "clashes"),
    [
        (field("int", "a", aliases=["old"]), field("int", "b"), False),
        (field("int", "a", aliases=["b"]), field("int", "b"), True),
        (field("int", "a", aliases=["a"]), field("int", "b"), True),
        (field("int", "a", aliases=["old"]), field("int", "b", aliases=["old"]), True),
    ],
)
def test_aliases_of_fields(first: Any, second: Any, *, clashes: bool) -> None:
    assert ("FIELD_ALIAS_CLASH" in rules(record(first, second))) is clashes


@pytest.mark.parametrize(
    ("aliases", "clashes"),
    [(["G"], False), (["n.R"], True), (["R"], True), (["F"], True), (["x.R"], False), (["Old"], True)],
)
def test_aliases_of_types(aliases: list[str], *, clashes: bool) -> None:
    fixed = {"type": "fixed", "name": "F", "size": 1, "aliases": aliases}
    other = {"type": "fixed", "name": "H", "size": 1, "aliases": ["n.Old"]}
    rule_ids = rules(record(field(fixed), field(other, "b"), namespace="n"))
    assert ("ALIAS_CLASH" in rule_ids) is clashes


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (["id", "created_at"], []),
        (["id", "createdAt"], []),
        (["created_at", "sent_at", "paidAt"], ["paidAt"]),
        (["createdAt", "sentAt", "paid_at"], ["paid_at"]),
        (["Id"], ["Id"]),
        (["__id"], ["__id"]),
    ],
)
def test_fields_are_named_like_most(names: list[str], wrong: list[str]) -> None:
    schema = record(*(field("int", name) for name in names))
    findings = [
        finding for finding in lint_schema("s", json.dumps(schema).encode()) if finding.rule == "FIELD_NAME_STYLE"
    ]
    assert [finding.field for finding in findings] == [f"R.{name}" for name in wrong]


@pytest.mark.parametrize(
    ("schema", "endless"),
    [
        (record(field("R")), True),
        (record(field(["R"])), True),
        (record(field(["R", "null"])), False),
        (record(field({"type": "map", "values": "R"})), False),
        (record(field(record(field("R"), name="S"))), True),
        (record(field(["null", record(field("S"), name="S")])), True),
    ],
)
def test_records_without_an_end(schema: Any, *, endless: bool) -> None:
    assert ("RECORD_ENDLESS" in rules(schema)) is endless


def test_optional_fields_with_another_default_are_left_alone() -> None:
    assert not rules(record(field(["int", "null"], default=0))) & {"NULL_NOT_FIRST", "OPTIONAL_WITHOUT_DEFAULT"}
