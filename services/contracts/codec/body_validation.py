"""Checks of a record's bytes against its writer's schema, stricter than those of Avro libraries.

Libraries are lenient: they take a negative enum index for an index from the end, round a decimal with too many digits,
ignore trailing bytes, reserve memory for any length that a message claims, and recurse until the process dies. This
check covers every byte before a library decodes the body, in time and memory that grow with the body alone, and errors
name the field. The rules are those of https://avro.apache.org/docs/1.12.0/specification/
and, for logical types, the range of Python's ``datetime`` (years 1 to 9999).
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from services.contracts.codec.parsed import Parsed
from services.errors import PoisonError

# Deeper than any sensible data, far from the end of the C stack on which a library would recurse.
MAX_DEPTH = 100
# Items that take no bytes (nulls) would allow a short body to claim any number of items.
MAX_EMPTY_ITEMS = 1000

UUID = re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# Values that Python can represent, in the logical type's unit, both ends included.
RANGES: Mapping[tuple[str, str], tuple[int, int]] = {
    ("int", "date"): (-719_162, 2_932_896),
    ("int", "time-millis"): (0, 86_399_999),
    ("long", "time-micros"): (0, 86_399_999_999),
    ("long", "timestamp-millis"): (-62_135_596_800_000, 253_402_300_799_999),
    ("long", "timestamp-micros"): (-62_135_596_800_000_000, 253_402_300_799_999_999),
    ("long", "local-timestamp-millis"): (-62_135_596_800_000, 253_402_300_799_999),
    ("long", "local-timestamp-micros"): (-62_135_596_800_000_000, 253_402_300_799_999_999),
}
INT_RANGE = (-(2**31), 2**31 - 1)
LONG_RANGE = (-(2**63), 2**63 - 1)
# The largest number of decimal digits of which every number is a long.
INT64_DIGITS = 18

# Takes a body, a position in it and the depth of nesting; returns the position after the checked value.
_Check = Callable[[bytes, int, int], int]


def value_range(kind: str, logical: str | None) -> tuple[int, int]:
    """Return the lowest and highest value of an int or long, by its logical type."""
    return RANGES.get((kind, logical or ""), INT_RANGE if kind == "int" else LONG_RANGE)


def compile_check(schema: Parsed) -> Callable[[bytes], None]:
    """Make the check of a schema.

    Returns:
        A function that takes a body and raises PoisonError where the body isn't exactly one value of the schema.
    """
    check = _Compiler(schema).check(schema.schema, "the value")

    def whole(body: bytes) -> None:
        end = check(body, 0, 0)
        if end != len(body):
            raise PoisonError(f"{len(body) - end} bytes too many: the value ends at byte {end} of {len(body)}")

    return whole


def _short(where: str, needed: int, body: bytes, at: int) -> PoisonError:
    return PoisonError(f"{where}: truncated: needs {needed} bytes at byte {at}, but the body ends at {len(body)}")


def _number(body: bytes, at: int, where: str) -> tuple[int, int]:
    """Return a zigzag varint of at most 64 bits, and the position after it."""
    value = shift = 0
    start, end = at, len(body)
    while True:
        if at >= end:
            raise _short(where, at - start + 1, body, start)
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise PoisonError(f"{where}: the number at byte {start} continues after 10 bytes, the limit of a varint")
    if value >> 64:
        raise PoisonError(f"{where}: the number at byte {start} has more than 64 bits")
    return (value >> 1) ^ -(value & 1), at


class _Compiler:
    """Compiler of a check for each type of one schema; records are called by name, so that they may recurse."""

    def __init__(self, schema: Parsed) -> None:
        self._schema = schema
        self._records: dict[str, _Check] = {}

    def check(self, schema: Any, where: str) -> _Check:  # noqa: PLR0911 - a case for each type
        schema = self._schema.resolve(schema)
        if isinstance(schema, list):
            return self._union(schema, where)
        match schema["type"]:
            case "null":
                return lambda body, at, depth: at  # noqa: ARG005 - all checks are called alike
            case "boolean":
                return _boolean(where)
            case "int" | "long" as kind:
                return _integer(where, *value_range(kind, schema.get("logicalType")))
            case "float":
                return _fixed_size(where, 4)
            case "double":
                return _fixed_size(where, 8)
            case "string" | "bytes" | "fixed" as kind:
                return _binary(where, None if kind != "fixed" else schema["size"], _content(where, schema))
            case "enum":
                return _integer(where, 0, len(schema["symbols"]) - 1, "the index of an enum's symbol")
            case "array":
                return _blocks(where, self.check(schema["items"], f"{where}, an item"))
            case "map":
                key = _binary(f"{where}, a key", None, _utf8(f"{where}, a key"))
                value = self.check(schema["values"], f"{where}, a value")
                return _blocks(where, lambda body, at, depth: value(body, key(body, at, depth), depth))
            case _:
                return self._record(schema, where)

    def _union(self, branches: list[Any], where: str) -> _Check:
        checks = [self.check(branch, where) for branch in branches]

        def check(body: bytes, at: int, depth: int) -> int:
            branch, at = _number(body, at, where)
            if not 0 <= branch < len(checks):
                raise PoisonError(f"{where}: branch {branch} of a union of {len(checks)}")
            return checks[branch](body, at, depth)

        return check

    def _record(self, schema: dict[str, Any], where: str) -> _Check:
        name = schema["name"]
        if name not in self._records:
            fields: list[_Check] = []

            def in_order(body: bytes, at: int, depth: int) -> int:
                for field in fields:
                    at = field(body, at, depth)
                return at

            self._records[name] = in_order
            fields += [self.check(field["type"], f"field {field['name']} of {name}") for field in schema["fields"]]
        record = self._records[name]

        def check(body: bytes, at: int, depth: int) -> int:
            if depth > MAX_DEPTH:
                raise PoisonError(f"{where}: nested more than {MAX_DEPTH} deep")
            return record(body, at, depth + 1)

        return check


def _boolean(where: str) -> _Check:
    def check(body: bytes, at: int, depth: int) -> int:  # noqa: ARG001
        if at >= len(body):
            raise _short(where, 1, body, at)
        if body[at] > 1:
            raise PoisonError(f"{where}: the byte 0x{body[at]:02x} at byte {at} is neither 0 (false) nor 1 (true)")
        return at + 1

    return check


def _integer(where: str, low: int, high: int, meaning: str = "a value") -> _Check:
    def check(body: bytes, at: int, depth: int) -> int:  # noqa: ARG001
        value, end = _number(body, at, where)
        if not low <= value <= high:
            raise PoisonError(f"{where}: {value} is out of range: {meaning} is {low} to {high}")
        return end

    return check


def _fixed_size(where: str, size: int) -> _Check:
    def check(body: bytes, at: int, depth: int) -> int:  # noqa: ARG001
        if at + size > len(body):
            raise _short(where, size, body, at)
        return at + size

    return check


def _binary(where: str, size: int | None, content: Callable[[bytes], None] | None) -> _Check:
    """Return the check of bytes of a known size, or (None) of a size written before them."""

    def check(body: bytes, at: int, depth: int) -> int:  # noqa: ARG001
        length = size
        if length is None:
            length, at = _number(body, at, where)
            if length < 0:
                raise PoisonError(f"{where}: a length of {length}")
        end = at + length
        if end > len(body):
            raise _short(where, length, body, at)
        if content:
            content(body[at:end])
        return end

    return check


def _content(where: str, schema: dict[str, Any]) -> Callable[[bytes], None] | None:
    """Return the check of a value's bytes, by its type and logical type."""
    match schema["type"], schema.get("logicalType"):
        case "string", "uuid":
            return _uuid(where)
        case "string", _:
            return _utf8(where)
        case "bytes" | "fixed", "decimal":
            return _decimal(where, schema["precision"])
        case _:
            return None


