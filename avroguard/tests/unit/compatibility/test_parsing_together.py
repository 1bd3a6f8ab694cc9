"""Schemas that one parser has read share nodes; nothing that is said about them may change for that."""

from typing import Any

import pytest

from avroguard.compatibility import Node, Parser, incompatibilities, parse
from avroguard.errors import ContractError
from avroguard.semantics import SemanticRule, semantic_changes
from support.avro_mutations import pairs
from support.compatibility_cases import record


def findings(old: Node, new: Node) -> list[list[Any]]:
    return [incompatibilities(new, old), incompatibilities(old, new), semantic_changes(old, new)]


def test_schemas_read_together_compare_as_those_read_alone() -> None:
    compared = 0
    for old, new, _ in pairs(seed=11, count=1500):
        try:
            alone = findings(parse(old), parse(new))
        except ContractError:
            continue
        parser = Parser()
        assert findings(parser.parse(old), parser.parse(new)) == alone
        compared += 1
    assert compared > 1000


def test_what_stays_the_same_is_read_once() -> None:
    parser = Parser()
    old = parser.parse(record(("a", "int"), ("b", ["null", "string"]), ("c", "long")))
    new = parser.parse(record(("a", "int"), ("b", ["null", "string"]), ("c", "string")))

    assert [before is after for before, after in zip(old.fields, new.fields, strict=True)] == [True, True, False]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("was", "now"), [(1, True), ([1], [True]), ({"a": 0}, {"a": False})])
def test_a_default_that_python_takes_for_the_same_is_another(was: Any, now: Any) -> None:
    either = ["long", "boolean"]
    kinds: dict[type, Any] = {int: either, list: {"type": "array", "items": either}}
    kind = kinds.get(type(was), {"type": "map", "values": either})
    old, new = (record({"name": "a", "type": kind, "default": default}) for default in (was, now))
    parser = Parser()

    changed = semantic_changes(parser.parse(old), parser.parse(new), earlier=[record()])

    assert [change.rule for change in changed] == [SemanticRule.DEFAULT_CHANGED]
