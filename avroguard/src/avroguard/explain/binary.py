"""Avro's binary encoding: values to bytes, and bytes to the parts of values. No I/O.

Source: the Avro specification, "Binary encoding".
"""

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from avroguard.compatibility.nodes import Array, Enum, Fixed, Map, Node, Primitive, Record, Union, kind, label

_T = TypeVar("_T")
_FLOAT_LIMIT = 2.0**128 - 2.0**103  # from here on a number is nearer to infinity than to a float of 32 bits
_LONGEST_NUMBER = 10  # bytes: seven bits of a long in each


class ReadError(ValueError):
    """Bytes that can't be read, or a schema that can't read them."""


def branch_name(branch: Node) -> str:
    """The name that tells a branch of a union from the others: the full name of a named type, else the kind."""
    return str(getattr(branch.definition, "full_name", kind(branch)))


def encode(schema: Node, value: Any) -> bytes:  # noqa: PLR0911 - a case for each type
    """Encode a value of a schema.

    Args:
        schema: The schema, parsed.
        value: A dict for a record or a map, a list for an array, a str for an enum, bytes for a fixed, a pair of the
            branch's name and the value for a union. Logical types are written as the types that they annotate.

    Raises:
        ValueError: If it is no value of the schema.
    """
    match schema.definition, value:
        case Primitive(name=name), _:
            return _encode_primitive(name, value)
        case Record(fields=fields), Mapping() if {field.name for field in fields} == value.keys():
            return b"".join(encode(field.type, value[field.name]) for field in fields)
        case Enum(symbols=symbols), str() if value in symbols:
            return _number(symbols.index(value))
        case Fixed(size=size), bytes() if len(value) == size:
            return value
        case Array(items=items), list():
            return _block([encode(items, item) for item in value])
        case Map(values=values), Mapping():
            return _block([_encode_primitive("string", key) + encode(values, item) for key, item in value.items()])
        case Union(branches=branches), (str(name), inner):
            for index, branch in enumerate(branches):
                if branch_name(branch) == name:
                    return _number(index) + encode(branch, inner)
    raise ValueError(f"{value!r:.60} is no value of {label(schema)}")


def _encode_primitive(name: str, value: Any) -> bytes:  # noqa: PLR0911 - a case for each type
    match name, value:
        case "null", None:
            return b""
        case "boolean", bool():
            return bytes([value])
        case "int", int() if -(2**31) <= value < 2**31:
            return _number(value)
        case "long", int() if -(2**63) <= value < 2**63:
            return _number(value)
        case "float", int() | float() if not math.isfinite(value) or abs(value) < _FLOAT_LIMIT:
            return struct.pack("<f", value)
        case "double", int() | float():
            return struct.pack("<d", value)
        case "bytes", bytes():
            return _number(len(value)) + value
        case "string", str():
            text = value.encode()
            return _number(len(text)) + text
    raise ValueError(f"{value!r:.60} is no value of {name}")


def _number(value: int) -> bytes:
    """A whole number: zig-zag, then seven bits a byte, the lowest ones first."""
    rest, encoded = (value << 1) ^ (value >> 63), bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*encoded, rest])


def _block(items: list[bytes]) -> bytes:
    """The items of an array or a map as one block, and the block without items that ends it."""
    return _number(len(items)) + b"".join(items) + b"\0" if items else b"\0"


@dataclass
class BinaryInput:
    """Reads the parts of a value one after the other.

    Attributes:
        body: The bytes.
        position: The offset of the next part.
    """

    body: bytes
    position: int = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes; raises ReadError where there are fewer."""
        end = self.position + size
        if not self.position <= end <= len(self.body):
            raise ReadError(f"the data end at byte {len(self.body)}, inside of a value")
        taken, self.position = self.body[self.position : end], end
        return taken

    def number(self) -> int:
        """Read an int or a long."""
        number = 0
        for index in range(_LONGEST_NUMBER):
            (byte,) = self.take(1)
            number |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
        raise ReadError(f"byte {self.position} is in a number of more than 64 bits")

    def primitive(self, name: str) -> Any:  # noqa: PLR0911 - a case for each type
        """Read a value of a primitive type; bytes that are no UTF-8 become U+FFFD in a string, as in Java."""
        match name:
            case "null":
                return None
            case "boolean":
                return self.take(1) != b"\0"
            case "int" | "long":
                return self.number()
            case "float":
                return struct.unpack("<f", self.take(4))[0]
            case "double":
                return struct.unpack("<d", self.take(8))[0]
            case "bytes":
                return self.take(self.number())
        return self.take(self.number()).decode(errors="replace")

    def items(self, read: Callable[["BinaryInput"], _T]) -> Iterator[_T]:
        """Read the items of an array, or the pairs of a map, in all of its blocks."""
        while count := self.number():
            if count < 0:
                self.number()  # the size of the block in bytes, for readers that skip it
            for _ in range(abs(count)):
                yield read(self)
