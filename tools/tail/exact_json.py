"""JSON of what Avro holds: decimals as exact numbers, times as ISO 8601, bytes as base64."""

import base64
import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any


def dumps(value: Any) -> str:
    """A value as JSON on one line.

    A decimal becomes a number with exactly its digits (``12.30``), which ``json.dumps`` can't write. Floats that JSON
    has no number for become the strings that Avro's own JSON encoding has: ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.

    Args:
        value: Anything that ``RecordDecoder`` gives, in mappings and lists.
    """
    match value:
        case Mapping():
            return "{" + ", ".join(f"{dumps(str(key))}: {dumps(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(dumps, value)) + "]"
        case Decimal():
            return format(value, "f")
        case _:
            return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A single value as one that JSON has."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case datetime() | date() | time():
            return iso(value)
        case str() | bool() | int() | float() | None:
            return value
        case _:
            return str(value)


def iso(value: datetime | date | time) -> str:
    """ISO 8601, with Z for UTC and no more decimal places than milliseconds where these suffice."""
    if not isinstance(value, datetime | time):
        return value.isoformat()
    exact = "microseconds" if value.microsecond % 1000 else "milliseconds"
    return value.isoformat(timespec=exact).replace("+00:00", "Z")
