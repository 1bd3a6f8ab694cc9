"""Types of columns, and the conversion of a field's values to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from enum import Enum
from typing import Any

import numpy as np

from services.contracts.codec.body_validation import INT64_DIGITS
from services.contracts.codec.columns.cursor import WIDEST, Array, Ints
from services.contracts.codec.parsed import Parsed
from services.errors import ContractError, PoisonError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_DAY_ZERO = date(1970, 1, 1).toordinal()


class Form(Enum):
    """Storage of a column: the dtype (for text without its width), and the value of null rows."""

    INTEGER = ("int64", 0)
    BIG_INTEGER = ("O", 0)
    FLOAT = ("float64", 0.0)
    BOOLEAN = ("bool", False)
    TEXT = ("S1", b"")
    BYTES = ("O", b"")
    OTHER = ("O", None)


@dataclass(frozen=True)
class Kind:
    """Type of a column.

    Attributes:
        form: Storage of the values.
        nullable: True where a mask of nulls belongs to it.
        logical: Logical type of the decoded values, if any.
        precision: Number of digits of a decimal.
        scale: Number of decimal places of a decimal.
        symbols: Symbols of an enum.
    """

    form: Form
    nullable: bool = False
    logical: str | None = None
    precision: int = 0
    scale: int = 0
    symbols: tuple[str, ...] = ()

    @property
    def zero(self) -> Any:
        """The value of null and failed rows."""
        return self.form.value[1]

    def empty(self, count: int) -> Array:
        """Return a column of zero values."""
        dtype, zero = self.form.value
        return np.full(count, zero, dtype)

    def to_physical(self, value: Any) -> Any:  # noqa: PLR0911 - a case for each type
        """Convert a value of the record decoder (not null) to one of the column; raises PoisonError."""
        if self.form is Form.OTHER:
            return value
        match value:
            case Decimal():
                if len(value.as_tuple().digits) > self.precision:
                    raise PoisonError(f"{value} has more than the {self.precision} digits that the reader allows")
                return int(value.scaleb(self.scale, _EXACT))
            case datetime():
                delta = (value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH
                micros = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
                return micros // 1000 if str(self.logical).endswith("millis") else micros
            case date():
                return value.toordinal() - _DAY_ZERO
            case time():
                micros = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
                return micros // 1000 if self.logical == "time-millis" else micros
        if self.form is Form.TEXT:
            return str(value).encode()
        return value

    def patched(self, column: Array, rows: Ints, values: Sequence[Any]) -> Array:
        """Return the column with other values in some rows; in place, unless text needs a wider or another dtype."""
        if self.form is Form.TEXT and column.dtype != object:
            widest = max(map(len, values), default=0)
            if widest > WIDEST or any(value.endswith(b"\0") for value in values):
                column = column.astype(object)
            elif widest > column.dtype.itemsize:
                column = column.astype(f"S{widest}")
        if column.dtype == object:
            for row, value in zip(rows.tolist(), values, strict=True):
                column[row] = value
        elif len(rows):
            column[rows] = values
        return column

    def repeated(self, value: Any, count: int) -> Array:
        """Return a column with the same value (of ``to_physical``) in every row."""
        column = self.empty(count)
        rows = np.arange(count)
        return self.patched(column, rows, [value] * count)


_FORMS = {
    "int": Form.INTEGER,
    "long": Form.INTEGER,
    "float": Form.FLOAT,
    "double": Form.FLOAT,
    "boolean": Form.BOOLEAN,
    "string": Form.TEXT,
    "enum": Form.TEXT,
    "bytes": Form.BYTES,
    "fixed": Form.BYTES,
}


def kind_of(schema: Parsed, field_type: Any) -> Kind:
    """Return the kind of a field's column; ``Form.OTHER`` for a type that is no scalar, nullable or not."""
    nullable, value_type = optional(schema, field_type)
    if value_type is None:
        return Kind(Form.OTHER, nullable)
    logical = value_type.get("logicalType")
    if logical == "decimal" and value_type["type"] in ("bytes", "fixed"):
        precision, scale = value_type["precision"], value_type.get("scale", 0)
        form = Form.INTEGER if precision <= INT64_DIGITS else Form.BIG_INTEGER
        return Kind(form, nullable, "decimal", precision, scale)
    symbols = tuple(value_type["symbols"]) if value_type["type"] == "enum" else ()
    return Kind(_FORMS.get(value_type["type"], Form.OTHER), nullable, logical, symbols=symbols)


def kinds_of(schema: Any) -> dict[str, Kind]:
    """Return the kind of the column of each field of a record, by the field's name.

    Args:
        schema: The record's schema as plain JSON data.

    Raises:
        ContractError: If it is not a valid schema of a record.
    """
    parsed = Parsed.of(schema)
    top = parsed.resolve(parsed.schema)
    if isinstance(top, list) or "fields" not in top:
        raise ContractError(f"{parsed.name} is not a record: it has no fields")
    return {field["name"]: kind_of(parsed, field["type"]) for field in top["fields"]}


def optional(schema: Parsed, field_type: Any) -> tuple[bool, dict[str, Any] | None]:
    """Return whether a type allows null, and its only other type; None where it has several others or none."""
    resolved = schema.resolve(field_type)
    if not isinstance(resolved, list):
        return False, resolved
    branches = [branch for branch in map(schema.resolve, resolved) if branch["type"] != "null"]
    return len(branches) < len(resolved), branches[0] if len(branches) == 1 else None
