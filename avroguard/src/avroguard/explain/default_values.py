"""Value that a field's default stands for, ready to be encoded. No I/O.

Source: the Avro specification, "Complex Types", and Avro Java 1.12, which takes the first branch of a union whose
values have the JSON form of the default, and cuts or fills up the default of a fixed to its size.
"""

import math
import struct
from typing import Any

from avroguard.compatibility.nodes import Array, Enum, Field, Fixed, Map, Node, Primitive, Record, Union, label
from avroguard.explain.binary import ReadError, branch_name


def default_value(schema: Node, default: Any) -> Any:  # noqa: PLR0911 - a case for each type
    """Return the value that a default stands for, as `encode` takes it.

    Args:
        schema: The type, parsed.
        default: The default as plain JSON data.

    Raises:
        ReadError: If it is no value of the type.
    """
    match schema.definition, default:
        case Union(branches=branches), _:
            for branch in branches:
                if _has_form(branch.definition, default):
                    return branch_name(branch), default_value(branch, default)
        case Record(fields=fields), dict():
            return {field.name: default_value(field.type, _field(field, default)) for field in fields}
        case Array(items=items), list():
            return [default_value(items, item) for item in default]
        case Map(values=values), dict():
            return {key: default_value(values, value) for key, value in default.items()}
        case Enum(symbols=symbols), str() if default in symbols:
            return default
        case Fixed(size=size), str():
            return default.encode("latin-1", "replace")[:size].ljust(size, b"\0")
        case Primitive(name=name), _:
            return _primitive(name, default)
    raise ReadError(f"the default {default!r:.60} is no value of {label(schema)}")


def _field(field: Field, default: dict[str, Any]) -> Any:
    """The value of a record's field in a default, or for want of one the field's own."""
    if field.name not in default and not field.has_default:
        raise ReadError(f"No default value for field {field.name}")
    return default.get(field.name, field.default)


def _primitive(name: str, default: Any) -> Any:
    match name, default:
        case ("null", None) | ("boolean", bool()) | ("string", str()):
            return default
        case "bytes", str():
            return default.encode("latin-1", "replace")
        case (("float" | "double"), str()):
            return _primitive(name, _number(default))
        case "int" | "long", int() | float() if type(default) is not bool and math.isfinite(default):
            bits = 32 if name == "int" else 64
            return (int(default) + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
        case "float", int() | float() if type(default) is not bool:
            return _single(float(default))
        case "double", int() | float() if type(default) is not bool:
            return float(default)
    raise ReadError(f"the default {default!r:.60} is no value of {name}")


def _number(text: str) -> float:
    """A number as text, which Avro Java's parser takes for a float or a double: with a suffix, or hexadecimal."""
    digits = text.strip().rstrip("fFdD")
    try:
        return float.fromhex(digits) if "x" in digits.lower() else float(digits)
    except (ValueError, OverflowError):
        raise ReadError(f"the default {text!r:.60} is no number") from None


def _single(value: float) -> float:
    """The number of 32 bits that is nearest to one of 64."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _has_form(schema: Node, default: Any) -> bool:
    """Return whether a default has the JSON form of a type: all that Avro Java asks of a union's branches."""
    match schema:
        case Primitive(name="null"):
            return default is None
        case Primitive(name="boolean"):
            return isinstance(default, bool)
        case Primitive(name="int" | "long" | "float" | "double"):
            return isinstance(default, int | float) and not isinstance(default, bool)
        case Array():
            return isinstance(default, list)
        case Record() | Map():
            return isinstance(default, dict)
    return isinstance(default, str)
