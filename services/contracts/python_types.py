"""Source code of Python types for the contracts' records, as the codec decodes them. No I/O."""

import keyword
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from avroguard.avro.names import enclosed_namespace, full_name
from avroguard.avro.schema import Schema
from services.errors import ContractError

_HEADER = '''"""The records of the contracts as the codec decodes them.

Generated from the schemas by `python -m services.commands.generate_types`; change those and run it again.
"""
'''
_WIDTH = 100  # of comments; under the limit of the formatter, which leaves comments alone
_PRIMITIVES = {
    "null": "None",
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "bytes": "bytes",
    "string": "str",
}
# Python types of fastavro: type and logical type to the module and the name of the Python type.
_LOGICAL = {
    ("bytes", "decimal"): ("decimal", "Decimal"),
    ("fixed", "decimal"): ("decimal", "Decimal"),
    ("string", "uuid"): ("uuid", "UUID"),
    ("int", "date"): ("datetime", "date"),
    ("int", "time-millis"): ("datetime", "time"),
    ("long", "time-micros"): ("datetime", "time"),
    ("long", "timestamp-millis"): ("datetime", "datetime"),
    ("long", "timestamp-micros"): ("datetime", "datetime"),
    ("long", "local-timestamp-millis"): ("datetime", "datetime"),
    ("long", "local-timestamp-micros"): ("datetime", "datetime"),
}


def python_types(schemas: Iterable[Schema]) -> str:
    """Return the source of a module with a type for each record and enum of the schemas.

    Raises:
        ContractError: If two types would have the same name in Python.
    """
    module = _Module()
    for schema in schemas:
        module.type_of(schema.json, "", schema)
    imports = [f"from {source} import {', '.join(sorted(names))}" for source, names in sorted(module.imports.items())]
    return "\n".join([_HEADER, *imports, *module.definitions]) + "\n"


@dataclass
class _Module:
    """The module: imports and definitions, in an order in which names are defined before their use."""

    imports: dict[str, set[str]] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)  # full name of a type in Avro to its name in Python
    content: dict[str, Any] = field(default_factory=dict)  # name in Python to the definition in Avro
    finished: set[str] = field(default_factory=set)

    def use(self, source: str, name: str) -> str:
        self.imports.setdefault(source, set()).add(name)
        return name

    def type_of(self, schema: Any, namespace: str, origin: Schema) -> str:  # noqa: PLR0911 - a case for each type
        """Return the Python type of a schema as an annotation, and define the types that it needs."""
        match schema:
            case str() if schema in _PRIMITIVES:
                return _PRIMITIVES[schema]
            case str():
                name = self.classes[full_name(schema, namespace)]
                return name if name in self.finished else f'"{name}"'
            case list():
                return self.union(self.type_of(branch, namespace, origin) for branch in schema)
            case {"type": kind, "logicalType": str(logical)} if (kind, logical) in _LOGICAL:
                return self.use(*_LOGICAL[kind, logical])
            case {"type": "array", "items": items}:
                return f"list[{self.type_of(items, namespace, origin)}]"
            case {"type": "map", "values": values}:
                return f"dict[str, {self.type_of(values, namespace, origin)}]"
            case {"type": "fixed"}:
                self.classes[full_name(schema["name"], enclosed_namespace(schema, namespace))] = "bytes"
                self.finished.add("bytes")
                return "bytes"
            case {"type": "enum"} | {"type": "record"} | {"type": "error"}:
                return self.define(schema, namespace, origin)
            case {"type": kind}:
                return self.type_of(kind, namespace, origin)
        raise AssertionError(schema)

    def union(self, branches: Iterable[str]) -> str:
        """Return a union of the branches without duplicates, None last; quoted as a whole where a branch is quoted."""
        types = list(dict.fromkeys(branches))
        types.sort(key=lambda name: name == "None")
        text = " | ".join(name.strip('"') for name in types)
        if not types:
            return self.use("typing", "Never")
        return f'"{text}"' if any(name.startswith('"') for name in types) else text

    def define(self, schema: dict[str, Any], namespace: str, origin: Schema) -> str:
        namespace = enclosed_namespace(schema, namespace)
        full = full_name(schema["name"], namespace)
        name = full.rpartition(".")[2]
        if self.content.setdefault(name, schema) != schema:
            raise ContractError(f"{origin.where()}: two types would be called {name} in Python; rename {full}")
        self.classes[full] = name
        if name not in self.finished:
            definition = (
                self.enum(name, schema) if schema["type"] == "enum" else self.record(name, schema, namespace, origin)
            )
            self.definitions += ["", "", definition]
            self.finished.add(name)
        return name

    def enum(self, name: str, schema: dict[str, Any]) -> str:
        self.use("typing", "Literal")
        symbols = [f'    "{symbol}",' for symbol in schema["symbols"]]
        return "\n".join([*_comment(schema.get("doc", ""), ""), f"{name} = Literal[", *symbols, "]"])

    def record(self, name: str, schema: dict[str, Any], namespace: str, origin: Schema) -> str:
        self.use("typing", "TypedDict")
        fields = [
            (field["name"], self.type_of(field["type"], namespace, origin), field.get("doc", ""))
            for field in schema["fields"]
        ]
        full = full_name(schema["name"], namespace)
        lines = _comment(schema.get("doc", ""), "")
        if any(keyword.iskeyword(field) for field, _, _ in fields):
            lines += [f"{name} = TypedDict(", f'    "{name}",', "    {"]
            for field, annotation, doc in fields:
                lines += [*_comment(doc, " " * 8), f'        "{field}": {annotation},']
            return "\n".join([*lines, "    },", ")"])
        lines += [f"class {name}(TypedDict):", f'    """The record {full}."""']
        for field, annotation, doc in fields:
            lines += ["", *_comment(doc, "    "), f"    {field}: {annotation}"]
        return "\n".join(lines)


def _comment(text: str, indent: str) -> list[str]:
    return list(_lines(" ".join(text.split()), f"{indent}# "))


def _lines(text: str, prefix: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH - len(prefix), break_long_words=False, break_on_hyphens=False):
        yield prefix + line
