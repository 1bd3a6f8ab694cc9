"""A schema in the form that fastavro reads and writes with, and every named type at hand."""

import math
from dataclasses import dataclass
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from avroguard.avro.names import COMPLEX, PRIMITIVES
from services.errors import ContractError

_KINDS = PRIMITIVES | COMPLEX


@dataclass(frozen=True)
class Parsed:
    """A schema that fastavro accepts.

    Attributes:
        schema: The schema in the form of fastavro's readers and writers: names are full names.
        named: The definition of every named type, by full name.
    """

    schema: Any
    named: dict[str, Any]

    @classmethod
    def of(cls, schema: Any) -> "Parsed":
        """Parse a schema given as plain JSON data: an object, a union as a list, or the name of a type.

        Defaults are not checked: a writer's default means nothing to a reader.

        Raises:
            ContractError: If it is not a valid Avro schema.
        """
        named: dict[str, Any] = {}
        try:
            plain = _plain(schema)
            parsed = fastavro.parse_schema(plain, named_schemas=named, _ignore_default_error=True)
        except (SchemaParseException, UnknownType, LookupError, TypeError, ValueError, AttributeError) as error:
            raise ContractError(f"not an Avro schema: {error}") from None
        if isinstance(parsed, dict) and "name" not in parsed:
            # As fastavro marks named types: else it would parse the schema again for every value, and refuse what was
            # made of it since (definitions in the place of names, defaults as values).
            parsed = {**parsed, "__fastavro_parsed": True, "__named_schemas": named}
        return cls(parsed, named)

    @property
    def name(self) -> str:
        """The full name of a record, enum or fixed; else the kind."""
        schema = self.resolve(self.schema)
        return "union" if isinstance(schema, list) else str(schema.get("name", schema["type"]))

    def resolve(self, schema: Any) -> Any:
        """A type as an object (or a list, for a union): a name is replaced by what it names."""
        return self.named.get(schema, {"type": schema}) if isinstance(schema, str) else schema


def _plain(schema: Any) -> Any:
    """The schema without what the specification allows and fastavro can't take.

    These are types wrapped once more (``{"type": "Name"}``, ``{"type": {...}}``) and decimals whose attributes are
    invalid, which the specification says to read as if they had no logical type.
    """
    if isinstance(schema, list):
        return [_plain(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema["type"]
    if not isinstance(kind, str) or kind not in _KINDS:
        return _plain(kind)
    plain = {name: value for name, value in schema.items() if name not in ("items", "values", "fields")}
    for name in ("items", "values"):
        if name in schema:
            plain[name] = _plain(schema[name])
    if "fields" in schema:
        plain["fields"] = [{**field, "type": _plain(field["type"])} for field in schema["fields"]]
    if schema.get("logicalType") == "decimal" and not _valid_decimal(schema):
        del plain["logicalType"]
    return plain


def _valid_decimal(schema: dict[str, Any]) -> bool:
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if type(precision) is not int or type(scale) is not int or not 0 <= scale <= precision or precision < 1:
        return False
    size = schema.get("size", math.inf)
    return bool(schema["type"] == "bytes" or (schema["type"] == "fixed" and precision <= digits_in(size)))


def digits_in(size: int) -> int:
    """Return the number of decimal digits for which a signed number of that many bytes always has room."""
    return math.floor(math.log10(2) * (8 * size - 1))
