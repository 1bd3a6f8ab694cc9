"""A schema file: its text, its meaning, and where in the text each part of it stands."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from services.contracts.source import Document, JsonPath, Place, parse_json
from services.contracts.syntax import enclosed_namespace, faults, full_name
from services.errors import ContractError


@dataclass(frozen=True)
class Schema:
    """An Avro schema as somebody wrote it; certain to be valid.

    Attributes:
        document: The text it comes from, with positions.
    """

    document: Document

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
        """The schema as plain JSON data: an object, a union as a list, or the name of a type."""
        return self.document.json

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
        """The schema as JSON without white space, with everything that the file says: what a registry is sent."""
        return json.dumps(self.json, separators=(",", ":"), ensure_ascii=False)

    def position(self, path: JsonPath) -> tuple[int, int]:
        """Line and column, both from 1, of the part at ``path``, or of the nearest part around it."""
        return self.document.position(path)

    def where(self, path: JsonPath = ()) -> Place:
        """The place of the part at ``path``: ``schemas/transaction.avsc:14:7``."""
        return self.document.where(path)


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


def parse_schema(name: str, content: bytes) -> Schema:
    """Check a schema file's content.

    Args:
        name: What to call the file in messages.
        content: The bytes of the file.

    Raises:
        ContractError: If it is not JSON or not Avro; one line for each fault, with its place.
    """
    document = parse_json(name, content)
    found = [f"{document.where(fault.path)}: not Avro: {fault.message}" for fault in faults(document.json)]
    if found:
        raise ContractError("\n".join(found))
    try:
        fastavro.parse_schema(document.json, named_schemas={})
    except (SchemaParseException, UnknownType, LookupError, TypeError, ValueError) as error:
        raise ContractError(f"{document.where()}: not Avro: {error}") from None
    return Schema(document)


def shown(path: Path) -> str:
    """A path as messages name it: from the working directory where it is below that, as a person would type it."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path)
