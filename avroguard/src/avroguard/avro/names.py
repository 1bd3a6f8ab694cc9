"""The words of Avro's schema language: kinds of types, full names, and how messages show what stands in a schema."""

import difflib
import json
from collections.abc import Iterator
from typing import Any

from avroguard.places import JsonPath

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
NAMED = frozenset({"record", "error", "enum", "fixed"})
_RECORDS = ("record", "error")
COMPLEX = NAMED | {"array", "map"}


def full_name(name: str, namespace: str) -> str:
    """The full name of ``name`` where ``namespace`` encloses it: a name with a dot is full already."""
    return name if "." in name or not namespace else f"{namespace}.{name}"


def enclosed_namespace(schema: dict[str, Any], enclosing: str) -> str:
    """The namespace of a named type, which is that of every name inside it as well."""
    name = schema.get("name", "")
    if isinstance(name, str) and "." in name:
        return name.rpartition(".")[0]
    namespace = schema.get("namespace", enclosing)
    return namespace if isinstance(namespace, str) else enclosing


def definitions(schema: Any) -> dict[str, Any]:
    """Every named type that a schema defines, by full name: in text order."""
    return {name: definition for name, definition in name_uses(schema) if definition is not None}


def name_uses(schema: Any, namespace: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each full name in text order, with its definition, or None where it is only used."""
    match schema:
        case str() if schema not in PRIMITIVES:
            yield full_name(schema, namespace), None
        case list():
            for branch in schema:
                if not is_primitive(branch):
                    yield from name_uses(branch, namespace)
        case {"type": str(kind), "name": str(name)} if kind in NAMED:
            inside = enclosed_namespace(schema, namespace)
            yield full_name(name, inside), schema
            fields = schema.get("fields")
            for field in fields if isinstance(fields, list) else ():
                if isinstance(field, dict) and not is_primitive(inner := field.get("type")):
                    yield from name_uses(inner, inside)
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            yield from name_uses(inner, namespace)
        case {"type": str(kind)} if kind not in COMPLEX:
            yield from name_uses(kind, namespace)
        case {"type": dict() | list() as kind}:
            yield from name_uses(kind, namespace)


def is_primitive(schema: Any) -> bool:
    """Return whether a type is the name of a primitive type."""
    return isinstance(schema, str) and schema in PRIMITIVES


def type_name(schema: Any) -> str:
    """The full name of the record, enum or fixed that a schema defines outermost; empty where there is none."""
    if isinstance(schema, dict) and isinstance(schema.get("name"), str):
        return full_name(schema["name"], enclosed_namespace(schema, ""))
    return ""


def type_aliases(schema: Any) -> tuple[str, ...]:
    """The full names of the aliases of the type that a schema defines outermost."""
    if not isinstance(schema, dict) or not isinstance(schema.get("aliases"), list):
        return ()
    namespace = enclosed_namespace(schema, "")
    return tuple(full_name(alias, namespace) for alias in schema["aliases"] if isinstance(alias, str))


def field_at(schema: Any, path: JsonPath) -> str:
    """The innermost field at ``path``, such as ``payments.Transaction.amount``; empty where it is in none."""
    field, namespace, record = "", "", ""
    for index, key in enumerate(path):
        if isinstance(schema, dict) and isinstance(schema.get("name"), str) and schema.get("type") in _RECORDS:
            namespace = enclosed_namespace(schema, namespace)
            record = full_name(schema["name"], namespace)
        if not isinstance(schema, dict | list) or isinstance(schema, list) != isinstance(key, int):
            break
        if isinstance(schema, dict) and key not in schema:
            break
        schema = schema[key]  # type: ignore[index]
        if path[index - 1 : index] == ("fields",) and isinstance(schema, dict):
            field = f"{record}.{schema.get('name', key)}"
    return field


def suggestion(name: str, known: list[str]) -> str:
    """``; did you mean "x"?`` where a known name is close to ``name``, else nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def json_shown(value: Any) -> str:
    """A JSON value as a message shows it: short, and in JSON's words."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value if len(value) <= 60 else f"{value[:57]}...", ensure_ascii=False)
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return str(value)
