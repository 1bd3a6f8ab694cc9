"""Numbers computed from the fields of a transaction and from features: frozen trees, evaluated on a batch at once.

Every value is a float64; a missing one is NaN. Only operations that IEEE 754 rounds correctly are used: a value is the
same to the last bit on every machine, whatever the size of the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from services.rules.conditions import OPERATORS, Expression, null_mark
from services.rules.model import Columns, Mask, feature_column

Numbers = NDArray[np.float64]

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


class NumericExpression(Protocol):
    """A number for each transaction. Two with the same text are the same expression."""

    @property
    def text(self) -> str:
        """The canonical spelling."""

    @property
    def fields(self) -> frozenset[str]:
        """The columns that it needs: fields, and features by their `feature_column`."""

    def numbers(self, columns: Columns, rows: int) -> Numbers:
        """Return the number of each of `rows` transactions; NaN where it is missing."""


@dataclass(frozen=True)
class Constant:
    """A number that the source says."""

    text: str
    value: float

    @property
    def fields(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    def numbers(self, columns: Columns, rows: int) -> Numbers:  # noqa: ARG002
        """Return the number for each transaction."""
        return np.full(rows, self.value)


@dataclass(frozen=True)
class FieldNumber:
    """A field in its own unit, such as the currency's: a number, or 1 and 0 for true and false.

    Attributes:
        text: The canonical spelling.
        field: The field's name.
        unit: What the column's values are divided by: 100 for a decimal of scale 2.
        divisor: The remainder after a division by it, as the column has it; None for the field itself.
    """

    text: str
    field: str
    unit: int = 1
    divisor: int | None = None

    @property
    def fields(self) -> frozenset[str]:
        """The field."""
        return frozenset({self.field})

    def numbers(self, columns: Columns, rows: int) -> Numbers:  # noqa: ARG002
        """Return the field of each transaction."""
        column = columns[self.field]
        exact = column if self.divisor is None else column % self.divisor
        values: Numbers = exact.astype(np.float64)
        if self.unit != 1:
            values /= self.unit
        return _known(values, columns, self.field)


@dataclass(frozen=True)
class FeatureNumber:
    """Another feature."""

    name: str

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return self.name

    @property
    def fields(self) -> frozenset[str]:
        """The feature's column."""
        return frozenset({feature_column(self.name)})

    def numbers(self, columns: Columns, rows: int) -> Numbers:  # noqa: ARG002
        """Return the feature of each transaction."""
        numbers: Numbers = columns[feature_column(self.name)]
        return numbers


@dataclass(frozen=True)
class TimePart:
    """The hour of the day (0 to 23) or the day of the week (0 is Monday) of a time.

    Attributes:
        part: `hour` or `weekday`.
        field: The field with the time.
        ticks: The column's units in a millisecond, as a fraction: (units, milliseconds).
        offset: The spelling of the offset from UTC, such as ``+02:00``; empty for UTC.
        offset_ms: The same in milliseconds.
    """

    part: str
    field: str
    ticks: tuple[int, int] = (1, 1)
    offset: str = ""
    offset_ms: int = 0

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return f"{self.part}({self.field}, '{self.offset}')" if self.offset else f"{self.part}({self.field})"

    @property
    def fields(self) -> frozenset[str]:
        """The field."""
        return frozenset({self.field})

    def numbers(self, columns: Columns, rows: int) -> Numbers:  # noqa: ARG002
        """Return the part of each transaction's time."""
        units, milliseconds = self.ticks
        column: NDArray[np.int64] = columns[self.field]
        times = column * milliseconds // units + self.offset_ms
        # Day 0 of the epoch was a Thursday.
        parts = times % DAY_MS // HOUR_MS if self.part == "hour" else (times // DAY_MS + 3) % 7
        return _known(parts.astype(np.float64), columns, self.field)


@dataclass(frozen=True)
class Negative:
    """The negative of a number."""

    operand: NumericExpression

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return f"-{_within(self.operand)}"

    @property
    def fields(self) -> frozenset[str]:
        """The columns that it needs."""
        return self.operand.fields

    def numbers(self, columns: Columns, rows: int) -> Numbers:
        """Return the negative of each transaction's number."""
        return -self.operand.numbers(columns, rows)


