"""A writer's names as a reader knows them: by the aliases of the reader's schema. No I/O.

Source: the Avro specification, "Aliases". As Avro Java does it, an alias holds wherever the writer's schema has that
name, and the aliases of a schema aren't applied to itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from avroguard.compatibility.nodes import Array, Field, Map, Named, Node, Record, Union
from avroguard.explain.binary import ReadError, branch_name


@dataclass(frozen=True)
class Aliases:
    """The aliases of a reader's schema.

    Attributes:
        types: The reader's full name of a type, by the writer's.
        fields: The reader's names of fields by the writer's, by the reader's full name of the record.
    """

    types: dict[str, str] = field(default_factory=dict)
    fields: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, reader: Node) -> "Aliases":
        """Collect the aliases of every type and field in a schema."""
        aliases = cls()
        for node in _types(reader, set()):
            if isinstance(node, Named):
                aliases.types.update(dict.fromkeys(node.aliases, node.full_name))
            if isinstance(node, Record):
                renamed = {alias: field.name for field in node.fields for alias in field.aliases}
                aliases.fields.update(dict.fromkeys((node.full_name, *node.aliases), renamed) if renamed else {})
        return aliases

    def name(self, writer: Node) -> str:
        """Return the reader's name for one of the writer's types: the full name, or the kind."""
        name = branch_name(writer)
        return self.types.get(name, name)

    def fields_of(self, writer: Record) -> dict[str, Field]:
        """Return the fields of one of the writer's records by the reader's names for them."""
        renamed = self.fields.get(self.name(writer), {})
        return {renamed.get(field.name, field.name): field for field in writer.fields}

    def require_distinct(self, writer: Node) -> None:
        """Make sure that no two fields of a record, or branches of a union, have come to have one name.

        Raises:
            ReadError: If two have; the message names them.
        """
        for node in _types(writer, set()):
            match node:
                case Record(fields=fields):
                    renamed = self.fields.get(self.name(node), {})
                    _require_distinct((renamed.get(field.name, field.name) for field in fields), f"{node.full_name}")
                case Union(branches=branches):
                    _require_distinct((self.name(branch) for branch in branches), "a union")


def without_aliases(schema: Any) -> Any:
    """Return a schema, as plain JSON data, without what makes no difference between two schemas to Avro Java."""
    match schema:
        case dict():
            ignored = {"aliases", "doc"} | ({"default"} if schema.get("type") == "enum" else set())
            return {key: without_aliases(value) for key, value in schema.items() if key not in ignored}
        case list():
            return [without_aliases(branch) for branch in schema]
    return schema


def _require_distinct(names: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ReadError(f"by its aliases the reader's schema has {name} twice in {where}")
        seen.add(name)


def _types(node: Node, seen: set[Node]) -> Iterator[Node]:
    """Every type in a schema, each once, in the order of their definitions."""
    definition = node.definition
    if definition in seen:
        return
    seen.add(definition)
    yield definition
    match definition:
        case Record(fields=fields):
            for inner in fields:
                yield from _types(inner.type, seen)
        case Array(items=inner_type) | Map(values=inner_type):
            yield from _types(inner_type, seen)
        case Union(branches=branches):
            for branch in branches:
                yield from _types(branch, seen)
