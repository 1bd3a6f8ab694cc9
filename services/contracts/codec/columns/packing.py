"""Packing of a column into Avro's binary encoding: a table of bytes with a row per value, and the lengths.

Each function raises ``Unpackable`` where a value isn't one of the type.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.contracts.codec.body_validation import INT64_DIGITS, LONG_RANGE, value_range
from services.contracts.codec.columns.cursor import Array, Ints, Mask
from services.contracts.codec.columns.steps import are_uuids

_POWERS = np.array([1 << (8 * size - 1) for size in range(1, 8)], np.int64)


class Unpackable(Exception):  # noqa: N818 - never raised outside this package
    """A column isn't of the field's type; the message has the expectation."""


@dataclass(frozen=True)
class Packed:
    """Encoded values.

    Attributes:
        table: uint8, a row per value; bytes beyond a value's length have no meaning.
        length: Number of bytes of each value.
    """

    table: npt.NDArray[np.uint8]
    length: Ints


Packer = Callable[[Array], Packed]


def packer(field_type: dict[str, Any]) -> Packer | None:  # noqa: PLR0911 - a case for each type
    """Return the packer for a type that is no union; None for types without a column."""
    logical = field_type.get("logicalType")
    match field_type["type"]:
        case "boolean":
            return _boolean
        case "int" | "long" as kind:
            return _integer(*value_range(kind, logical))
        case "float":
            return _floating("<f4")
        case "double":
            return _floating("<f8")
        case "bytes" | "fixed" if logical == "decimal":
            return _decimal(field_type.get("size"), field_type["precision"])
        case "string":
            return _uuid if logical == "uuid" else _text
        case "enum":
            return _enum(field_type["symbols"])
        case "bytes":
            return _bytes
        case "fixed":
            return _fixed(field_type["size"])
        case _:
            return None


def numbers(values: Ints) -> Packed:
    """Return the zigzag varints of int64s."""
    zigzag = ((values << 1) ^ (values >> 63)).view(np.uint64)
    widest = max(1, -(-int(zigzag.max(initial=0)).bit_length() // 7))
    table = np.empty((len(values), widest), np.uint8)
    length = np.ones(len(values), np.int64)
    for index in range(widest):
        shifted = zigzag >> np.uint64(7)
        more = shifted > 0
        table[:, index] = (zigzag & np.uint64(0x7F)) | (more.astype(np.uint64) << np.uint64(7))
        length += more
        zigzag = shifted
    return Packed(table, length)


def joined(first: Packed, second: Packed) -> Packed:
    """Return the concatenation of each row's two values."""
    count, width = first.table.shape
    whole = width + second.table.shape[1]
    table = np.zeros((count, whole), np.uint8)
    table[:, :width] = first.table
    place(table, first.length, second)
    return Packed(table, first.length + second.length)


def place(table: npt.NDArray[np.uint8], offset: Ints, piece: Packed) -> None:
    """Write a value into each row of a wider table, at an offset from the row's start."""
    count, width = piece.table.shape
    if not width or not count:
        return
    windows = np.ndarray((table.size - width + 1,), f"V{width}", table, strides=(1,))
    start = np.arange(0, table.size, table.shape[1]) + offset
    windows[start] = np.ascontiguousarray(piece.table).view(f"V{width}").reshape(count)


def or_null(column: Array, nulls: Mask, null_branch: int, value: Packer) -> Packed:
    """Return the values of a union of null and a type. The column's values in null rows are ignored."""
    branch = numbers(np.where(nulls, null_branch, 1 - null_branch).astype(np.int64))
    try:
        present = value(column[~nulls])
    except Unpackable as error:
        raise Unpackable(f"{error} (counting the rows that are not null)") from None
    packed = Packed(np.zeros((len(column), present.table.shape[1]), np.uint8), np.zeros(len(column), np.int64))
    packed.table[~nulls] = present.table
    packed.length[~nulls] = present.length
    return joined(branch, packed)


def _boolean(column: Array) -> Packed:
    if column.dtype != np.bool_:
        raise Unpackable("expected an array of bool")
    return Packed(column.astype(np.uint8)[:, None], np.ones(len(column), np.int64))


def _integers(column: Array) -> Ints:
    if column.dtype.kind not in "iu" or column.dtype == np.uint64:
        raise Unpackable("expected an array of integers")
    return column.astype(np.int64)


