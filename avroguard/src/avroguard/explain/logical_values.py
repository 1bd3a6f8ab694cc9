"""The values that logical types stand for. No I/O.

Source: the Avro specification, "Logical Types", and the conversions of Avro Java 1.12. A type whose attributes are
invalid is read as if it had no logical type.
"""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from avroguard.compatibility.nodes import Fixed, Node, kind
from avroguard.explain.binary import ReadError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_UNITS = {"millis": timedelta(milliseconds=1), "micros": timedelta(microseconds=1)}
_TIMES = {("time-millis", "int"), ("time-micros", "long")}
_UUID_SIZE = 16  # bytes


def conversion(schema: Node) -> Callable[[Any], Any] | None:  # noqa: PLR0911 - a case for each logical type
    """Return what makes a value of the type's own one; None where it has no logical type, or one left as it is.

    Left as they are: durations, big decimals, nanoseconds, and times beyond the years that Python has.
    """
    logical, underlying = schema.attributes.get("logicalType"), kind(schema)
    if not isinstance(logical, str):
        return None
    family, _, unit = logical.rpartition("-")
    match family, underlying:
        case "timestamp", "long" if unit in _UNITS:
            return lambda count: _moment(_EPOCH, count, _UNITS[unit])
        case "local-timestamp", "long" if unit in _UNITS:
            return lambda count: _moment(_EPOCH.replace(tzinfo=None), count, _UNITS[unit])
        case "time", _ if (logical, underlying) in _TIMES:
            return lambda count: _time_of_day(count, _UNITS[unit])
        case "", "int" if logical == "date":
            return _date
        case "", "string" if logical == "uuid":
            return _uuid
        case "", "fixed" if logical == "uuid" and isinstance(schema, Fixed) and schema.size == _UUID_SIZE:
            return lambda value: UUID(bytes=value)
        case "", _ if logical == "decimal" and (scale := _scale(schema)) is not None:
            return lambda value: _decimal(value, scale)
    return None


def decimal_bytes(unscaled: int, size: int | None = None) -> bytes:
    """Return a decimal as it is written: in as many bytes as it needs, or in those of a fixed."""
    return unscaled.to_bytes(size or unscaled.bit_length() // 8 + 1, "big", signed=True)


def _scale(schema: Node) -> int | None:
    """The scale of a valid decimal."""
    precision, scale = schema.attributes.get("precision"), schema.attributes.get("scale", 0)
    if type(precision) is not int or type(scale) is not int or precision < 1 or not 0 <= scale <= precision:
        return None
    if isinstance(schema, Fixed) and precision > math.floor(math.log10(2) * (8 * schema.size - 1)):
        return None
    return scale if kind(schema) in ("bytes", "fixed") else None


def _decimal(value: bytes, scale: int) -> Decimal:
    if not value:
        raise ReadError("a decimal has no bytes")
    sign, digits, _ = Decimal(int.from_bytes(value, "big", signed=True)).as_tuple()
    return Decimal((sign, digits, -scale))


def _moment(epoch: datetime, count: int, unit: timedelta) -> datetime | int:
    try:
        return epoch + count * unit
    except OverflowError:
        return count


def _time_of_day(count: int, unit: timedelta) -> time:
    if not 0 <= count < _DAY // unit:
        raise ReadError(f"{count} is no time of day")
    return (_EPOCH + count * unit).time()


def _date(days: int) -> date | int:
    try:
        return _EPOCH.date() + timedelta(days=days)
    except OverflowError:
        return days


def _uuid(text: str) -> UUID:
    try:
        value = UUID(text)
    except ValueError:
        value = None
    if value is None or str(value) != text.lower():
        raise ReadError(f"{text!r:.60} is no UUID")
    return value
