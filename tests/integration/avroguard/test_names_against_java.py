"""A name means the same type here and in Avro Java, whatever other types have the same short name."""

from collections.abc import Iterator
from typing import Any

from avroguard.avro.validation import validate
from avroguard.compatibility import parse
from avroguard.compatibility.nodes import Array, Named, Node, Record, Union
from support.avro_name_clashes import clashing
from tests.support.avro_java import avro_java

Use = tuple[str, str]
"""Use of a type: the fields that lead there, and its full name."""


def uses(node: Node, path: str, seen: set[str]) -> Iterator[Use]:
    match node.definition:
        case Union(branches=branches):
            for branch in branches:
                yield from uses(branch, path, seen)
        case Array(items=items):
            yield from uses(items, path, seen)
        case Named() as named:
            yield path, named.full_name
            if isinstance(named, Record) and named.full_name not in seen:
                seen.add(named.full_name)
                for field in named.fields:
                    yield from uses(field.type, f"{path}/{field.name}", seen)


def uses_in_java(schema: Any, path: str, seen: set[str]) -> Iterator[Use]:
    kind, name = str(schema.getType()), str(schema.getFullName())
    if kind == "UNION":
        for branch in schema.getTypes():
            yield from uses_in_java(branch, path, seen)
    elif kind == "ARRAY":
        yield from uses_in_java(schema.getElementType(), path, seen)
    elif kind in ("RECORD", "ENUM", "FIXED"):
        yield path, name
        if kind == "RECORD" and name not in seen:
            seen.add(name)
            for field in schema.getFields():
                yield from uses_in_java(field.schema(), f"{path}/{field.name()}", seen)


def test_names_lead_to_the_same_types_as_in_java() -> None:
    java, compared = avro_java(), 0
    for schema in clashing(seed=12, count=1500):
        repeated = any(finding.rule.startswith("NAME_REPEATED") for finding in validate(schema))
        if repeated or java.refusal(schema):
            continue
        compared += 1
        expected = list(uses_in_java(java.parse(schema), "", set()))
        assert list(uses(parse(schema), "", set())) == expected, schema
    assert compared > 100
