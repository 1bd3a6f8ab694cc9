"""A schema for the rules: every type and every field of it, once, in text order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from avroguard.compatibility.nodes import Field, Named, Node, Record, types_in
from avroguard.compatibility.parsing import parse
from avroguard.findings import Finding

_N = TypeVar("_N", bound=Node)


@dataclass(frozen=True)
class SchemaView:
    """A valid schema, with its types and fields.

    Attributes:
        json: The schema as plain JSON data, valid and standing alone.
    """

    json: Any

    @cached_property
    def root(self) -> Node:
        """The outermost type."""
        return parse(self.json)

    @cached_property
    def types(self) -> tuple[Node, ...]:
        """Every type where it stands, references by name included."""
        return tuple(types_in(self.root))

    def of(self, kind: type[_N]) -> Iterator[_N]:
        """The types of one kind."""
        return (node for node in self.types if isinstance(node, kind))

    @cached_property
    def fields(self) -> tuple[tuple[Record, Field], ...]:
        """Every field with its record."""
        return tuple((record, field) for record in self.of(Record) for field in record.fields)

    @cached_property
    def named(self) -> dict[str, Any]:
        """The definition of every named type, by full name."""
        return {node.full_name: node.attributes for node in self.of(Named)}


Check = Callable[[SchemaView], Iterator[Finding]]
