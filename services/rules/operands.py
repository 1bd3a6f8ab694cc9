"""Operands of comparisons in a condition: a field, its remainder after a division, a number or a text."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NoReturn

from avroguard.avro.names import suggestion
from services.contracts import Form
from services.rules.conditions import quoted
from services.rules.fields import Field, NotAValueError
from services.rules.numeric_expressions import NumericExpression

TEXT = re.compile(r"""r?(?:'([^'\n]*)'|"([^"\n]*)")""")
"""A text in a condition."""

ALLOWED = "allowed are comparisons, in, matches(field, 'pattern'), + - * /, field % number, and, or, not, parentheses"
"""The parts of a condition, for messages."""

FUNCTIONS = ("hour", "weekday", "abs", "min", "max", "coalesce")
"""The functions that return a number."""

_FLAGS = "write a field that is true or false alone, or after not; no condition holds for a field without a value"
_DIGITS_LIMIT = 28  # the precision of Decimal
_LARGEST_DIVISOR = 2**63


class ConditionError(ValueError):
    """A condition can't be read, or makes no sense for a transaction.

    Args:
        message: The fault, and what was expected.
        offset: The position of the fault in the condition, in characters.
    """

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True)
class Operand:
    """A field, or its remainder after a division."""

    field: Field
    text: str
    divisor: Fraction | None = None


@dataclass(frozen=True)
class Literal:
    """A number or a text, with its canonical spelling."""

    value: Decimal | str
    text: str


@dataclass(frozen=True)
class Computed:
    """A number that is computed with floating point arithmetic."""

    expression: NumericExpression


@dataclass(frozen=True)
class Names:
    """The names that a condition may use.

    Attributes:
        fields: The fields of a transaction.
        constants: Numbers that may be called by name.
        features: The features, and whether each is a condition itself.
        unavailable: Names that exist and can't be used here, and why.
    """

    fields: Mapping[str, Field]
    constants: Mapping[str, Decimal] = field(default_factory=dict)
    features: Mapping[str, bool] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)

    def near(self, name: str) -> str:
        """Return a hint for an unknown name: the nearest one, or all."""
        known = [*self.fields, *self.features, *self.constants]
        return suggestion(name, known) or f"; there are {', '.join(dict.fromkeys(known))}; a text stands in quotes"


