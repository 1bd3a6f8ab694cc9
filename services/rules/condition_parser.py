"""Parses conditions: a small part of Python's grammar, checked against the fields of a transaction."""

import ast
import re
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeVar

from services.contracts import Form
from services.rules.conditions import (
    FLIPPED,
    NEGATED,
    And,
    Expression,
    FieldComparison,
    Flag,
    Matches,
    Membership,
    Node,
    Or,
    compared,
)
from services.rules.fields import Field
from services.rules.numeric_expressions import (
    ConditionNumber,
    FeatureFlag,
    NumericComparison,
    NumericExpression,
)
from services.rules.numeric_parser import NumericReader
from services.rules.operands import ALLOWED, FUNCTIONS, TEXT, Computed, ConditionError, Literal, Names, Operand

_Read = TypeVar("_Read")
_SIGNS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_MISTAKES = (
    (re.compile(r"&&"), 'write "and" for "&&"'),
    (re.compile(r"\|\|"), 'write "or" for "||"'),
    (re.compile(r"!(?!=)"), 'write "not" for "!"'),
    (re.compile(r"<>"), 'write "!=" for "<>"'),
    (re.compile(r"\b(?:AND|OR|NOT|IN)\b"), "write and, or, not, in with small letters"),
    (re.compile(r"(?<![=<>!])=(?!=)"), 'equality is "=="'),
)


def parse_condition(text: str, names: Names) -> Expression:
    """Return the condition in a text.

    Args:
        text: The condition as it is written; may have several lines.
        names: The names that it may use.

    Raises:
        ConditionError: It can't be parsed, or makes no sense for a transaction.
    """
    return _Parser(text, names, "condition").condition()


def parse_number(text: str, names: Names) -> NumericExpression:
    """Return the number in a text: an expression, or a condition, which is 1 where it holds and 0 elsewhere.

    Args:
        text: The expression as it is written; may have several lines.
        names: The names that it may use.

    Raises:
        ConditionError: It can't be parsed, or makes no sense for a transaction.
    """
    return _Parser(text, names, "expression").expression()


