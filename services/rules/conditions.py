"""Conditions on the fields of one transaction: frozen trees that are evaluated on a batch's columns at once.

A `not` stands in the leaves only (the parser moves it there), and a leaf about a field without a value is false,
whether negated or not. So a condition holds exactly where SQL's three-valued logic calls it true.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from services.rules.model import FEATURE, Columns, Mask

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
FLIPPED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""The equivalent comparison with its sides exchanged."""

NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
"""The comparison that is its negation."""


def null_mark(field: str) -> str:
    """Return the name of the column that marks the rows where a nullable field has no value."""
    return f"{field} is null"


def with_nulls(columns: Columns, nulls: Mapping[str, Mask]) -> Columns:
    """Return columns and their marks of null, both as `ColumnDecoder` returns them, as conditions need them."""
    return {**columns, **{null_mark(field): mask for field, mask in nulls.items()}} if nulls else columns


class Node(Protocol):
    """A part of a condition."""

    @property
    def text(self) -> str:
        """The canonical spelling."""

    @property
    def fields(self) -> frozenset[str]:
        """The columns that it needs: fields, and features by their `feature_column`."""

    def mask(self, columns: Columns) -> Mask:
        """Return for each transaction whether it holds."""


@dataclass(frozen=True)
class Expression:
    """A condition: two with the same text are equal."""

    text: str
    root: Node = field(compare=False, repr=False)

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that it needs."""
        return frozenset(name for name in self.root.fields if not name.startswith(FEATURE))

    @cached_property
    def features(self) -> frozenset[str]:
        """The features that it needs."""
        return frozenset(name.removeprefix(FEATURE) for name in self.root.fields - self.fields)

    def mask(self, columns: Columns, rows: int) -> Mask:  # noqa: ARG002 - a condition needs a field at least
        """Return for each of `rows` transactions whether it holds."""
        return self.root.mask(columns)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Comparison:
    """A comparison of a field, or of its remainder after a division, with a number or text.

    Attributes:
        text: The canonical spelling.
        field: The field's name.
        sign: The operator.
        value: The number or text, as the column has it.
        divisor: The divisor, as the column has it; None for the field itself.
    """

    text: str
    field: str
    sign: str
    value: int | float | bytes
    divisor: int | None = None

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it needs."""
        return frozenset({self.field})

    def mask(self, columns: Columns) -> Mask:
        """Return for each transaction whether it holds."""
        column = columns[self.field]
        operand = column if self.divisor is None else column % self.divisor
        return _known(OPERATORS[self.sign](operand, self.value), columns, self.fields)


@dataclass(frozen=True)
class FieldComparison:
    """A comparison of two fields."""

    left: str
    sign: str
    right: str

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return f"{self.left} {self.sign} {self.right}"

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it needs."""
        return frozenset({self.left, self.right})

    def mask(self, columns: Columns) -> Mask:
        """Return for each transaction whether it holds."""
        return _known(OPERATORS[self.sign](columns[self.left], columns[self.right]), columns, self.fields)


@dataclass(frozen=True)
class Membership:
    """A test whether a field is one of some values; of none, it never is.

    Attributes:
        text: The canonical spelling.
        field: The field's name.
        values: As the column has them.
        negated: Whether it is none of them instead.
    """

    text: str
    field: str
    values: frozenset[int | float | bytes]
    negated: bool = False

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it needs."""
        return frozenset({self.field})

    def mask(self, columns: Columns) -> Mask:
        """Return for each transaction whether it holds."""
        column, values, negated = columns[self.field], self.values, self.negated
        results = ((value in values) is not negated for value in column.tolist())
        return _known(np.fromiter(results, np.bool_, len(column)), columns, self.fields)


@dataclass(frozen=True)
class Matches:
    """A test whether a regular expression matches the whole of a text.

    Attributes:
        field: The field's name.
        pattern: The regular expression.
        negated: Whether it does not match instead.
    """

    field: str
    pattern: re.Pattern[str]
    negated: bool = False

    @property
    def text(self) -> str:
        """The canonical spelling."""
        call = f"matches({self.field}, {quoted(self.pattern.pattern)})"
        return f"not {call}" if self.negated else call

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it needs."""
        return frozenset({self.field})

    def mask(self, columns: Columns) -> Mask:
        """Return for each transaction whether it holds."""
        column, whole, negated = columns[self.field], self.pattern.fullmatch, self.negated
        results = ((whole(value.decode()) is None) is negated for value in column.tolist())
        return _known(np.fromiter(results, np.bool_, len(column)), columns, self.fields)


@dataclass(frozen=True)
class Flag:
    """A field that is true or false."""

    field: str
    negated: bool = False

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return f"not {self.field}" if self.negated else self.field

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it needs."""
        return frozenset({self.field})

    def mask(self, columns: Columns) -> Mask:
        """Return for each transaction whether it holds."""
        return _known(columns[self.field] != self.negated, columns, self.fields)


@dataclass(frozen=True)
class And:
    """A conjunction of at least two parts."""

    parts: tuple[Node, ...]

    @cached_property
    def text(self) -> str:
        """The canonical spelling."""
        return " and ".join(f"({part.text})" if isinstance(part, Or) else part.text for part in self.parts)

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that it needs."""
        return frozenset().union(*(part.fields for part in self.parts))

    def mask(self, columns: Columns) -> Mask:
        """Return for each transaction whether it holds."""
        first, *others = self.parts
        result = first.mask(columns)
        for part in others:
            if not result.any():  # the usual case for the conditions of rules
                break
            result = result & part.mask(columns)
        return result


@dataclass(frozen=True)
class Or:
    """A disjunction of at least two parts."""

    parts: tuple[Node, ...]

    @cached_property
    def text(self) -> str:
        """The canonical spelling."""
        return " or ".join(part.text for part in self.parts)

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that it needs."""
        return frozenset().union(*(part.fields for part in self.parts))

    def mask(self, columns: Columns) -> Mask:
        """Return for each transaction whether it holds."""
        first, *others = self.parts
        result = first.mask(columns)
        for part in others:
            result = result | part.mask(columns)
        return result


def compared(text: str, name: str, sign: str, value: Fraction | float | bytes, divisor: int | None) -> Node:
    """Return a comparison with a number that may be finer than the column's units: the column never equals it then."""
    if not isinstance(value, Fraction):
        return Comparison(text, name, sign, value, divisor)
    if value.denominator == 1:
        return Comparison(text, name, sign, int(value), divisor)
    if sign in ("==", "!="):
        return Membership(text, name, frozenset(), negated=sign == "!=")
    below = value.numerator // value.denominator
    return Comparison(text, name, sign, below + (sign in (">=", "<")), divisor)


def quoted(text: str) -> str:
    """Return a text as a condition has it: no text has both quotation marks."""
    mark = '"' if "'" in text else "'"
    return f"{mark}{text}{mark}"


def _known(result: Any, columns: Columns, fields: frozenset[str]) -> Mask:
    """Return a result, and false where a field has no value."""
    mask: Mask = np.asarray(result, np.bool_)
    for name in fields:
        nulls = columns.get(null_mark(name))
        if nulls is not None:
            mask = mask & ~nulls
    return mask
