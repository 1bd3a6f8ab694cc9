"""The fields of a transaction in rules: the content of their columns, and their values as text."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.contracts import Form, Kind, Schema, kinds_of

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_TICKS = {"date": 86_400_000_000, "time-millis": 1000, "time-micros": 1}  # microseconds in one of the column's units
_TICKS |= {
    f"{kind}timestamp-{unit}": ticks for kind in ("", "local-") for unit, ticks in (("millis", 1000), ("micros", 1))
}
_EXAMPLES = {"date": "2026-01-31", "time-millis": "23:59:59", "time-micros": "23:59:59"}
_NAMES = {
    Form.FLOAT: "a floating point number",
    Form.BOOLEAN: "true or false",
    Form.TEXT: "text",
    Form.BYTES: "bytes",
    Form.OTHER: "no single value",
}
_KEYS = (Form.INTEGER, Form.BOOLEAN, Form.TEXT)


class NotAValueError(ValueError):
    """A literal is not a value of the field; the message says what is expected."""


@dataclass(frozen=True)
class Field:
    """A field of the transaction.

    Attributes:
        name: Its name in the schema.
        kind: The type of its column.
    """

    name: str
    kind: Kind

    @property
    def is_number(self) -> bool:
        """Return whether it is compared with numbers."""
        return self.kind.form in (Form.INTEGER, Form.BIG_INTEGER, Form.FLOAT) and not self.is_time

    @property
    def is_exact(self) -> bool:
        """Return whether it is a number that can be aggregated: a whole number or a decimal of up to 18 digits."""
        return self.is_number and self.kind.form is Form.INTEGER

    @property
    def is_time(self) -> bool:
        """Return whether it is a date or a time, which are compared with text in the form of ISO 8601."""
        return self.kind.form is Form.INTEGER and self.kind.logical in _TICKS

    @property
    def is_text(self) -> bool:
        """Return whether it is compared with text."""
        return self.kind.form is Form.TEXT

    @property
    def is_flag(self) -> bool:
        """Return whether it is true or false."""
        return self.kind.form is Form.BOOLEAN

    @property
    def is_key(self) -> bool:
        """Return whether it can be in a window's key, and its distinct values be counted."""
        return self.kind.form in _KEYS

    @property
    def described(self) -> str:
        """Return its type, for messages: ``a decimal with 2 decimal places``."""
        if self.kind.logical == "decimal":
            return f"a decimal with {self.kind.scale} decimal places"
        if self.is_time:
            return f"a {self.kind.logical}"
        return _NAMES.get(self.kind.form, "a whole number")

    def number(self, value: Decimal) -> Fraction | float:
        """Return a number as the column has it: unscaled for a decimal, the nearest float for a float field."""
        return float(value) if self.kind.form is Form.FLOAT else Fraction(value) * 10**self.kind.scale

    def text(self, value: str) -> bytes:
        """Return a text as the column has it.

        Raises:
            NotAValueError: The field never has that value.
        """
        if self.kind.symbols and value not in self.kind.symbols:
            raise NotAValueError(f"{self.name} is one of {', '.join(self.kind.symbols)}")
        if self.kind.logical == "uuid":
            try:
                return str(uuid.UUID(value)).encode()
            except ValueError:
                raise NotAValueError(f"{self.name} is a UUID such as {uuid.UUID(int=0)}") from None
        if "\0" in value:
            raise NotAValueError("a text has no zero character here")
        return value.encode()

    def time(self, value: str) -> tuple[Fraction, str]:
        """Return a date or time as the column has it, and its canonical spelling; without an offset it is in UTC.

        Raises:
            NotAValueError: It is no date or time in the form of ISO 8601.
        """
        try:
            micros, spelling = self._micros(value)
        except ValueError:
            example = _EXAMPLES.get(str(self.kind.logical), "2026-01-31T23:59:59Z")
            raise NotAValueError(f"{self.name} is {self.described}, such as '{example}'") from None
        return Fraction(micros, _TICKS[str(self.kind.logical)]), spelling

    def _micros(self, value: str) -> tuple[int, str]:
        match self.kind.logical:
            case "date":
                day = dt.date.fromisoformat(value)
                return (day - _EPOCH.date()) // _MICROSECOND, day.isoformat()
            case "time-millis" | "time-micros":
                time = dt.time.fromisoformat(value)
                if time.tzinfo:
                    raise ValueError
                since_midnight = dt.datetime.combine(_EPOCH, time, dt.UTC) - _EPOCH
                return since_midnight // _MICROSECOND, time.isoformat()
            case _:
                moment = dt.datetime.fromisoformat(value)
                moment = moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
                return (moment - _EPOCH) // _MICROSECOND, moment.isoformat()

    def show(self, raw: Any) -> str:
        """Return a value of the column for people: decimals in units with all their places, times in ISO 8601."""
        if isinstance(raw, bytes):
            return raw.decode("utf-8", "replace")
        if self.kind.logical == "decimal":
            return show_decimal(int(raw), self.kind.scale)
        if self.is_time:
            since = int(raw) * _TICKS[str(self.kind.logical)] * _MICROSECOND
            return show_time(self.kind.logical, since)
        return str(raw)


def show_decimal(unscaled: int, scale: int) -> str:
    """Return a decimal with all its places: 12300 of scale 2 is ``123.00``."""
    return format(Decimal(f"{unscaled}E-{scale}"), "f")


def show_time(logical: str | None, since: dt.timedelta) -> str:
    """Return a date or time of a logical type, given the time since the epoch or midnight."""
    moment = _EPOCH + since
    match logical:
        case "date":
            return moment.date().isoformat()
        case "time-millis" | "time-micros":
            return moment.time().isoformat()
        case _:
            return moment.isoformat().replace("+00:00", "Z")


def fields_of_schema(schema: Schema) -> Mapping[str, Field]:
    """Return the fields of a transaction by name.

    Args:
        schema: The schema of the transactions, as the rules' topic carries them.

    Raises:
        ContractError: It is no schema of a record.
    """
    return {name: Field(name, kind) for name, kind in kinds_of(schema.json).items()}