class _Parser(NumericReader):
    """Parser of one text.

    Args:
        text: The text.
        names: The names that it may use.
        kind: The word for it in messages.
    """

    def __init__(self, text: str, names: Names, kind: str) -> None:
        super().__init__(text, names)
        self.kind = kind

    def condition(self) -> Expression:
        root = self.guarded(lambda tree: self.node(tree, negate=False))
        return Expression(root.text, root)

    def expression(self) -> NumericExpression:
        return self.guarded(self.number_or_condition)

    def number_or_condition(self, tree: ast.expr) -> NumericExpression:
        match tree:
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.Call(func=ast.Name(id="matches")):
                root = self.node(tree, negate=False)
                return ConditionNumber(Expression(root.text, root))
        return self.number(tree)

    def guarded(self, read: Callable[[ast.expr], _Read]) -> _Read:
        """Return what is read of the whole text."""
        if not self.line:
            hint = "; leave the key out if all transactions are meant" if self.kind == "condition" else ""
            raise ConditionError(f"an empty {self.kind}{hint}")
        root = self.tree()
        end = self.position(root.end_col_offset or 0)
        if rest := self.line[end - self.blank :].strip(" \t)"):
            raise ConditionError(f"the {self.kind} ends before {rest!r}: it can't have a comment", end)
        try:
            return read(root)
        except RecursionError:
            raise ConditionError("nested too deep") from None

    @property
    def article(self) -> str:
        return "a condition" if self.kind == "condition" else "an expression"

    def tree(self) -> ast.expr:
        """Return the syntax tree of the condition."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a backslash is taken as it stands: `OperandReader.side`
                return ast.parse(self.line, mode="eval").body
        except SyntaxError as error:
            raise ConditionError(self.syntax(error), self.blank + max(0, (error.offset or 1) - 1)) from None
        except (RecursionError, MemoryError):
            raise ConditionError("nested too deep") from None
        except ValueError as error:
            raise ConditionError(f"not {self.article}: {error}") from None

    def syntax(self, error: SyntaxError) -> str:
        outside = TEXT.sub("''", self.line)
        hints = [hint for pattern, hint in _MISTAKES if pattern.search(outside)]
        return f"not {self.article}: {error.msg}" + (f"; {hints[0]}" if hints else "")

    def node(self, node: ast.expr, *, negate: bool) -> Node:  # noqa: PLR0911 - a case for each kind of part
        """Return a part that is true or false, or its negation."""
        match node:
            case ast.BoolOp(op=op, values=values):
                make = And if isinstance(op, ast.And) is not negate else Or
                return _joined(make, [self.node(value, negate=negate) for value in values])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.node(operand, negate=not negate)
            case ast.Compare(left=left, ops=ops, comparators=rights):
                sides = zip([left, *rights], ops, rights, strict=False)
                return _joined(Or if negate else And, [self.comparison(*side, negate=negate) for side in sides])
            case ast.Call(func=ast.Name(id="matches")):
                return self.matches(node, negate=negate)
            case ast.Name(id=name) if name not in self.fields and self.names.features.get(name):
                return FeatureFlag(name, negate)
            case ast.Name(id=name) if (field := self.known_field(node)) and field.is_flag:
                return Flag(name, negate)
        return self.fail(node, self.refusal(node))

    def refusal(self, node: ast.expr) -> str:  # noqa: PLR0911 - a case for each mistake
        """Return why a part can't be where something is expected that is true or false."""
        match node:
            case ast.Name(id=name):
                field = self.known_field(node)
                return f"{name} is {field.described if field else 'a number'}: compare it with something"
            case ast.Constant():
                return f"{self.source(node)} alone says nothing: compare a field with it"
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
                return f"{self.source(node)} is a number: compare it with something"
            case ast.Call():
                return self.no_function(node)
            case ast.BinOp(op=ast.BitAnd()):
                return 'write "and" for "&"'
            case ast.BinOp(op=ast.BitOr()):
                return 'write "or" for "|"'
        return f"{self.source(node)} can't stand in a condition; {ALLOWED}"

    def comparison(self, left: ast.expr, sign: ast.cmpop, right: ast.expr, *, negate: bool) -> Node:
        if isinstance(sign, ast.In | ast.NotIn):
            return self.membership(left, right, negate=isinstance(sign, ast.NotIn) is not negate)
        if type(sign) not in _SIGNS:
            self.fail(left, 'write "==" or "!=" for "is" and "is not"; no condition holds for a field without a value')
        symbol = _SIGNS[type(sign)]
        symbol = NEGATED[symbol] if negate else symbol
        left_side, right_side = self.side(left), self.side(right)
        if isinstance(left_side, Literal) and isinstance(right_side, Computed):
            return self.between_numbers(right, FLIPPED[symbol], left)
        if isinstance(left_side, Computed) or isinstance(right_side, Computed):
            return self.between_numbers(left, symbol, right)
        return self.with_field(left_side, symbol, right_side, (left, right))

    def with_field(
        self, left: Operand | Literal, sign: str, right: Operand | Literal, nodes: tuple[ast.expr, ast.expr]
    ) -> Node:
        match left, right:
            case Operand(), Operand():
                return self.between_fields(left, sign, right, nodes[0])
            case Operand(), Literal():
                return self.with_literal(left, sign, right, nodes[1])
            case Literal(), Operand():
                return self.with_literal(right, FLIPPED[sign], left, nodes[0])
        sides = " and ".join(map(self.source, nodes))
        return self.fail(nodes[0], f"{sides}: neither is a field of the transaction")

    def between_numbers(self, left: ast.expr, sign: str, right: ast.expr) -> Node:
        comparison = NumericComparison(self.number(left), sign, self.number(right))
        if not comparison.fields:
            self.fail(left, f"{self.source(left)} and {self.source(right)}: neither is about the transaction")
        return comparison

    def between_fields(self, left: Operand, sign: str, right: Operand, node: ast.expr) -> Node:
        first, second = left.field, right.field
        if left.divisor is not None or right.divisor is not None:
            self.fail(node, "what remains after % can only be compared with a number")
        if (first.kind.form, first.kind.logical, first.kind.scale) != (
            second.kind.form,
            second.kind.logical,
            second.kind.scale,
        ):
            self.fail(
                node, f"{first.name} is {first.described}, {second.name} is {second.described}: they can't be compared"
            )
        if first.kind.form in (Form.BYTES, Form.OTHER):
            self.fail(node, f"{first.name} is {first.described}, which a condition can't look at")
        self.check_order(first, sign, node)
        return FieldComparison(first.name, sign, second.name)

    def with_literal(self, operand: Operand, sign: str, literal: Literal, node: ast.expr) -> Node:
        self.check_order(operand.field, sign, node)
        value, spelling = self.value(operand.field, literal, node)
        divisor = None if operand.divisor is None else int(operand.divisor)
        return compared(f"{operand.text} {sign} {spelling}", operand.field.name, sign, value, divisor)

    def check_order(self, field: Field, sign: str, node: ast.expr) -> None:
        if sign not in ("==", "!=") and not field.is_number and not field.is_time:
            self.fail(node, f"{field.name} is {field.described}: it has no order, compare it with == or !=")

    def membership(self, left: ast.expr, right: ast.expr, *, negate: bool) -> Node:
        operand = self.side(left)
        if isinstance(operand, Literal) or (isinstance(operand, Operand) and operand.divisor is not None):
            self.fail(left, f"{self.source(left)}: only a field or a feature can be looked for in a list")
        if not isinstance(right, ast.List | ast.Tuple | ast.Set) or not right.elts:
            self.fail(right, "expected a list of values after in, such as ['EUR', 'USD']")
        if isinstance(operand, Computed):
            sign = "!=" if negate else "=="
            return _joined(And if negate else Or, [self.between_numbers(left, sign, each) for each in right.elts])
        value_of = {}
        for element in right.elts:
            literal = self.side(element)
            if not isinstance(literal, Literal):
                self.fail(element, f"{self.source(element)} is no value: a list has numbers or texts")
            value, spelling = self.value(operand.field, literal, element)
            value_of[spelling] = value
        text = f"{operand.text} {'not in' if negate else 'in'} [{', '.join(sorted(value_of))}]"
        whole = (value for value in value_of.values() if not isinstance(value, Fraction) or value.denominator == 1)
        values = frozenset(int(value) if isinstance(value, Fraction) else value for value in whole)
        return Membership(text, operand.field.name, values, negate)

    def matches(self, node: ast.Call, *, negate: bool) -> Node:
        if len(node.args) != 2 or node.keywords:
            self.fail(node, "expected matches(field, 'pattern')")
        field, pattern = self.side(node.args[0]), self.side(node.args[1])
        if not isinstance(field, Operand) or not field.field.is_text:
            self.fail(node.args[0], f"matches: expected a field that is text, found {self.source(node.args[0])}")
        if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
            self.fail(node.args[1], "matches: expected a regular expression in quotes")
        try:
            return Matches(field.field.name, re.compile(pattern.value), negate)
        except (re.error, OverflowError, RecursionError) as error:
            return self.fail(node.args[1], f"{pattern.text} is no regular expression: {error}")


def _joined(make: Callable[[tuple[Node, ...]], Node], parts: Sequence[Node]) -> Node:
    """Return parts as one node, without a node of the same kind inside."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, And | Or) and type(part) is make else [part]
    return make(tuple(flat))
