"""Types that one schema file uses and another defines: their names, and schemas with them in place. No I/O."""

from collections.abc import Mapping
from typing import Any

from avroguard.avro.names import (
    NAMED,
    PRIMITIVES,
    definitions,
    enclosed_namespace,
    full_name,
    is_primitive,
    name_uses,
)
from avroguard.places import JsonPath


def foreign_names(schema: Any) -> list[str]:
    """The full names of the types that a schema uses before it defines them, in text order, each once.

    It need not be valid.
    """
    defined: set[str] = set()
    names: dict[str, None] = {}
    for name, definition in name_uses(schema):
        if definition is not None:
            defined.add(name)
        elif name not in defined:
            names[name] = None
    return list(names)


def _has_no_name(schema: Any) -> bool:
    """Return whether a type is seen at once to use no name."""
    return all(map(is_primitive, schema)) if isinstance(schema, list) else is_primitive(schema)


def inlined(schema: Any, types: Mapping[str, Any]) -> tuple[Any, dict[JsonPath, str]]:
    """A schema that stands alone: each foreign type defined where it is used first.

    Args:
        schema: A valid schema as plain JSON data.
        types: The definition of each type of another file, by full name; may use one another.

    Returns:
        The schema, and where in it which foreign type has been put.
    """
    inliner = _Inliner(types, set(definitions(schema)))
    return inliner.type(schema, "", ()), inliner.places


class _Inliner:
    def __init__(self, types: Mapping[str, Any], own: set[str]) -> None:
        self.types = types
        self.known = own
        self.places: dict[JsonPath, str] = {}

    def type(self, schema: Any, namespace: str, path: JsonPath) -> Any:
        match schema:
            case str() if schema not in PRIMITIVES:
                return self.name(full_name(schema, namespace), schema, path)
            case list():
                return [self.type(branch, namespace, (*path, index)) for index, branch in enumerate(schema)]
            case {"type": str(kind)} if kind in NAMED:
                return self.named(schema, enclosed_namespace(schema, namespace), path)
            case {"type": "array" | "map" as kind}:
                key = "items" if kind == "array" else "values"
                return {**schema, key: self.type(schema[key], namespace, (*path, key))}
            case {"type": kind}:
                return {**schema, "type": self.type(kind, namespace, (*path, "type"))}
        return schema

    def name(self, full: str, written: str, path: JsonPath) -> Any:
        if full in self.known or full not in self.types:
            return written
        definition = self.types[full]
        self.known |= definitions(definition).keys()
        self.places.setdefault(path, full)
        return self.type(definition, "", path)

    def named(self, schema: dict[str, Any], inside: str, path: JsonPath) -> Any:
        if "fields" not in schema:
            return schema
        fields = [
            field
            if _has_no_name(field["type"])
            else {**field, "type": self.type(field["type"], inside, (*path, "fields", index, "type"))}
            for index, field in enumerate(schema["fields"])
        ]
        return {**schema, "fields": fields}