@dataclass(frozen=True)
class Arithmetic:
    """Two numbers added, subtracted, multiplied or divided. A division by zero has no result."""

    left: NumericExpression
    sign: str
    right: NumericExpression

    @cached_property
    def text(self) -> str:
        """The canonical spelling."""
        return f"{_within(self.left)} {self.sign} {_within(self.right)}"

    @cached_property
    def fields(self) -> frozenset[str]:
        """The columns that it needs."""
        return self.left.fields | self.right.fields

    def numbers(self, columns: Columns, rows: int) -> Numbers:
        """Return the result for each transaction."""
        left, right = self.left.numbers(columns, rows), self.right.numbers(columns, rows)
        with np.errstate(all="ignore"):  # what has no result is missing
            result: Numbers = _ARITHMETIC[self.sign](left, right)
        if self.sign == "/":
            result[right == 0] = np.nan
        return result


@dataclass(frozen=True)
class Call:
    """A function of numbers: `abs`, `min`, `max`, or `coalesce`, the first that is not missing."""

    function: str
    arguments: tuple[NumericExpression, ...]

    @cached_property
    def text(self) -> str:
        """The canonical spelling."""
        return f"{self.function}({', '.join(argument.text for argument in self.arguments)})"

    @cached_property
    def fields(self) -> frozenset[str]:
        """The columns that it needs."""
        return frozenset().union(*(argument.fields for argument in self.arguments))

    def numbers(self, columns: Columns, rows: int) -> Numbers:
        """Return the function's result for each transaction."""
        values = [argument.numbers(columns, rows) for argument in self.arguments]
        if self.function == "abs":
            return np.abs(values[0])
        return reduce(_FUNCTIONS[self.function], values)


@dataclass(frozen=True)
class ConditionNumber:
    """A condition as a number: 1 where it holds, 0 where it does not, also for want of a value."""

    condition: Expression

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return self.condition.text

    @property
    def fields(self) -> frozenset[str]:
        """The columns that it needs."""
        return self.condition.root.fields

    def numbers(self, columns: Columns, rows: int) -> Numbers:
        """Return 1 or 0 for each transaction."""
        return self.condition.mask(columns, rows).astype(np.float64)


@dataclass(frozen=True)
class NumericComparison:
    """A condition that compares two numbers; false where one is missing."""

    left: NumericExpression
    sign: str
    right: NumericExpression

    @cached_property
    def text(self) -> str:
        """The canonical spelling."""
        return f"{self.left.text} {self.sign} {self.right.text}"

    @cached_property
    def fields(self) -> frozenset[str]:
        """The columns that it needs."""
        return self.left.fields | self.right.fields

    def mask(self, columns: Columns) -> Mask:
        """Return for each transaction whether it holds."""
        rows = len(columns[next(iter(self.fields))])
        left, right = self.left.numbers(columns, rows), self.right.numbers(columns, rows)
        mask: Mask = OPERATORS[self.sign](left, right)
        return mask & ~(np.isnan(left) | np.isnan(right)) if self.sign == "!=" else mask


@dataclass(frozen=True)
class FeatureFlag:
    """A feature that is a condition, as a part of another condition."""

    name: str
    negated: bool = False

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return f"not {self.name}" if self.negated else self.name

    @property
    def fields(self) -> frozenset[str]:
        """The feature's column."""
        return frozenset({feature_column(self.name)})

    def mask(self, columns: Columns) -> Mask:
        """Return for each transaction whether it holds."""
        mask: Mask = columns[feature_column(self.name)] == (0 if self.negated else 1)
        return mask


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}
_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "min": np.minimum,
    "max": np.maximum,
    "coalesce": lambda first, second: np.where(np.isnan(first), second, first),
}


def _within(part: NumericExpression) -> str:
    """Return the spelling of a part inside a larger expression."""
    simple = isinstance(part, Constant | FeatureNumber | TimePart | Call) or (
        isinstance(part, FieldNumber) and part.divisor is None
    )
    return part.text if simple else f"({part.text})"


def _known(values: Numbers, columns: Columns, field: str) -> Numbers:
    """Return values, and NaN where a field has none."""
    nulls = columns.get(null_mark(field))
    if nulls is not None:
        values[nulls] = np.nan
    return values
