"""Check of a field's default against the field's type, by kind and by range."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avroguard.avro.names import enclosed_namespace, full_name

_JAVA_DOUBLE = re.compile(
    r"[\x00-\x20]*[+-]?(?:NaN|Infinity|(?:"
    r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"|0[xX](?:[0-9a-fA-F]+\.?|[0-9a-fA-F]*\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)[fFdD]?)[\x00-\x20]*"
)
"""The grammar of java.lang.Double.valueOf."""


class UnfinishedRecordError(Exception):
    """A default is for a record whose fields are still being read."""


def default_fits(default: Any, schema: Any, namespace: str, defined: Mapping[str, Any]) -> bool:
    """Return whether a default, as JSON, is a value of the type.

    A default of a union may be of any branch, as Avro allows since 1.12; bytes and fixed are written as strings of
    the characters U+0000 to U+00FF. Whether a default of an enum is one of its symbols is not checked:
    registries don't check it either.

    Args:
        default: The value of ``default`` as plain JSON data.
        schema: A valid type as plain JSON data.
        namespace: The namespace that encloses the type.
        defined: The named types so far, by full name.
    """
    return _Fit(defined).fits(default, schema, namespace)


def default_accepted(
    default: Any, schema: Any, namespace: str, defined: Mapping[str, Any], unfinished: Sequence[Mapping[str, Any]]
) -> bool:
    """Return whether Avro Java's parser takes a default: any text for bytes and fixed, a number as text for floats.

    The latter in a field of that very type alone, not inside of a union, an array, a map or a record: the parser
    makes a number of it by ``Double.valueOf`` before it looks whether it fits.

    Args:
        default: As for `default_fits`.
        schema: As for `default_fits`.
        namespace: As for `default_fits`.
        defined: As for `default_fits`.
        unfinished: The definitions of the records whose fields are still being read.

    Raises:
        UnfinishedRecordError: If the default is for one of these.
    """
    kind = schema.get("type") if isinstance(schema, dict) else schema
    if isinstance(default, str) and kind in ("float", "double"):
        return _JAVA_DOUBLE.fullmatch(default) is not None
    return _Lenient(defined, unfinished).fits(default, schema, namespace)


def default_readable(default: Any, schema: Any, namespace: str, defined: Mapping[str, Any]) -> bool:
    """Return whether a reader can use a default: it fits, is a symbol of its enum, a number as a decimal."""
    return _Exact(defined).fits(default, schema, namespace)


def _whole(default: Any, limit: int) -> bool:
    return isinstance(default, int) and not isinstance(default, bool) and -limit <= default < limit


def _number(default: Any) -> bool:
    return isinstance(default, int | float) and not isinstance(default, bool)


_PRIMITIVES: dict[str, Callable[[Any], bool]] = {
    "null": lambda default: default is None,
    "boolean": lambda default: isinstance(default, bool),
    "int": lambda default: _whole(default, 2**31),
    "long": lambda default: _whole(default, 2**63),
    "float": _number,
    "double": _number,
    "string": lambda default: isinstance(default, str),
    "bytes": lambda default: isinstance(default, str) and all(ord(character) < 256 for character in default),
}


@dataclass(frozen=True)
class _Fit:
    """Compares values with types; ``defined`` has the named types by full name."""

    defined: Mapping[str, Any]

    def fits(self, default: Any, schema: Any, namespace: str) -> bool:
        match schema:
            case list():
                return any(self.fits(default, branch, namespace) for branch in schema)
            case dict():
                return self.fits_object(default, schema, namespace)
            case _:
                return self.fits_name(default, schema, namespace)

    def fits_name(self, default: Any, name: str, namespace: str) -> bool:
        if name in _PRIMITIVES:
            return self.fits_primitive(default, name)
        full = full_name(name, namespace)
        if full not in self.defined:  # lenient parsers look outside of the namespace, and further down
            full = name
        if full not in self.defined:  # Avro Java takes it for a record without fields until it is defined
            return isinstance(default, dict)
        return self.fits_object(default, self.defined[full], full.rpartition(".")[0])

    def fits_primitive(self, default: Any, name: str) -> bool:
        return _PRIMITIVES[name](default)

    def fits_object(self, default: Any, schema: dict[str, Any], namespace: str) -> bool:
        match schema["type"]:
            case "array":
                return isinstance(default, list) and all(
                    self.fits(item, schema["items"], namespace) for item in default
                )
            case "map":
                return isinstance(default, dict) and all(
                    self.fits(item, schema["values"], namespace) for item in default.values()
                )
            case "enum":
                return self.fits_enum(default, schema["symbols"])
            case "fixed":
                return self.fits_fixed(default, schema["size"])
            case "record" | "error":
                return isinstance(default, dict) and self.fits_record(default, schema, namespace)
            case name:
                return self.fits_name(default, name, namespace)

    def fits_enum(self, default: Any, symbols: list[str]) -> bool:  # noqa: ARG002 - see default_fits
        return isinstance(default, str)

    def fits_fixed(self, default: Any, size: int) -> bool:
        return self.fits_primitive(default, "bytes") and len(default) == size

    def fits_record(self, default: dict[str, Any], schema: dict[str, Any], namespace: str) -> bool:
        inside = enclosed_namespace(schema, namespace)
        return all(self._fits_field(default, field, inside) for field in schema["fields"])

    def _fits_field(self, default: dict[str, Any], field: dict[str, Any], namespace: str) -> bool:
        """Return whether the field's value, or its own default where it has no value, fits."""
        if field["name"] not in default:
            return "default" in field
        return self.fits(default[field["name"]], field["type"], namespace)


@dataclass(frozen=True)
class _Lenient(_Fit):
    """The verdict of ``Schema.isValidDefault`` in Avro Java 1.12."""

    unfinished: Sequence[Mapping[str, Any]]

    def fits_primitive(self, default: Any, name: str) -> bool:
        if name == "bytes":
            return isinstance(default, str)
        return super().fits_primitive(default, name)

    def fits_fixed(self, default: Any, size: int) -> bool:  # noqa: ARG002 - any length will do
        return isinstance(default, str)

    def fits_record(self, default: dict[str, Any], schema: dict[str, Any], namespace: str) -> bool:
        if any(schema is record for record in self.unfinished):
            raise UnfinishedRecordError
        return super().fits_record(default, schema, namespace)


@dataclass(frozen=True)
class _Exact(_Fit):
    """The verdict that readers need."""

    def fits_enum(self, default: Any, symbols: list[str]) -> bool:
        return default in symbols

    def fits_object(self, default: Any, schema: dict[str, Any], namespace: str) -> bool:
        no_number = default == "" and schema.get("logicalType") == "decimal"
        return not no_number and super().fits_object(default, schema, namespace)