def _utf8(where: str) -> Callable[[bytes], None]:
    def check(text: bytes) -> None:
        try:
            text.decode()
        except UnicodeDecodeError as error:
            raise PoisonError(f"{where}: not UTF-8: {error.reason} at byte {error.start} of the text") from None

    return check


def _uuid(where: str) -> Callable[[bytes], None]:
    def check(text: bytes) -> None:
        if not UUID.fullmatch(text):
            raise PoisonError(f"{where}: {text[:40]!r} is not a UUID: expected 8-4-4-4-12 hexadecimal digits")

    return check


def _decimal(where: str, precision: int) -> Callable[[bytes], None]:

    def check(unscaled: bytes) -> None:
        if not unscaled:
            raise PoisonError(f"{where}: a decimal of no bytes")
        if (8 * len(unscaled) - 1) * math.log10(2) <= precision:
            return
        # Computed only if needed, as a schema may declare a billion digits.
        limit = 10**precision
        if not -limit < int.from_bytes(unscaled, "big", signed=True) < limit:
            raise PoisonError(f"{where}: a decimal with more than the {precision} digits of its precision")

    return check


def _blocks(where: str, item: _Check) -> _Check:
    """Return the check of blocks of items, each after its count; a negative count is followed by the block's bytes."""

    def check(body: bytes, at: int, depth: int) -> int:
        while True:
            count, at = _number(body, at, where)
            if not count:
                return at
            size = None
            if count < 0:
                count = -count
                size, at = _number(body, at, where)
            start = at
            for done in range(count):
                at = item(body, at, depth)
                if at == start and done >= MAX_EMPTY_ITEMS:
                    raise PoisonError(f"{where}: {count} items in no bytes: at most {MAX_EMPTY_ITEMS} are allowed")
            if size is not None and at != start + size:
                raise PoisonError(f"{where}: a block of {at - start} bytes claims {size}")

    return check
