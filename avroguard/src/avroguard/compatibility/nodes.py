"""Nodes of a parsed schema: names are resolved, and each node has its position in the JSON."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from avroguard.avro.names import PRIMITIVES
from avroguard.places import JsonPath


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One type in a schema. Nodes are compared by identity: two places are two nodes.

    Attributes:
        path: Position of the type in the schema.
        attributes: The JSON object that defines it, empty where a bare name does.
    """

    path: JsonPath
    attributes: Mapping[str, Any]

    @property
    def definition(self) -> "Node":
        """The type itself, where this is a reference to it by name."""
        return self


@dataclass(frozen=True, eq=False, slots=True)
class Primitive(Node):
    """One of the eight types without structure."""

    name: str


@dataclass(frozen=True, eq=False, slots=True)
class Array(Node):
    """Any number of items of one type."""

    items: Node


@dataclass(frozen=True, eq=False, slots=True)
class Map(Node):
    """Values of one type under string keys."""

    values: Node


@dataclass(frozen=True, eq=False, slots=True)
class Union(Node):
    """One of several types."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Named(Node):
    """A type that has a name.

    Attributes:
        name: The name without its namespace.
        namespace: The namespace, ``None`` for the null namespace.
        aliases: The full names that it is known by as well.
    """

    name: str
    namespace: str | None
    aliases: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """Namespace and name, joined by a dot."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """A field of a record, with its own place in the schema.

    Attributes:
        path: Its position.
        attributes: The JSON object that defines it.
        name: Its name.
        aliases: The names that it is known by as well.
        type: Its type.
        plain: Whether the type neither defines nor uses a name, so that it means the same wherever it stands.
    """

    path: JsonPath
    attributes: Mapping[str, Any]
    name: str
    aliases: tuple[str, ...]
    type: Node
    plain: bool

    def is_typed_like(self, other: "Field") -> bool:
        """Return whether both have the same type, word for word, without any name in it: then it has no difference."""
        return self.plain and bool(self.attributes["type"] == other.attributes["type"])

    @property
    def has_default(self) -> bool:
        """Return whether a reader can do without the field; ``null`` is a default like any other."""
        return "default" in self.attributes

    @property
    def default(self) -> Any:
        """The default as JSON has it; ``None`` where there is none as well."""
        return self.attributes.get("default")


@dataclass(frozen=True, eq=False, slots=True)
class Record(Named):
    """Named fields in an order; an ``error`` is a record as well."""

    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """Return the field of that name."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, eq=False, slots=True)
class Enum(Named):
    """A choice of symbols; ``default`` is what a reader takes for a symbol that it doesn't know."""

    symbols: tuple[str, ...]
    default: str | None


@dataclass(frozen=True, eq=False, slots=True)
class Fixed(Named):
    """A fixed number of bytes."""

    size: int


@dataclass(frozen=True, eq=False, slots=True)
class Reference(Node):
    """A named type that is used by its name."""

    full_name: str
    names: Mapping[str, Named]

    @property
    def definition(self) -> Named:
        """The type that the name stands for."""
        return self.names[self.full_name]


def are_primitives(types: Collection[Any]) -> bool:
    """Return whether all of some types are names of primitive ones."""
    return all(type(kind) is str for kind in types) and PRIMITIVES.issuperset(types)


def is_plain(schema: Any) -> bool:
    """Return whether a valid type neither defines nor uses a name."""
    if are_primitives(schema if isinstance(schema, list) else [schema]):
        return True
    match schema:
        case list():
            return all(map(is_plain, schema))
        case {"type": "array", "items": inner} | {"type": "map", "values": inner} | {"type": str(inner)}:
            return is_plain(inner)
    return False


def kind(node: Node) -> str:
    """Return the type's name in the specification, such as ``record`` or ``long``."""
    definition = node.definition
    return definition.name if isinstance(definition, Primitive) else type(definition).__name__.lower()


def label(node: Node) -> str:
    """Return what a message calls the type, such as ``array of long`` or ``enum payments.Channel``."""
    match node.definition:
        case Array(items=items):
            detail = f" of {label(items)}"
        case Map(values=values):
            detail = f" of {label(values)}"
        case Union(branches=branches):
            detail = f" of {', '.join(map(label, branches)) or 'nothing'}"
        case Named(full_name=name):
            detail = f" {name}"
        case _:
            detail = ""
    return kind(node) + detail


def types_in(node: Node) -> Iterator[Node]:
    """Yield a type and every type inside it where it stands, in text order; names are not followed."""
    yield node
    inner: tuple[Node, ...] = ()
    match node:
        case Array(items=items):
            inner = (items,)
        case Map(values=values):
            inner = (values,)
        case Union(branches=branches):
            inner = branches
        case Record(fields=fields):
            inner = tuple(field.type for field in fields)
    for inner_type in inner:
        yield from types_in(inner_type)
