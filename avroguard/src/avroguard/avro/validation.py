"""Validation of a JSON value as an Avro schema: types, unions and names, each finding with its rule and place.

Two families of rules: what Avro Java 1.12, the reference, refuses (SYNTAX), and what it lets pass although the
specification (https://avro.apache.org/docs/1.12.0/specification/) or other parsers don't (PORTABILITY).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from avroguard.avro.attributes import (
    Names,
    check_alias,
    check_decimal,
    check_default,
    check_doc,
    check_enum,
    check_field_name,
    check_fixed,
    check_name,
    check_namespace,
    check_order,
    check_property,
    repeated,
)
from avroguard.avro.names import (
    COMPLEX,
    NAMED,
    PRIMITIVES,
    definitions,
    enclosed_namespace,
    full_name,
    json_shown,
    suggestion,
)
from avroguard.findings import Finding
from avroguard.places import JsonPath
from avroguard.rules import RULES


def validate(schema: Any, foreign: Mapping[str, Mapping[str, Any]] | None = None) -> list[Finding]:
    """Return everything that keeps ``schema`` (plain JSON data) from being an Avro schema, in text order.

    Args:
        schema: The value.
        foreign: The types of other files that it may use: full name to all types that come with it.
    """
    return list(_type(schema, (), "", Names(foreign or {}, definitions(schema))))


def _type(schema: Any, path: JsonPath, namespace: str, names: Names) -> Iterator[Finding]:
    """Check what stands where a type is expected."""
    match schema:
        case str():
            if schema not in PRIMITIVES and not names.is_defined(schema, namespace):
                yield _unknown_type(schema, path, namespace, names)
        case list():
            yield from _union(schema, path, namespace, names)
        case dict():
            yield from _object(schema, path, namespace, names)
        case _:
            message = f"expected a type (a name, an object or a union), found {json_shown(schema)}"
            yield Finding.at(path, "TYPE_MALFORMED", message)


def _unknown_type(name: str, path: JsonPath, namespace: str, names: Names) -> Finding:
    full = full_name(name, namespace)
    if name in names.defined:
        message = f'"{name}" is not in the namespace {namespace}: only Avro Java looks outside of it'
        return Finding.at(
            path, "TYPE_OUTSIDE_NAMESPACE", message, "give that type a namespace, and write its full name"
        )
    if full in names.later:
        message = f'the type "{full}" is used before its definition, which most parsers can\'t read'
        return Finding.at(path, "TYPE_USED_BEFORE_DEFINITION", message, "define it here, and use its name further down")
    known = [*names.defined, *names.foreign]
    near = suggestion(name, [*sorted(PRIMITIVES | COMPLEX), *known, *(full.rpartition(".")[2] for full in known)])
    message = (
        f"unknown type {json_shown(name)}: expected a primitive type, a type that this file defines before this place, "
        "or the outermost type of another file"
    )
    return Finding.at(path, "TYPE_UNKNOWN", message + near)


def _union(branches: list[Any], path: JsonPath, namespace: str, names: Names) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, branch in enumerate(branches):
        here = (*path, index)
        if isinstance(branch, list):
            yield Finding.at(here, "UNION_NESTED", "a union directly inside a union", "merge their branches")
            continue
        yield from _type(branch, here, namespace, names)
        kind = _branch_kind(branch, namespace, names)
        if kind in seen:
            yield Finding.at(
                here, "UNION_BRANCH_REPEATED", f"the union has the type {json_shown(kind)} twice", "keep one"
            )
        seen.add(kind)


def _branch_kind(branch: Any, namespace: str, names: Names) -> str:
    """Return the identity of a branch: the full name of a named type, else the kind of type."""
    if isinstance(branch, dict):
        kind = branch.get("type")
        if isinstance(kind, str) and kind in NAMED:
            return full_name(str(branch.get("name", "")), enclosed_namespace(branch, namespace)).removeprefix(".")
        return _branch_kind(kind, namespace, names)
    if isinstance(branch, str) and branch not in PRIMITIVES and branch not in COMPLEX:
        full = full_name(branch, namespace)
        return branch if full not in names.defined and branch in names.defined else full
    return str(branch)


def _object(schema: dict[str, Any], path: JsonPath, namespace: str, names: Names) -> Iterator[Finding]:
    match schema.get("type"):
        case None if "type" not in schema:
            yield Finding.at(path, "ATTRIBUTE_INVALID", 'expected an attribute "type" in this type')
            return
        case str(kind) if kind in NAMED:
            yield from _named(schema, kind, path, namespace, names)
        case "array":
            yield from _element(schema, "items", path, namespace, names)
        case "map":
            yield from _element(schema, "values", path, namespace, names)
        case str(kind):
            yield from _type(kind, (*path, "type"), namespace, names)
        case kind:
            message = f'expected the name of a type as "type" of a type, found {json_shown(kind)}'
            yield Finding.at((*path, "type"), "TYPE_MALFORMED", message, "write the type without an object around it")
    yield from check_decimal(schema, path)
    yield from check_property(schema, path)


def _element(schema: dict[str, Any], attribute: str, path: JsonPath, namespace: str, names: Names) -> Iterator[Finding]:
    if attribute not in schema:
        message = f'expected an attribute "{attribute}" (a type) in this {schema["type"]}'
        yield Finding.at(path, "ATTRIBUTE_INVALID", message)
    else:
        yield from _type(schema[attribute], (*path, attribute), namespace, names)


def _named(schema: dict[str, Any], kind: str, path: JsonPath, namespace: str, names: Names) -> Iterator[Finding]:
    """Check a definition; from then on its name is known."""
    name, inside = schema.get("name"), enclosed_namespace(schema, namespace)
    findings = [*check_name(schema, kind, path, inside), *check_namespace(schema, path)]
    full = full_name(name, inside).removeprefix(".") if isinstance(name, str) else ""
    if full in names.defined:
        findings.append(repeated(schema, full, path, names))
    if full:
        names.defined[full] = schema
    findings += [*check_alias(schema, path, names_types=True), *check_doc(schema, path)]
    yield from findings
    match kind:
        case "enum":
            body = list(check_enum(schema, path))
        case "fixed":
            body = list(check_fixed(schema, path))
        case _:
            names.unfinished.append(schema)
            body = list(_fields(schema, path, inside, names))
            names.unfinished.pop()
    names.broken = names.broken or any(RULES[finding.rule].refused_by_avro_java for finding in (*findings, *body))
    yield from body


def _fields(schema: dict[str, Any], path: JsonPath, namespace: str, names: Names) -> Iterator[Finding]:
    fields = schema.get("fields")
    if not isinstance(fields, list):
        message = f'expected an attribute "fields" (an array) in this {schema["type"]}'
        yield Finding.at((*path, "fields"), "ATTRIBUTE_INVALID", message)
        return
    seen: set[str] = set()
    for index, field in enumerate(fields):
        here = (*path, "fields", index)
        if not isinstance(field, dict):
            message = f"expected a field (an object with name and type), found {json_shown(field)}"
            yield Finding.at(here, "ATTRIBUTE_INVALID", message)
            continue
        yield from check_field_name(field, seen, here)
        yield from check_alias(field, here, names_types=False)
        yield from check_doc(field, here)
        yield from check_order(field, here)
        if "type" not in field:
            message = f'expected an attribute "type" in the field {json_shown(field.get("name"))}'
            yield Finding.at(here, "ATTRIBUTE_INVALID", message)
            continue
        wrong = list(_type(field["type"], (*here, "type"), namespace, names))
        yield from wrong
        names.broken = names.broken or any(RULES[finding.rule].refused_by_avro_java for finding in wrong)
        if not names.broken and "default" in field:
            yield from check_default(field, here, namespace, names)
