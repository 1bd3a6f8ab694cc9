"""Changes that Avro calls compatible although they change the meaning of data."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avroguard.avro.validation import validate
from avroguard.compatibility import Direction, incompatibilities
from avroguard.errors import ContractError
from avroguard.rules import RULES, Severity
from avroguard.semantics import SemanticRule, semantic_changes
from support.avro_mutations import pairs
from support.compatibility_cases import A_INT, aliased, array, enum, fixed, mapping, record


def logical(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": name, **more}


MILLIS, MICROS = logical("long", "timestamp-millis"), logical("long", "timestamp-micros")
CENTS = logical("bytes", "decimal", precision=12, scale=2)
UUID = logical("string", "uuid")
R = SemanticRule


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (CENTS, {**CENTS, "scale": 4}, [R.DECIMAL_SCALE_CHANGED]),
        (CENTS, {**CENTS, "precision": 9}, [R.DECIMAL_PRECISION_CHANGED]),
        (CENTS, {**CENTS, "precision": 9, "scale": 4}, [R.DECIMAL_SCALE_CHANGED, R.DECIMAL_PRECISION_CHANGED]),
        (logical("bytes", "decimal", precision=4), logical("bytes", "decimal", precision=4, scale=0), []),
        (CENTS, "bytes", [R.LOGICAL_TYPE_REMOVED]),
        ("bytes", CENTS, [R.LOGICAL_TYPE_ADDED]),
        (MILLIS, MICROS, [R.LOGICAL_TYPE_CHANGED]),
        (MILLIS, "long", [R.LOGICAL_TYPE_REMOVED]),
        (logical("int", "date"), MILLIS, [R.LOGICAL_TYPE_CHANGED]),
        (UUID, "string", [R.LOGICAL_TYPE_REMOVED]),
        ("string", UUID, [R.LOGICAL_TYPE_ADDED]),
        (array(MILLIS), array(MICROS), [R.LOGICAL_TYPE_CHANGED]),
        (mapping(["null", MILLIS]), mapping([MICROS, "null"]), [R.LOGICAL_TYPE_CHANGED]),
        (MILLIS, ["null", MICROS], [R.LOGICAL_TYPE_CHANGED]),
        (["null", MILLIS], MICROS, [R.LOGICAL_TYPE_CHANGED]),
        (
            fixed(8, logicalType="decimal", precision=12, scale=2),
            fixed(8, logicalType="decimal", precision=12, scale=3),
            [R.DECIMAL_SCALE_CHANGED],
        ),
        ("int", "long", []),
        ("int", "double", []),
        ("int", "float", [R.PROMOTION_LOSES_DIGITS]),
        ("long", "double", [R.PROMOTION_LOSES_DIGITS]),
        ("double", "long", [R.PROMOTION_LOSES_DIGITS]),
        ("bytes", "string", [R.BYTES_READ_AS_TEXT]),
        ("float", "double", []),
        ("int", ["float", "long"], [R.PROMOTION_LOSES_DIGITS]),
        ("int", ["long", "float"], []),
        ("string", "bytes", [R.BYTES_READ_AS_TEXT]),
        ("string", "int", []),
        (MILLIS, "string", []),
        (enum("X", "Y"), enum("X", "Y", "Z"), []),
        (enum("X", "Y"), enum("Y", "X"), [R.ENUM_SYMBOL_MOVED]),
        (enum("X", "Y"), enum("W", "X", "Y"), [R.ENUM_SYMBOL_MOVED]),
        (record(A_INT, name="x.R"), record(A_INT, name="y.R"), [R.NAMESPACE_CHANGED]),
        (record(A_INT, name="x.R"), record(A_INT, name="y.S"), []),
        (
            record(("e", enum("X")), ("f", fixed(4)), namespace="x"),
            record(("e", enum("X")), ("f", fixed(4)), namespace="y"),
            [R.NAMESPACE_CHANGED],
        ),
        (record(A_INT, doc="old"), record(A_INT, doc="new"), []),
        (record(A_INT, doc="old"), record(A_INT), [R.DOC_REMOVED]),
        (record({"name": "a", "type": "int", "doc": "old"}), record(A_INT), [R.DOC_REMOVED]),
        (record(A_INT), record(("b", "string")), []),
        (record(A_INT, name="P"), record(A_INT, name="Q"), []),
    ],
)  # fmt: skip
def test_a_change_of_meaning_is_found(old: Any, new: Any, rules: list[SemanticRule]) -> None:
    assert [change.rule for change in semantic_changes(old, new)] == rules


BACKWARD, FORWARD = Direction.BACKWARD, Direction.FORWARD
WIDER = {**CENTS, "precision": 20}


@pytest.mark.parametrize(
    ("old", "new", "rule", "directions"),
    [
        (CENTS, WIDER, R.DECIMAL_PRECISION_CHANGED, {FORWARD}),
        (WIDER, CENTS, R.DECIMAL_PRECISION_CHANGED, {BACKWARD}),
        (CENTS, {**CENTS, "scale": 4}, R.DECIMAL_SCALE_CHANGED, {BACKWARD, FORWARD}),
        ("long", "double", R.PROMOTION_LOSES_DIGITS, {BACKWARD}),
        ("double", "long", R.PROMOTION_LOSES_DIGITS, {FORWARD}),
        ("bytes", "string", R.BYTES_READ_AS_TEXT, {BACKWARD}),
        ("string", "bytes", R.BYTES_READ_AS_TEXT, {FORWARD}),
        (UUID, "string", R.LOGICAL_TYPE_REMOVED, {FORWARD}),
        ("string", UUID, R.LOGICAL_TYPE_ADDED, {BACKWARD}),
        (MILLIS, "long", R.LOGICAL_TYPE_REMOVED, {BACKWARD, FORWARD}),
    ],
)
def test_a_change_counts_in_the_direction_in_which_it_shows(
    old: Any, new: Any, rule: SemanticRule, directions: set[Direction]
) -> None:
    broken = {direction for direction in Direction if semantic_changes(old, new, [direction])}
    assert broken == directions
    assert [change.rule for change in semantic_changes(old, new, list(directions))] == [rule]
    assert semantic_changes(old, new, []) == []


@pytest.mark.parametrize(
    ("old", "new", "lacking"),
    [
        (record(("a", "int", 1)), record(("a", "int", 2)), record()),
        (record(("a", "int", 1)), record(aliased("b", "int", "a", default=2)), record()),
        (record(("a", ["null", "int"], None)), record(("a", ["int", "null"], 0)), record(("b", "int"))),
        (enum("X", "Y", default="X"), enum("X", "Y", default="Y"), enum("X", "Z", default="X")),
    ],
)
def test_a_default_counts_where_data_need_it(old: Any, new: Any, lacking: Any) -> None:
    rules = [change.rule for change in semantic_changes(old, new, earlier=[lacking, old])]
    assert rules in ([R.DEFAULT_CHANGED], [R.ENUM_DEFAULT_CHANGED])
    assert semantic_changes(old, new, earlier=[old]) == []
    assert semantic_changes(old, new, [FORWARD], earlier=[lacking]) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (record(("a", "double", 1)), record(("a", "double", 1.0))),
        (record(("a", "int", 1)), record(A_INT)),
        (enum("X"), enum("X", default="X")),
    ],
)
def test_a_default_that_stays_or_is_new_is_no_change(old: Any, new: Any) -> None:
    assert semantic_changes(old, new, earlier=[record(), enum("Z")]) == []


def connect(kind: str, name: str, **parameters: str) -> dict[str, Any]:
    return {"type": kind, "connect.name": name, **({"connect.parameters": parameters} if parameters else {})}


DEBEZIUM_MILLIS = connect("long", "io.debezium.time.Timestamp")
DEBEZIUM_MICROS = connect("long", "io.debezium.time.MicroTimestamp")
CONNECT_MILLIS = {**connect("long", "org.apache.kafka.connect.data.Timestamp"), "logicalType": "timestamp-millis"}
CONNECT_CENTS = connect("bytes", "org.apache.kafka.connect.data.Decimal", scale="2")


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (DEBEZIUM_MILLIS, DEBEZIUM_MICROS, [R.LOGICAL_TYPE_CHANGED]),
        (CONNECT_MILLIS, DEBEZIUM_MICROS, [R.LOGICAL_TYPE_CHANGED]),
        (DEBEZIUM_MILLIS, "long", [R.LOGICAL_TYPE_REMOVED]),
        ("string", connect("string", "io.debezium.data.Json"), [R.LOGICAL_TYPE_ADDED]),
        (DEBEZIUM_MILLIS, CONNECT_MILLIS, []),
        (DEBEZIUM_MILLIS, MILLIS, []),
        (CONNECT_CENTS, {**CONNECT_CENTS, "connect.parameters": {"scale": "4"}}, [R.DECIMAL_SCALE_CHANGED]),
        (CONNECT_CENTS, CENTS, []),
        (record(A_INT, **{"connect.name": "a.Value"}), record(A_INT, **{"connect.name": "b.Value"}), []),
        (connect("int", "org.example.Own"), "int", []),
    ],
)
def test_types_of_connect_and_debezium_are_known(old: Any, new: Any, rules: list[SemanticRule]) -> None:
    assert [change.rule for change in semantic_changes(old, new)] == rules


def test_a_change_of_debezium_times_names_the_factor() -> None:
    (change,) = semantic_changes(DEBEZIUM_MILLIS, DEBEZIUM_MICROS)
    assert "io.debezium.time.MicroTimestamp now, was a io.debezium.time.Timestamp (wrong by a factor of 1000)" in (
        change.message
    )
    assert change.old_path == ("connect.name",)


def test_only_the_loss_of_a_doc_is_a_warning() -> None:
    assert {rule for rule in R if RULES[rule].severity is Severity.WARNING} == {R.DOC_REMOVED}


def test_a_change_says_where_in_both_schemas_and_what_would_be_read() -> None:
    old = record(("amount", ["null", CENTS]), name="payments.P")
    new = record(("extra", "int", 0), ("amount", [{**CENTS, "scale": 4}, "null"]), name="payments.P")

    (change,) = semantic_changes(old, new)

    assert change.old_path == ("fields", 0, "type", 1, "scale")
    assert change.new_path == ("fields", 1, "type", 0, "scale")
    assert change.message == (
        "field 'amount' of payments.P has scale 4 instead of 2: readers that go by their own schema, as Avro Java "
        "does, read 12.34 as 0.1234"
    )
    assert change.fix == "keep the scale, or add a new field"


def test_units_of_time_are_wrong_by_a_factor() -> None:
    (change,) = semantic_changes(MILLIS, MICROS)

    assert "is a timestamp-micros now, was a timestamp-millis (wrong by a factor of 1000)" in change.message


def test_a_recursive_record_is_walked_once() -> None:
    old = record(("next", ["null", "Node"]), ("at", MILLIS), name="Node")
    new = record(("next", ["null", "Node"]), ("at", MICROS), name="Node")

    assert [change.rule for change in semantic_changes(old, new)] == [R.LOGICAL_TYPE_CHANGED]


def test_a_branch_of_the_full_name_hides_the_one_that_fits() -> None:
    writer = enum("X", "Y", name="x.E")
    reader = [enum("X", name="x.E"), enum("X", "Y", name="z.E")]

    assert incompatibilities(reader, writer) == []
    assert [change.rule for change in semantic_changes(writer, reader)] == [R.UNION_BRANCH_SHADOWED]


def test_schemas_too_deep_to_compare_are_refused() -> None:
    deep: Any = "int"
    for _ in range(2000):
        deep = array(deep)
    with pytest.raises(ContractError, match="nested too deeply"):
        semantic_changes(deep, deep)


@given(st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_a_schema_means_the_same_as_itself(seed: int) -> None:
    ((schema, changed, _),) = pairs(seed, 1)

    assert semantic_changes(schema, copy.deepcopy(schema)) == []
    # A reference may have lost its definition.
    if not any(RULES[finding.rule].refused_by_avro_java for finding in validate(changed)):
        semantic_changes(schema, changed)
