"""Whether the default of a field fits the field's type: by kind and by range, as Avro Java judges it."""

from collections.abc import Callable
from typing import Any


def default_fits(default: Any, schema: Any, namespace: str, defined: dict[str, Any]) -> bool:
    """Whether a default, as JSON, is a value of the type.

    A default of a union may be of any branch, as Avro allows since 1.12; bytes and fixed are written as strings of
    the characters U+0000 to U+00FF. Whether a default of an enum is one of its symbols is not asked here:
    registries don't ask it either.

    Args:
        default: The value of ``default`` as plain JSON data.
        schema: A valid type as plain JSON data.
        namespace: The namespace that encloses the type.
        defined: The named types so far, by full name.
    """
    match schema:
        case list():
            return any(default_fits(default, branch, namespace, defined) for branch in schema)
        case dict():
            return _fits_object(default, schema, namespace, defined)
        case _:
            return _fits_name(default, schema, namespace, defined)


def _fits_name(default: Any, name: str, namespace: str, defined: dict[str, Any]) -> bool:
    if name in _PRIMITIVES:
        return _PRIMITIVES[name](default)
    full = name if "." in name or not namespace else f"{namespace}.{name}"
    return _fits_object(default, defined[full], full.rpartition(".")[0], defined)


def _whole(default: Any, limit: int) -> bool:
    return isinstance(default, int) and not isinstance(default, bool) and -limit <= default < limit


_PRIMITIVES: dict[str, Callable[[Any], bool]] = {
    "null": lambda default: default is None,
    "boolean": lambda default: isinstance(default, bool),
    "int": lambda default: _whole(default, 2**31),
    "long": lambda default: _whole(default, 2**63),
    "float": lambda default: isinstance(default, int | float) and not isinstance(default, bool),
    "double": lambda default: isinstance(default, int | float) and not isinstance(default, bool),
    "string": lambda default: isinstance(default, str),
    "bytes": lambda default: isinstance(default, str) and all(ord(character) < 256 for character in default),
}


def _fits_object(default: Any, schema: dict[str, Any], namespace: str, defined: dict[str, Any]) -> bool:
    match schema["type"]:
        case "array":
            return isinstance(default, list) and all(
                default_fits(item, schema["items"], namespace, defined) for item in default
            )
        case "map":
            return isinstance(default, dict) and all(
                default_fits(item, schema["values"], namespace, defined) for item in default.values()
            )
        case "enum":
            return isinstance(default, str)
        case "fixed":
            return _fits_name(default, "bytes", namespace, defined) and len(default) == schema["size"]
        case "record" | "error":
            return isinstance(default, dict) and all(
                _fits_field(default, one, namespace, defined) for one in schema["fields"]
            )
        case name:
            return _fits_name(default, name, namespace, defined)


def _fits_field(default: dict[str, Any], field: dict[str, Any], namespace: str, defined: dict[str, Any]) -> bool:
    """Whether the field's value, or for want of one its own default, fits."""
    if field["name"] not in default:
        return "default" in field
    return default_fits(default[field["name"]], field["type"], namespace, defined)
