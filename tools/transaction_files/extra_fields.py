"""Fields of a transaction that an evolved contract has besides the usual ones, such as a channel or a merchant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.contracts import Form, Kind, Schema, kinds_of
from services.rules.conditions import null_mark
from tools.transaction_files.amounts import AmountForm, AmountReader
from tools.transaction_files.cells import Read, Unfit, encodable, fraud
from tools.transaction_files.profile import FIELDS
from tools.transaction_files.times import time_reader

_DTYPES = {Form.INTEGER: np.int64, Form.FLOAT: np.float64, Form.BOOLEAN: np.bool_}
_MOST_DIGITS = 18


@dataclass(frozen=True)
class ExtraField:
    """A field of the contract that files may have.

    Attributes:
        name: Its name.
        kind: The type of its column.
        default: The value where the file has none, as the column holds it; None for null.
        is_required: Whether it has no default, and can't be null.
    """

    name: str
    kind: Kind
    default: Any
    is_required: bool

    def reader(self, form: AmountForm, times: Sequence[str], zone: str) -> Read:
        """Return the reader of its cells; an empty cell is null, or the default.

        Args:
            form: The form of decimals.
            times: The forms of times.
            zone: The zone of times that name none.
        """
        read = self._reader(form, times, zone)

        def or_default(cell: str) -> Any:
            if cell.strip():
                return read(cell)
            if self.is_required:
                raise Unfit("a value: the contract has no default for it")
            return self.default

        return or_default

    def _reader(self, form: AmountForm, times: Sequence[str], zone: str) -> Read:
        kind = self.kind
        if kind.symbols:
            return self._symbol
        if kind.logical == "timestamp-millis":
            return time_reader(times, zone)
        match kind.form:
            case Form.TEXT:
                return lambda cell: encodable(cell.strip()).encode()
            case Form.BOOLEAN:
                return fraud
            case Form.FLOAT:
                return _float
        return AmountReader(kind.precision or _MOST_DIGITS, kind.scale, form)

    def _symbol(self, cell: str) -> bytes:
        symbol = cell.strip()
        if symbol not in self.kind.symbols:
            raise Unfit(f"one of {', '.join(self.kind.symbols)}")
        return symbol.encode()

    def columns(self, values: Sequence[Any] | None, count: int) -> dict[str, NDArray[Any]]:
        """Return its column, and the mask of nulls where it may be null.

        Args:
            values: The value of each row; None where the file has no such column.
            count: Number of rows.
        """
        values = [self.default] * count if values is None else values
        nulls = np.array([value is None for value in values], np.bool_)
        zero: Any = b"" if self.kind.form is Form.TEXT or self.kind.symbols else 0
        dtype: Any = "S" if zero == b"" else _DTYPES[self.kind.form]
        column = np.array([zero if value is None else value for value in values], dtype)
        return {self.name: column, null_mark(self.name): nulls} if self.kind.nullable else {self.name: column}


def _float(cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = float("nan")
    if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN
        raise Unfit("a number such as 12.5")
    return number


def extra_fields(schema: Schema) -> dict[str, ExtraField]:
    """Return the fields of a schema that files may have besides those of every contract, by name.

    Fields that hold no single value take their defaults, and are not among these.
    """
    json: Mapping[str, Any] = {field["name"]: field for field in schema.json.get("fields", ())}
    extras = {}
    for name, kind in kinds_of(schema.json).items():
        is_text = kind.form is Form.TEXT or bool(kind.symbols)
        is_number = kind.form in _DTYPES and kind.precision <= _MOST_DIGITS
        is_plain = kind.logical in {None, "decimal", "uuid", "timestamp-millis"}
        if name not in FIELDS and (is_text or is_number) and is_plain:
            default = json[name].get("default")
            default = default.encode() if isinstance(default, str) and is_text else default
            if kind.logical == "decimal" and isinstance(default, str):
                default = int.from_bytes(default.encode("latin-1"), "big", signed=True)
            extras[name] = ExtraField(name, kind, default, "default" not in json[name] and not kind.nullable)
    return extras