def _outside(wrong: Mask, column: Array, expected: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise Unpackable(f"{column[row]!s} in row {row}: expected {expected}")


def _integer(low: int, high: int) -> Packer:
    def pack(column: Array) -> Packed:
        values = _integers(column)
        _outside((values < low) | (values > high), values, f"{low} to {high}")
        return numbers(values)

    return pack


def _floating(dtype: str) -> Packer:
    def pack(column: Array) -> Packed:
        if column.dtype.kind not in "fiu":
            raise Unpackable("expected an array of numbers")
        values = np.ascontiguousarray(column.astype(dtype))
        size = values.dtype.itemsize
        return Packed(values.view(np.uint8).reshape(len(column), size), np.full(len(column), size))

    return pack


def _decimal(size: int | None, precision: int) -> Packer:
    limit = 10**precision if precision <= INT64_DIGITS else LONG_RANGE[1]

    def pack(column: Array) -> Packed:
        values = _integers(column)
        _outside((values >= limit) | (values <= -limit), values, f"at most {precision} digits, unscaled")
        count = len(values)
        if size is None:
            # As many bytes as fastavro takes: enough for the magnitude and a sign bit.
            length = np.searchsorted(_POWERS, np.abs(values), side="right") + 1
            unscaled = (values << (64 - 8 * length)).astype(">i8").view(np.uint8).reshape(count, 8)
            return joined(numbers(length.astype(np.int64)), Packed(unscaled, length.astype(np.int64)))
        unscaled = values.astype(">i8").view(np.uint8).reshape(count, 8)
        table = np.repeat(np.where(values < 0, 0xFF, 0).astype(np.uint8)[:, None], size, axis=1)
        width = min(size, 8)
        table[:, size - width :] = unscaled[:, 8 - width :]
        return Packed(table, np.full(count, size))

    return pack


def _content(column: Array) -> Packed:
    """Return the bytes of an S array, or of an object array of bytes, without their length."""
    if column.dtype == object:
        values = column.tolist()
        if not all(isinstance(value, bytes) for value in values):
            raise Unpackable("expected an array of bytes (text as UTF-8)")
        length = np.fromiter(map(len, values), np.int64, len(values))
        padded = np.array([value + b"\1" for value in values], "S")  # keeps zero bytes at the end
        width = padded.dtype.itemsize
        return Packed(padded.view(np.uint8).reshape(len(values), width), length)
    if column.dtype.kind != "S":
        raise Unpackable("expected an array of bytes (text as UTF-8)")
    width = column.dtype.itemsize
    table = np.ascontiguousarray(column).view(np.uint8).reshape(len(column), width)
    if width and table.size and table[:, -1].all():
        length = np.full(len(column), width)
    else:
        length = np.strings.str_len(column).astype(np.int64)
    return Packed(table, length)


def _bytes(column: Array) -> Packed:
    content = _content(column)
    return joined(numbers(content.length), content)


def _fixed(size: int) -> Packer:
    def pack(column: Array) -> Packed:
        content = _content(column)
        _outside(content.length != size, column, f"{size} bytes")
        return Packed(content.table[:, :size], content.length)

    return pack


def _text(column: Array) -> Packed:
    content = _content(column)
    if content.table.max(initial=0) >= 0x80:
        for row, value in enumerate(column.tolist()):
            try:
                value.decode()
            except UnicodeDecodeError:
                raise Unpackable(f"{value!r} in row {row}: expected UTF-8") from None
    return joined(numbers(content.length), content)


def _uuid(column: Array) -> Packed:
    content = _content(column)
    wrong = content.length != 36
    if len(column) and not wrong.any():
        wrong = ~are_uuids(content.table[:, :36])
    _outside(wrong, column, "a UUID, 8-4-4-4-12 hexadecimal digits in lower case")
    return joined(numbers(content.length), content)


def _enum(symbols: Sequence[str]) -> Packer:
    names = [symbol.encode() for symbol in symbols]

    def pack(column: Array) -> Packed:
        index = np.full(len(column), -1, np.int64)
        for number, name in enumerate(names):
            index[column == name] = number
        _outside(index < 0, column, f"one of {', '.join(symbols)}")
        return numbers(index)

    return pack
