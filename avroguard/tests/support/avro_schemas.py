"""Random Avro schemas for the tests, and what makes a schema valid again after it was changed.

Names come from small pools on purpose, so that short names clash across namespaces, aliases hit, and references
and recursion are common.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
NAMES = ["A", "B", "C", "D"]
NAMESPACES = [None, "n", "n.m", "o"]
FIELDS = ["a", "b", "c", "d", "e"]
SYMBOLS = ["X", "Y", "Z", "W"]
LOGICAL: list[dict[str, Any]] = [
    {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
    {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 4},
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "long", "logicalType": "timestamp-micros"},
    {"type": "int", "logicalType": "date"},
    {"type": "string", "logicalType": "uuid"},
]
NAMED = ("record", "error", "enum", "fixed")
NO_DEFAULT = object()


@dataclass(frozen=True)
class Site:
    """A place where a type stands: ``container[key]``, and the namespace that names there resolve in."""

    container: Any
    key: Any
    namespace: str | None

    @property
    def type(self) -> Any:
        return self.container[self.key]


def full_name(name: str, namespace: str | None) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def defined_name(schema: dict[str, Any], namespace: str | None) -> str:
    return full_name(schema["name"], schema.get("namespace", namespace))


def inner_namespace(schema: dict[str, Any], namespace: str | None) -> str | None:
    return defined_name(schema, namespace).rpartition(".")[0] or None


def sites(container: Any, key: Any, namespace: str | None = None) -> Iterator[Site]:
    """Every type in ``container[key]``, the outermost first."""
    yield Site(container, key, namespace)
    schema = container[key]
    if isinstance(schema, list):
        for index in range(len(schema)):
            yield from sites(schema, index, namespace)
    elif isinstance(schema, dict):
        if schema["type"] in ("array", "map"):
            yield from sites(schema, "items" if schema["type"] == "array" else "values", namespace)
        elif schema["type"] in ("record", "error"):
            for field in schema["fields"]:
                yield from sites(field, "type", inner_namespace(schema, namespace))


def definitions(schema: Any) -> dict[str, Any]:
    """Every named type in a schema, by its full name."""
    return {
        defined_name(site.type, site.namespace): site.type
        for site in sites([schema], 0)
        if isinstance(site.type, dict) and site.type["type"] in NAMED
    }


class SchemaGenerator:
    """Makes random schemas; the same seed makes the same ones."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._declared: dict[str, Any] = {}

    def schema(self) -> Any:
        """A schema, mostly a record."""
        self._declared = {}
        if self.random.random() < 0.8:
            return self._record(0, None)
        return self.type(0, None)

    def type(self, depth: int, namespace: str | None, *, union: bool = True) -> Any:
        """A type for a place in a schema."""
        choices: list[tuple[int, Callable[[], Any]]] = [
            (8, lambda: self.random.choice(PRIMITIVES)),
            (1, lambda: {"type": self.random.choice(PRIMITIVES)}),
            (2, lambda: copy.deepcopy(self.random.choice(LOGICAL))),
            (3, lambda: self._enum(namespace)),
            (2, lambda: self._fixed(namespace)),
            (4 if self._declared else 0, lambda: self._reference(namespace)),
        ]
        if depth < 4:
            choices += [
                (2, lambda: {"type": "array", "items": self.type(depth + 1, namespace)}),
                (2, lambda: {"type": "map", "values": self.type(depth + 1, namespace)}),
                (4, lambda: self._record(depth + 1, namespace)),
                (5 if union else 0, lambda: self._union(depth + 1, namespace)),
            ]
        weights, makers = zip(*choices, strict=True)
        return self.random.choices(makers, weights)[0]()

    def field(self, name: str, depth: int, namespace: str | None) -> dict[str, Any]:
        """A field, with a default half of the time."""
        field = {"name": name, "type": self.type(depth, namespace)}
        if self.random.random() < 0.05:
            field["aliases"] = self.random.sample(FIELDS, self.random.choice([1, 1, 2]))
        if self.random.random() < 0.5:
            self.give_default(field, self._declared, namespace)
        return field

    def give_default(self, field: dict[str, Any], known: dict[str, Any], namespace: str | None) -> None:
        """Gives a field a valid default, where its type can have one."""
        value = default_of(field["type"], known, namespace, self.random)
        if value is not NO_DEFAULT:
            field["default"] = value

    def _union(self, depth: int, namespace: str | None) -> list[Any]:
        branches = ["null"] if self.random.random() < 0.5 else []
        for _ in range(self.random.choice([1, 2, 2, 3, 4])):
            before = dict(self._declared)
            branches.append(self.type(depth, namespace, union=False))
            if len(distinct(branches, namespace, self._declared)) < len(branches):
                branches.pop()
                self._declared = before
        return branches

    def _named(self, kind: str, namespace: str | None, body: dict[str, Any]) -> Any:
        schema = {"type": kind, "name": self.random.choice(NAMES), **body}
        match self.random.randrange(6):
            case 0 | 1:
                schema["namespace"] = self.random.choice(NAMESPACES) or ""
            case 2:
                schema["name"] = full_name(schema["name"], self.random.choice(NAMESPACES))
        name = defined_name(schema, namespace)
        if name in self._declared:
            return self._reference(namespace)
        if self.random.random() < 0.2:
            schema["aliases"] = [full_name(self.random.choice(NAMES), self.random.choice(NAMESPACES))]
        self._declared[name] = schema
        return schema

    def _record(self, depth: int, namespace: str | None) -> Any:
        schema = self._named(self.random.choice(["record"] * 9 + ["error"]), namespace, {"fields": []})
        if isinstance(schema, dict):
            inner = inner_namespace(schema, namespace)
            for name in self.random.sample(FIELDS, self.random.randrange(1, 4 if depth else 5)):
                schema["fields"].append(self.field(name, depth + 1, inner))
        return schema

    def _enum(self, namespace: str | None) -> Any:
        symbols = self.random.sample(SYMBOLS, self.random.randrange(1, 4))
        default = {"default": self.random.choice(symbols)} if self.random.random() < 0.3 else {}
        return self._named("enum", namespace, {"symbols": symbols, **default})

    def _fixed(self, namespace: str | None) -> Any:
        return self._named("fixed", namespace, {"size": self.random.choice([4, 4, 4, 8])})

    def _reference(self, namespace: str | None) -> str:
        name = self.random.choice(list(self._declared))
        space, _, short = name.rpartition(".")
        return short if (space or None) == namespace else name


