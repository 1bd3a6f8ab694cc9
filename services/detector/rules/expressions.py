"""Reads a condition: Python's grammar, of which little is allowed, checked against the fields of a transaction."""

import ast
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NoReturn

from services.contracts import Form
from services.detector.rules.conditions import (
    FLIPPED,
    NEGATED,
    Either,
    Every,
    Expression,
    FieldComparison,
    Flag,
    Matches,
    Membership,
    Node,
    compared,
    quoted,
)
from services.detector.rules.fields import Field, NotAValueError
from services.detector.rules.wording import suggestion

_SIGNS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_TEXT = re.compile(r"""r?(?:'([^'\n]*)'|"([^"\n]*)")""")
_MOST_DIGITS = 28  # what Decimal calculates with
_LARGEST_DIVISOR = 2**63
_MISTAKES = (
    (re.compile(r"&&"), 'write "and" for "&&"'),
    (re.compile(r"\|\|"), 'write "or" for "||"'),
    (re.compile(r"!(?!=)"), 'write "not" for "!"'),
    (re.compile(r"<>"), 'write "!=" for "<>"'),
    (re.compile(r"\b(?:AND|OR|NOT|IN)\b"), "write and, or, not, in with small letters"),
    (re.compile(r"(?<![=<>!])=(?!=)"), 'equality is "=="'),
)
_FLAGS = "write a field that is true or false alone, or after not; no condition holds for a field without a value"
_ALLOWED = "allowed are comparisons, in, matches(field, 'pattern'), field % number, and, or, not, parentheses"


class ConditionError(ValueError):
    """A condition can't be read, or makes no sense for a transaction.

    Args:
        message: What is wrong, and what was expected.
        offset: How many characters of the condition are before the fault.
    """

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True)
class _Operand:
    """A field, or what remains of it after a division."""

    field: Field
    text: str
    divisor: Fraction | None = None


@dataclass(frozen=True)
class _Literal:
    """A number or a text, with its canonical spelling."""

    value: Decimal | str
    text: str


def parse_condition(text: str, fields: Mapping[str, Field], constants: Mapping[str, Decimal]) -> Expression:
    """Read a condition.

    Args:
        text: What somebody wrote; may have several lines.
        fields: The fields of a transaction.
        constants: Numbers that may be called by name.

    Raises:
        ConditionError: With what is wrong and where.
    """
    root = _Parser(text, fields, constants).parse()
    return Expression(root.text, root)


