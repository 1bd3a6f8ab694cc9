"""Findings of compatibility: place, reason and advice."""

import copy
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avroguard.compatibility import Direction, Incompatibility, Rule, history_incompatibilities, incompatibilities
from avroguard.errors import ContractError
from avroguard.levels import Level
from support.avro_mutations import pairs
from support.compatibility_cases import A_INT, CASES, array, enum, fixed, mapping, record


def only(reader: Any, writer: Any) -> Incompatibility:
    (finding,) = incompatibilities(reader, writer)
    return finding


def at(schema: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        schema = schema[step]
    return schema


def test_a_finding_names_the_field_the_record_and_what_to_do() -> None:
    finding = only(record(A_INT, ("b", "int"), namespace="x"), record(A_INT, namespace="x"))

    assert finding == Incompatibility(
        Rule.READER_FIELD_MISSING_DEFAULT,
        ("fields", 1),
        ("fields",),
        "field 'b' of x.R is missing in the writer's schema, and the reader's schema has no default for it",
        "give the field a default, or an alias if it was renamed",
    )


def test_paths_lead_through_fields_items_values_and_branches() -> None:
    old = record(A_INT, ("deep", ["null", array(mapping(record(("e", enum("X", "Y")), name="S")))]))
    new = copy.deepcopy(old)
    at(new, ("fields", 1, "type", 1, "items", "values", "fields", 0, "type"))["symbols"] = ["X"]

    finding = only(new, old)

    assert finding.reader_path == ("fields", 1, "type", 1, "items", "values", "fields", 0, "type", "symbols")
    assert at(old, finding.writer_path) == "Y"


def test_a_type_used_in_two_places_is_reported_where_it_is_defined() -> None:
    old, new = (record(("e", enum(*symbols)), ("f", array("E"))) for symbols in ("XY", "X"))

    assert only(new, old).reader_path == ("fields", 0, "type", "symbols")


def test_a_type_in_place_of_another_is_reported_where_it_is_used() -> None:
    finding = only(record(("e", fixed(4)), ("f", "F")), record(("e", fixed(4)), ("f", "int")))

    assert (finding.reader_path, finding.writer_path) == (("fields", 1, "type"), ("fields", 1, "type"))
    assert "field 'f' of R is int in the writer's schema, which can't be read as the fixed F" in finding.message


def test_each_symbol_and_each_branch_that_is_lost_is_named() -> None:
    assert "may be Y, Z in the writer's schema" in only(enum("X"), enum("X", "Y", "Z")).message
    lost = [finding.message for finding in incompatibilities(["int"], ["string", "int", enum("X")])]
    assert ["may be string in" in lost[0], "may be enum E in" in lost[1]] == [True, True]


def test_the_schemas_of_fastavro_are_taken_as_well() -> None:
    schema = record(("e", enum("X")), ("f", ["null", "E"]), name="R", namespace="x")
    parsed = fastavro.parse_schema(copy.deepcopy(schema))

    assert incompatibilities(parsed, schema) == incompatibilities(schema, parsed) == []


@pytest.mark.parametrize("case", [case for case in CASES if case.new_reads_old], ids=lambda case: case.name)
def test_every_path_exists(case: Any) -> None:
    for finding in incompatibilities(case.new, case.old):
        at(case.new, finding.reader_path)
        at(case.old, finding.writer_path)


@pytest.mark.parametrize(
    ("schema", "place", "problem"),
    [
        (None, "the schema", "expected a type name, an object or a list, found None"),
        ({"name": "R"}, "the schema", 'an object needs the name of a type as "type"'),
        ({"type": "array", "items": {"type": {"type": "int"}}}, "items", "write a type without a wrapper"),
        ("Nope", "the schema", "there is no type 'Nope'"),
        (record(("a", "Nope")), "fields/0/type", "there is no type 'Nope'"),
        ({"type": "array"}, "the schema", 'array needs "items"'),
        (["null", ["int"]], "1", "a union directly inside a union"),
        (["int", "int"], "1", "the union has int twice"),
        ({"type": "record", "name": "R"}, "the schema", 'record R needs a list of "fields"'),
        (record({"name": "a"}), "fields/0", 'a field is an object with a "name" and a "type"'),
        (record(A_INT, A_INT), "the schema", "record R has 2 fields named 'a'"),
        (record(("a", record(name="R"))), "fields/0/type/name", "R is defined twice"),
        (enum("X", default="Y"), "default", "'Y' is none of the symbols of enum E"),
        ({"type": "enum", "name": "E"}, "symbols", "expected a list of strings"),
        (fixed(True), "the schema", 'fixed F needs a whole number as "size"'),
        (enum("X", name="int"), "name", "int is the name of a primitive type"),
        (enum("X", name=""), "the schema", 'enum needs a "name"'),
        (record(A_INT, aliases="S"), "aliases", "expected a list of strings"),
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(schema: Any, place: str, problem: str) -> None:
    with pytest.raises(ContractError) as refused:
        incompatibilities("int", schema)
    assert f"at {place}: " in str(refused.value)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        (record(("1a", "int")), 'at fields/0/name: expected a "name" (letters, digits and _'),
        (record(("a", "int", "x")), 'at fields/0/default: the default "x" of the field "a" does not fit its type'),
        (enum("X", "X"), 'at symbols/1: the symbol "X" stands twice in this enum; keep one'),
        (fixed(-1), "at size: expected an attribute"),
        (record({"name": "a", "type": "int", "order": "up"}), "at fields/0/order: expected "),
        (record(A_INT, namespace="a-b"), "at namespace: expected names joined by dots"),
    ],
)
def test_what_avro_java_refuses_is_refused(schema: Any, line: str) -> None:
    for reader, writer in ((schema, schema), ("int", schema), (schema, "int")):
        with pytest.raises(ContractError) as refused:
            incompatibilities(reader, writer)
        assert str(refused.value).startswith(f"not an Avro schema: {line}")


def test_a_schema_nested_without_end_is_refused() -> None:
    deep: Any = "int"
    for _ in range(2000):
        deep = array(deep)
    with pytest.raises(ContractError, match="nested too deeply"):
        incompatibilities(deep, deep)


def _ring(size: int, prefix: str) -> Any:
    """Records that hold each other in a ring."""
    inner: Any = f"{prefix}.N0"
    for index in reversed(range(size)):
        inner = record(("next", ["null", inner]), name=f"{prefix}.N{index}", aliases=[])
    return inner


def test_recursive_schemas_too_entangled_to_compare_are_refused_not_passed() -> None:
    reader, writer = _ring(31, "x"), _ring(37, "y")
    aliases = [f"y.N{index}" for index in range(37)]
    text = json.dumps(reader).replace('"aliases": []', f'"aliases": {json.dumps(aliases)}')

    with pytest.raises(ContractError, match="nested too deeply to be compared"):
        incompatibilities(json.loads(text), writer)


@given(st.integers(0, 10**6))
def test_every_schema_reads_itself_unless_a_field_is_ambiguous(seed: int) -> None:
    ((schema, _, _),) = pairs(seed, 1)

    assert {finding.rule for finding in incompatibilities(schema, copy.deepcopy(schema))} <= {
        Rule.READER_FIELD_AMBIGUOUS
    }


@given(
    st.integers(0, 10**6),
    st.sampled_from([("int", 0), (["null", "string"], None), (array("long"), []), (enum("X", name="New"), "X")]),
)
def test_a_field_added_with_a_default_is_fully_compatible(seed: int, added: tuple[Any, Any]) -> None:
    ((schema, _, _),) = pairs(seed, 1)
    old = record(("inner", schema), name="Outer")
    new = record(("inner", schema), ("added", *added), name="Outer")

    before = incompatibilities(old, old)
    assert incompatibilities(new, old) == incompatibilities(old, new) == before


V1, V2 = record(A_INT), record(A_INT, ("b", "int", 0))
V3 = record(A_INT, ("b", "long", 0), ("c", "int"))


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (Level.NONE, []),
        (Level.BACKWARD, [(1, Direction.BACKWARD, Rule.READER_FIELD_MISSING_DEFAULT)]),
        (Level.FORWARD, [(1, Direction.FORWARD, Rule.TYPE_CHANGED)]),
        (
            Level.FULL,
            [
                (1, Direction.BACKWARD, Rule.READER_FIELD_MISSING_DEFAULT),
                (1, Direction.FORWARD, Rule.TYPE_CHANGED),
            ],
        ),
        (
            Level.BACKWARD_TRANSITIVE,
            [
                (0, Direction.BACKWARD, Rule.READER_FIELD_MISSING_DEFAULT),
                (1, Direction.BACKWARD, Rule.READER_FIELD_MISSING_DEFAULT),
            ],
        ),
        (Level.FORWARD_TRANSITIVE, [(1, Direction.FORWARD, Rule.TYPE_CHANGED)]),
        (
            Level.FULL_TRANSITIVE,
            [
                (0, Direction.BACKWARD, Rule.READER_FIELD_MISSING_DEFAULT),
                (1, Direction.BACKWARD, Rule.READER_FIELD_MISSING_DEFAULT),
                (1, Direction.FORWARD, Rule.TYPE_CHANGED),
            ],
        ),
    ],
)
def test_a_level_says_which_versions_count_in_which_direction(level: Level, expected: list[Any]) -> None:
    findings = history_incompatibilities(V3, [V1, V2], level)

    assert [(each.version, each.direction, each.rule) for each in findings] == expected


@pytest.mark.parametrize("level", list(Level))
def test_the_first_version_breaks_nothing(level: Level) -> None:
    assert history_incompatibilities(V1, [], level) == []


def test_a_violation_speaks_of_the_new_and_the_older_schema() -> None:
    backward, forward = history_incompatibilities(V3, [V2], Level.FULL)

    assert (backward.new_path, backward.old_path) == (("fields", 2), ("fields",))
    assert "is missing in the older schema, and the new schema has no default" in backward.message
    assert (forward.new_path, forward.old_path) == (("fields", 1, "type"), ("fields", 1, "type"))
    assert "long in the new schema, which can't be read as the int of the older" in forward.message


def test_a_field_that_is_gone_is_to_be_kept() -> None:
    (gone,) = history_incompatibilities(record(), [V1], Level.FORWARD)

    assert gone.fix == "keep the field"