class OperandReader:
    """Converts parts of a condition's syntax tree to operands.

    Args:
        text: The condition.
        names: The names that it may use.
    """

    def __init__(self, text: str, names: Names) -> None:
        whole = re.sub(r"[\r\n]", " ", text)  # of the same length, so that positions stay
        self.line = whole.strip()
        self.blank = len(whole) - len(whole.lstrip())
        self.encoded = self.line.encode()
        self.names = names
        self.fields = names.fields
        self.constants = names.constants

    def position(self, offset: int) -> int:
        """Return the position in the condition, in characters, of an offset in its line, in bytes."""
        return self.blank + len(self.encoded[:offset].decode())

    def source(self, node: ast.expr) -> str:
        """Return a part as it is written."""
        return self.encoded[node.col_offset : node.end_col_offset].decode()

    def fail(self, node: ast.expr, message: str) -> NoReturn:
        """Raise what is wrong with a part."""
        raise ConditionError(message, self.position(node.col_offset))

    def side(self, node: ast.expr) -> Operand | Literal | Computed:
        """Return one side of a comparison."""
        match node:
            case ast.Name(id=name):
                field = self.field(node)
                return Operand(field, name) if field else _number(self.constants[name])
            case ast.BinOp(left=ast.Name() as left, op=ast.Mod(), right=right):
                return self._remainder(left, right)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as operand) if _is_number(operand):
                return _number(-self._exactly(operand))
            case ast.Constant() if _is_number(node):
                return _number(self._exactly(node))
            case ast.Constant(value=str()):
                return self._string(node)
        return self.fail(node, self._no_side(node))

    def _no_side(self, node: ast.expr) -> str:
        """Return why a part can't be a side of a comparison."""
        if isinstance(node, ast.Call):
            return self.no_function(node)
        if isinstance(node, ast.Constant) and node.value in (True, False, None):
            return f"{self.source(node)}: {_FLAGS}"
        return f"{self.source(node)}: expected a field, a number or a text; {ALLOWED}"

    def no_function(self, node: ast.Call) -> str:
        """Return why a call can't be in a condition."""
        return f"there is no {self.source(node.func)}(); the functions are matches, {', '.join(FUNCTIONS)}"

    def _remainder(self, left: ast.Name, right: ast.expr) -> Operand:
        field, divisor = self.field(left), self.side(right)
        if field is None or not field.is_number or field.kind.form is Form.FLOAT:
            self.fail(left, f"{left.id} %: expected a field that is a whole number or a decimal")
        if not isinstance(divisor, Literal) or not isinstance(divisor.value, Decimal) or divisor.value <= 0:
            self.fail(right, f"{self.source(right)}: expected a number above 0 after %")
        units = Fraction(field.number(divisor.value))
        if units.denominator != 1:
            self.fail(right, f"{divisor.text} is finer than {field.name}, which is {field.described}")
        if units >= _LARGEST_DIVISOR:
            self.fail(right, f"{divisor.text} is too large to divide by")
        return Operand(field, f"{field.name} % {divisor.text}", units)

    def field(self, node: ast.Name) -> Field | None:
        """Return the field of a name; None if it is a constant."""
        if node.id in self.fields:
            return self.fields[node.id]
        if node.id in self.constants:
            return None
        if node.id.lower() in ("true", "false", "null"):
            self.fail(node, f"{node.id}: {_FLAGS}")
        if node.id in self.names.features:
            self.fail(node, f"{node.id} is a feature: expected a field here")
        if node.id in self.names.unavailable:
            self.fail(node, f"{node.id}: {self.names.unavailable[node.id]}")
        what = "field or feature" if self.names.features else "field"
        return self.fail(node, f'unknown {what} "{node.id}"{self.names.near(node.id)}')

    def _exactly(self, node: ast.Constant) -> Decimal:
        """Return a number exactly as it is written."""
        digits = self.source(node).replace("_", "")
        if not re.fullmatch(r"[0-9.]+(?:[eE][+-]?[0-9]+)?", digits):
            self.fail(node, f"{self.source(node)}: expected a decimal number such as 900 or 12.50")
        value = Decimal(digits)
        if len(digits) > _DIGITS_LIMIT or abs(value.adjusted()) > _DIGITS_LIMIT:
            self.fail(node, f"a number of more than {_DIGITS_LIMIT} digits")
        return value

    def _string(self, node: ast.Constant) -> Literal:
        """Return a text exactly as it is written: a backslash is a backslash, as regular expressions need it."""
        match = TEXT.fullmatch(self.source(node))
        if match is None:
            self.fail(node, "expected a text between ' and ' or between \" and \", without that mark inside")
        value, other = match.groups()
        return Literal(value or other or "", quoted(value or other or ""))

    def value(self, field: Field, literal: Literal, node: ast.expr) -> tuple[Fraction | float | bytes, str]:
        """Return a literal as the field's column has it, and its canonical spelling."""
        value = literal.value
        try:
            if field.is_number and isinstance(value, Decimal):
                return field.number(value), literal.text
            if field.is_time and isinstance(value, str):
                moment, spelling = field.time(value)
                return moment, quoted(spelling)
            if field.is_text and isinstance(value, str):
                raw = field.text(value)
                return raw, quoted(raw.decode())
        except NotAValueError as error:
            self.fail(node, f"{literal.text}: {error}")
        actual = "a text" if isinstance(value, str) else "a number"
        if field.is_flag:
            self.fail(node, f"{field.name} is {field.described}: write {field.name} or not {field.name}")
        if field.kind.form in (Form.BYTES, Form.OTHER):
            self.fail(node, f"{field.name} is {field.described}, which a condition can't look at")
        expected = "a number" if field.is_number else "a text in quotes"
        return self.fail(
            node, f"{field.name} is {field.described}: expected {expected}, found {actual}: {literal.text}"
        )


def _is_number(node: ast.Constant) -> bool:
    return isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _number(value: Decimal) -> Literal:
    """Return a number, spelt without exponent and without needless zeros."""
    return Literal(value, format(value.normalize(), "f") if value else "0")
