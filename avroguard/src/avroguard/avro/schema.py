"""A schema file: its text, its meaning, and where in the text each part of it stands."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from avroguard.avro.document import Document, parse_json
from avroguard.avro.names import definitions, enclosed_namespace, field_at, full_name
from avroguard.avro.references import foreign_names, inlined
from avroguard.avro.validation import validate
from avroguard.errors import ContractError
from avroguard.findings import Finding, InvalidSchemaError
from avroguard.places import JsonPath, Place


@dataclass(frozen=True)
class Reference:
    """A type of another file that a schema uses.

    Attributes:
        name: The type's full name.
        subject: The subject under which a registry has it.
        schema: The other file.
    """

    name: str
    subject: str
    schema: "Schema"


@dataclass(frozen=True)
class Schema:
    """A valid Avro schema, with the text that it was read from.

    Attributes:
        document: The text it comes from, with positions.
        references: The types of other files that the text uses itself, in the order of their use.
    """

    document: Document
    references: tuple[Reference, ...] = ()

    @property
    def path(self) -> Path:
        """The file, as messages name it."""
        return Path(self.document.name)

    @property
    def text(self) -> str:
        """The file's text, unchanged."""
        return self.document.text

    @property
    def json(self) -> Any:
        """The schema as plain JSON data: an object, a union as a list, or the name of a type; references resolved."""
        return self._standing_alone[0]

    @cached_property
    def _standing_alone(self) -> tuple[Any, dict[JsonPath, str]]:
        if not self.references:
            return self.document.json, {}
        return inlined(self.document.json, {name: other.document.json for name, other in self._foreign.items()})

    @cached_property
    def _foreign(self) -> dict[str, "Schema"]:
        """Every type that the references lead to, by full name."""
        schemas: dict[str, Schema] = {}
        for reference in self.references:
            schemas |= {**reference.schema._foreign, reference.name: reference.schema}  # noqa: SLF001 - its own class
        return schemas

    @property
    def name(self) -> str:
        """The full name of a record, enum or fixed; for any other schema its kind (``union``, ``string``)."""
        match self.json:
            case {"name": str(name)}:
                return full_name(name, enclosed_namespace(self.json, ""))
            case {"type": str(kind)} | str(kind):
                return kind
            case _:
                return "union"

    @property
    def canonical(self) -> str:
        """The file as JSON without white space, with everything that it says: what a registry is sent."""
        return json.dumps(self.document.json, separators=(",", ":"), ensure_ascii=False)

    def position(self, path: JsonPath) -> tuple[int, int]:
        """Line and column, both from 1, of the part at ``path``, or of the nearest part around it."""
        place = self.where(path)
        return place.line, place.column or 1

    def where(self, path: JsonPath = ()) -> Place:
        """The place of the part at ``path``: ``schemas/transaction.avsc:14:7``; in the file that it comes from."""
        places = self._standing_alone[1]
        for length in range(len(path) - 1, 0, -1):
            if name := places.get(path[:length]):
                return self._foreign[name].document.where(path[length:])
        return self.document.where(path)

    def located(self, finding: Finding) -> Finding:
        """Return a finding in this schema with its place in the file, and the field that it is in."""
        field = field_at(self.document.json, finding.path) or field_at(self.json, finding.path)
        return replace(finding, place=self.where(finding.path), field=field)


def load_schema(path: Path) -> Schema:
    """Read and check a schema file.

    Raises:
        ContractError: If the file can't be read, is not JSON or not Avro; one line for each fault, with its place.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ContractError(f"{shown(path)}: cannot be read: {error.strerror}") from None
    return parse_schema(shown(path), content)


def parse_schema(name: str, content: bytes, shared: Mapping[str, Reference] | None = None) -> Schema:
    """Check a schema file's content.

    Args:
        name: The file's name in messages.
        content: The bytes of the file.
        shared: The types of other files that it may use, by full name.

    Raises:
        InvalidSchemaError: If it is not JSON or not Avro; with a finding for each fault.
    """
    return check_document(parse_json(name, content), shared or {})


def check_document(document: Document, shared: Mapping[str, Reference]) -> Schema:
    """Check a schema file's JSON.

    Args:
        document: The file.
        shared: The types of other files that it may use, by full name.

    Raises:
        InvalidSchemaError: If it is not Avro; with every fault.
    """
    foreign = {full: definitions(reference.schema.json) for full, reference in shared.items()}
    if findings := validate(document.json, foreign):
        raise InvalidSchemaError([Schema(document).located(finding) for finding in findings], "Avro")
    return Schema(document, tuple(shared[full] for full in foreign_names(document.json) if full in shared))


def shown(path: Path) -> str:
    """A path as messages name it: from the working directory where it is below that, as a person would type it."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path)
