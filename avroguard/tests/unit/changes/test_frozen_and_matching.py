"""The level FROZEN, and which file of before a file of today comes from."""

import json
from typing import Any

import pytest

from avroguard.avro.schema import parse_schema
from avroguard.changes.breakages import CheckOptions, OldVersion, find_breakages
from avroguard.changes.matching import NamedFile, match_files
from avroguard.levels import Level

OLD = {"type": "record", "name": "O", "namespace": "shop", "fields": [{"name": "a", "type": "int", "doc": "A."}]}
ADDED = {"name": "b", "type": "int", "default": 0, "doc": "B."}


def rules(new: dict[str, Any]) -> list[str]:
    schema = parse_schema("o.avsc", json.dumps(new).encode())
    findings = find_breakages("s", schema, [OldVersion("v1", OLD)], Level.FROZEN, CheckOptions())
    return [finding.rule for finding in findings]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (OLD, []),
        ({**OLD, "doc": "An order.", "aliases": ["P"]}, []),
        ({**OLD, "fields": [*OLD["fields"], ADDED]}, ["SCHEMA_FROZEN"]),
        ({**OLD, "fields": [{**OLD["fields"][0], "type": "string"}]}, ["TYPE_CHANGED", "TYPE_CHANGED"]),
    ],
)
def test_a_frozen_schema_changes_in_docs_and_aliases_alone(new: dict[str, Any], expected: list[str]) -> None:
    assert rules(new)[: len(expected)] == expected
    assert bool(rules(new)) is bool(expected)


def test_levels_are_taken_together() -> None:
    assert Level.BACKWARD.combined_with(Level.FORWARD_TRANSITIVE) is Level.FULL_TRANSITIVE
    assert Level.NONE.combined_with(Level.FORWARD) is Level.FORWARD
    assert Level.FULL.combined_with(Level.FROZEN) is Level.FROZEN
    assert Level.FROZEN.in_registry is Level.FULL_TRANSITIVE


def sources(new: dict[str, NamedFile], old: dict[str, NamedFile]) -> dict[str, str]:
    return dict(match_files(new, old).sources)


def test_a_file_comes_from_where_its_name_was() -> None:
    old = {"a": NamedFile("x.A"), "b": NamedFile("x.B"), "u": NamedFile("")}
    assert sources({"a": NamedFile("x.B"), "b": NamedFile("x.A")}, old) == {"a": "b", "b": "a"}, "swapped"
    assert sources({"c": NamedFile("x.C", ("x.A",))}, old) == {"c": "a"}, "an alias"
    assert sources({"a": NamedFile("x.C")}, old) == {"a": "a"}, "renamed in its place"
    assert sources({"a": NamedFile("x.C"), "c": NamedFile("x.A")}, old) == {"c": "a"}, "replaced"
    assert sources({"u": NamedFile("")}, old) == {"u": "u"}, "a union has a path alone"


def test_what_nothing_comes_from_is_gone_and_what_is_doubtful_is_not() -> None:
    old = {"a/o": NamedFile("x.O"), "b/o": NamedFile("x.O"), "c": NamedFile("x.C")}
    matches = match_files({"d/o": NamedFile("x.O")}, old)
    assert matches.ambiguous == {"d/o": ("a/o", "b/o")}
    assert matches.gone == ("c",)