def lookup(name: str, namespace: str | None, known: dict[str, Any]) -> str | None:
    """The full name that a reference means, or None where there is no such type."""
    return next((candidate for candidate in (full_name(name, namespace), name) if candidate in known), None)


def branch_name(branch: Any, namespace: str | None, known: dict[str, Any]) -> str:
    """Return the name that tells a branch of a union from the others."""
    if isinstance(branch, str):
        return branch if branch in PRIMITIVES else lookup(branch, namespace, known) or branch
    return defined_name(branch, namespace) if branch["type"] in NAMED else branch["type"]


def distinct(branches: list[Any], namespace: str | None, known: dict[str, Any]) -> list[Any]:
    """The branches of a union without those that Avro doesn't allow in it."""
    flat = [inner for branch in branches for inner in (branch if isinstance(branch, list) else [branch])]
    return list({branch_name(branch, namespace, known): branch for branch in reversed(flat)}.values())[::-1]


def default_of(schema: Any, known: dict[str, Any], namespace: str | None, random: Random, depth: int = 0) -> Any:
    """A default that Avro allows for a type, or NO_DEFAULT."""
    if isinstance(schema, str) and schema not in PRIMITIVES:
        # Java can't check a default for a record that it is still reading, so there is none for any reference to one.
        name = lookup(schema, namespace, known)
        if name is None or known[name]["type"] in ("record", "error"):
            return NO_DEFAULT
        return default_of(known[name], known, None, random)
    if isinstance(schema, list):
        return default_of(schema[0], known, namespace, random, depth + 1) if schema else NO_DEFAULT
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind in ("record", "error"):
        inner = inner_namespace(schema, namespace)
        values = {f["name"]: default_of(f["type"], known, inner, random, depth + 1) for f in schema["fields"]}
        return NO_DEFAULT if depth > 2 or NO_DEFAULT in values.values() else values
    text = random.choice(["", "text"])
    values = {"null": None, "boolean": True, "int": 7, "long": 7, "float": 1.5, "double": 1.5}
    values |= {"array": [], "map": {}, "bytes": text, "string": text}
    if kind == "enum":
        values["enum"] = random.choice(schema["symbols"])
    if kind == "fixed":
        values["fixed"] = "\0" * schema["size"]
    return values[kind]