class _Parser:
    def __init__(self, text: str, fields: Mapping[str, Field], constants: Mapping[str, Decimal]) -> None:
        whole = re.sub(r"\s", " ", text)  # of the same length, so that places stay
        self.line = whole.strip()
        self.blank = len(whole) - len(whole.lstrip())
        self.octets = self.line.encode()
        self.fields = fields
        self.constants = constants

    def parse(self) -> Node:
        if not self.line:
            raise ConditionError("an empty condition; leave the key out if all transactions are meant")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a backslash is taken as it stands: `string` below
                root = ast.parse(self.line, mode="eval").body
            end = self.position(root.end_col_offset or 0)
            if rest := self.line[end - self.blank :].strip(" )"):
                raise ConditionError(f"the condition ends before {rest!r}: it can't have a comment", end)
            return self.node(root, negate=False)
        except SyntaxError as error:
            raise ConditionError(self.syntax(error), self.blank + max(0, (error.offset or 1) - 1)) from None
        except (RecursionError, MemoryError):
            raise ConditionError("nested too deep") from None

    def syntax(self, error: SyntaxError) -> str:
        outside = _TEXT.sub("''", self.line)
        hints = [hint for pattern, hint in _MISTAKES if pattern.search(outside)]
        return f"not a condition: {error.msg}" + (f"; {hints[0]}" if hints else "")

    def position(self, octets: int) -> int:
        return self.blank + len(self.octets[:octets].decode())

    def source(self, node: ast.expr) -> str:
        return self.octets[node.col_offset : node.end_col_offset].decode()

    def fail(self, node: ast.expr, message: str) -> NoReturn:
        raise ConditionError(message, self.position(node.col_offset))

    def node(self, node: ast.expr, *, negate: bool) -> Node:
        """A part that holds or doesn't; or its opposite."""
        match node:
            case ast.BoolOp(op=op, values=values):
                make = Every if isinstance(op, ast.And) is not negate else Either
                return _joined(make, [self.node(value, negate=negate) for value in values])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.node(operand, negate=not negate)
            case ast.Compare(left=left, ops=ops, comparators=rights):
                sides = zip([left, *rights], ops, rights, strict=False)
                return _joined(Either if negate else Every, [self.comparison(*one, negate=negate) for one in sides])
            case ast.Call(func=ast.Name(id="matches")):
                return self.matches(node, negate=negate)
            case ast.Name(id=name) if (field := self.field(node)) and field.is_flag:
                return Flag(name, negate)
        return self.fail(node, self.refusal(node))

    def refusal(self, node: ast.expr) -> str:
        """Why a part can't stand where something is expected that holds or doesn't."""
        match node:
            case ast.Name(id=name):
                field = self.field(node)
                return f"{name} is {field.described if field else 'a number'}: compare it with something"
            case ast.Constant():
                return f"{self.source(node)} alone says nothing: compare a field with it"
            case ast.Call(func=function):
                return f"there is no {self.source(function)}(); the one function is matches(field, 'pattern')"
            case ast.BinOp(op=ast.BitAnd()):
                return 'write "and" for "&"'
            case ast.BinOp(op=ast.BitOr()):
                return 'write "or" for "|"'
        return f"{self.source(node)} can't stand in a condition; {_ALLOWED}"

    def comparison(self, left: ast.expr, sign: ast.cmpop, right: ast.expr, *, negate: bool) -> Node:
        if isinstance(sign, ast.In | ast.NotIn):
            return self.membership(left, right, negate=isinstance(sign, ast.NotIn) is not negate)
        if type(sign) not in _SIGNS:
            self.fail(left, 'write "==" or "!=" for "is" and "is not"; no condition holds for a field without a value')
        symbol = _SIGNS[type(sign)]
        symbol = NEGATED[symbol] if negate else symbol
        one, other = self.side(left), self.side(right)
        match one, other:
            case _Operand(), _Operand():
                return self.between_fields(one, symbol, other, left)
            case _Operand(), _Literal():
                return self.with_literal(one, symbol, other, right)
            case _Literal(), _Operand():
                return self.with_literal(other, FLIPPED[symbol], one, left)
        return self.fail(left, f"{self.source(left)} and {self.source(right)}: neither is a field of the transaction")

    def between_fields(self, left: _Operand, sign: str, right: _Operand, node: ast.expr) -> Node:
        one, other = left.field, right.field
        if left.divisor is not None or right.divisor is not None:
            self.fail(node, "what remains after % can only be compared with a number")
        if (one.kind.form, one.kind.logical, one.kind.scale) != (other.kind.form, other.kind.logical, other.kind.scale):
            self.fail(node, f"{one.name} is {one.described}, {other.name} is {other.described}: they can't be compared")
        if one.kind.form in (Form.OCTETS, Form.OTHER):
            self.fail(node, f"{one.name} is {one.described}, which a condition can't look at")
        self.check_order(one, sign, node)
        return FieldComparison(one.name, sign, other.name)

    def with_literal(self, operand: _Operand, sign: str, literal: _Literal, node: ast.expr) -> Node:
        self.check_order(operand.field, sign, node)
        value, spelling = self.value(operand.field, literal, node)
        divisor = None if operand.divisor is None else int(operand.divisor)
        return compared(f"{operand.text} {sign} {spelling}", operand.field.name, sign, value, divisor)

    def check_order(self, field: Field, sign: str, node: ast.expr) -> None:
        if sign not in ("==", "!=") and not field.is_number and not field.is_time:
            self.fail(node, f"{field.name} is {field.described}: it has no order, compare it with == or !=")

    def membership(self, left: ast.expr, right: ast.expr, *, negate: bool) -> Node:
        operand = self.side(left)
        if isinstance(operand, _Literal) or operand.divisor is not None:
            self.fail(left, f"{self.source(left)}: only a field can be looked for in a list")
        if not isinstance(right, ast.List | ast.Tuple | ast.Set) or not right.elts:
            self.fail(right, "expected a list of values after in, such as ['EUR', 'USD']")
        found = {}
        for element in right.elts:
            literal = self.side(element)
            if isinstance(literal, _Operand):
                self.fail(element, f"{literal.text} is a field: a list has numbers or texts")
            value, spelling = self.value(operand.field, literal, element)
            found[spelling] = value
        text = f"{operand.text} {'not in' if negate else 'in'} [{', '.join(sorted(found))}]"
        whole = (value for value in found.values() if not isinstance(value, Fraction) or value.denominator == 1)
        values = frozenset(int(value) if isinstance(value, Fraction) else value for value in whole)
        return Membership(text, operand.field.name, values, negate)

    def matches(self, node: ast.Call, *, negate: bool) -> Node:
        if len(node.args) != 2 or node.keywords:
            self.fail(node, "expected matches(field, 'pattern')")
        field, pattern = self.side(node.args[0]), self.side(node.args[1])
        if not isinstance(field, _Operand) or not field.field.is_text:
            self.fail(node.args[0], f"matches: expected a field that is text, found {self.source(node.args[0])}")
        if not isinstance(pattern, _Literal) or not isinstance(pattern.value, str):
            self.fail(node.args[1], "matches: expected a regular expression in quotes")
        try:
            return Matches(field.field.name, re.compile(pattern.value), negate)
        except (re.error, OverflowError, RecursionError) as error:
            return self.fail(node.args[1], f"{pattern.text} is no regular expression: {error}")

    def side(self, node: ast.expr) -> _Operand | _Literal:
        """One side of a comparison."""
        match node:
            case ast.Name(id=name):
                field = self.field(node)
                return _Operand(field, name) if field else _number(self.constants[name])
            case ast.BinOp(left=ast.Name() as left, op=ast.Mod(), right=right):
                return self.remainder(left, right)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as operand) if _is_number(operand):
                return _number(-self.number(operand))
            case ast.Constant() if _is_number(node):
                return _number(self.number(node))
            case ast.Constant(value=str()):
                return self.string(node)
        expected = _FLAGS if isinstance(node, ast.Constant) else f"expected a field, a number or a text; {_ALLOWED}"
        return self.fail(node, f"{self.source(node)}: {expected}")

    def remainder(self, left: ast.Name, right: ast.expr) -> _Operand:
        field, divisor = self.field(left), self.side(right)
        if field is None or not field.is_number or field.kind.form is Form.FLOAT:
            self.fail(left, f"{left.id} %: expected a field that is a whole number or a decimal")
        if not isinstance(divisor, _Literal) or not isinstance(divisor.value, Decimal) or divisor.value <= 0:
            self.fail(right, f"{self.source(right)}: expected a number above 0 after %")
        units = Fraction(field.number(divisor.value))
        if units.denominator != 1:
            self.fail(right, f"{divisor.text} is finer than {field.name}, which is {field.described}")
        if units >= _LARGEST_DIVISOR:
            self.fail(right, f"{divisor.text} is too large to divide by")
        return _Operand(field, f"{field.name} % {divisor.text}", units)

    def field(self, node: ast.Name) -> Field | None:
        """The field of that name; None if it is a constant."""
        if node.id in self.fields:
            return self.fields[node.id]
        if node.id in self.constants:
            return None
        if node.id.lower() in ("true", "false", "null"):
            self.fail(node, f"{node.id}: {_FLAGS}")
        names = [*self.fields, *self.constants]
        near = suggestion(node.id, names) or f"; there are {', '.join(names)}; a text stands in quotes"
        return self.fail(node, f'unknown field "{node.id}"{near}')

    def number(self, node: ast.Constant) -> Decimal:
        """A number exactly as it is written."""
        digits = self.source(node).replace("_", "")
        if not re.fullmatch(r"[0-9.]+(?:[eE][+-]?[0-9]+)?", digits):
            self.fail(node, f"{self.source(node)}: expected a decimal number such as 900 or 12.50")
        value = Decimal(digits)
        if len(digits) > _MOST_DIGITS or abs(value.adjusted()) > _MOST_DIGITS:
            self.fail(node, f"a number of more than {_MOST_DIGITS} digits")
        return value

    def string(self, node: ast.Constant) -> _Literal:
        """A text exactly as it is written: a backslash is a backslash, as regular expressions need it."""
        match = _TEXT.fullmatch(self.source(node))
        if match is None:
            self.fail(node, "expected a text between ' and ' or between \" and \", without that mark inside")
        value, other = match.groups()
        return _Literal(value or other or "", quoted(value or other or ""))

    def value(self, field: Field, literal: _Literal, node: ast.expr) -> tuple[Fraction | float | bytes, str]:
        """A literal as the field's column has it, and its canonical spelling."""
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
        found = "a text" if isinstance(value, str) else "a number"
        if field.is_flag:
            self.fail(node, f"{field.name} is {field.described}: write {field.name} or not {field.name}")
        if field.kind.form in (Form.OCTETS, Form.OTHER):
            self.fail(node, f"{field.name} is {field.described}, which a condition can't look at")
        expected = "a number" if field.is_number else "a text in quotes"
        return self.fail(node, f"{field.name} is {field.described}: expected {expected}, found {found}: {literal.text}")


def _joined(make: Callable[[tuple[Node, ...]], Node], parts: Sequence[Node]) -> Node:
    """Parts as one, without a node of the same kind inside."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, Every | Either) and type(part) is make else [part]
    return make(tuple(flat))


def _is_number(node: ast.Constant) -> bool:
    return isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _number(value: Decimal) -> _Literal:
    """A number, spelt without exponent and without zeros that say nothing."""
    return _Literal(value, format(value.normalize(), "f") if value else "0")
