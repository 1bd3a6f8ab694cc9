"""Parses numbers that are computed: arithmetic, functions, and features by name."""

import ast
import datetime as dt
import re

from services.contracts import Form
from services.rules.fields import Field
from services.rules.numeric_expressions import (
    Arithmetic,
    Call,
    Constant,
    FeatureNumber,
    FieldNumber,
    Negative,
    NumericExpression,
    TimePart,
)
from services.rules.operands import FUNCTIONS, Computed, Literal, Operand, OperandReader

_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_TIME_PARTS = ("hour", "weekday")
_OFFSET = re.compile(r"[+-](?:0[0-9]|1[0-4]):[0-5][0-9]")
_TICKS = {"date": (1, 86_400_000), "timestamp-millis": (1, 1), "timestamp-micros": (1000, 1), "time-millis": (1, 1)}
_TICKS |= {"local-timestamp-millis": (1, 1), "local-timestamp-micros": (1000, 1), "time-micros": (1000, 1)}
_MILLISECOND = dt.timedelta(milliseconds=1)


class NumericReader(OperandReader):
    """Converts parts of a syntax tree to operands, and to numbers that are computed."""

    def side(self, node: ast.expr) -> Operand | Literal | Computed:
        """Return one side of a comparison."""
        match node:
            case ast.Name(id=name) if name in self.names.features and name not in self.fields:
                return Computed(FeatureNumber(name))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return Computed(Arithmetic(self.number(left), _ARITHMETIC[type(op)], self.number(right)))
            case ast.UnaryOp(op=ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
                return Computed(Negative(self.number(operand)))
            case ast.Call(func=ast.Name(id=name)) if name in _TIME_PARTS:
                return Computed(self._time_part(name, node))
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
                return Computed(self._call(name, node))
        return super().side(node)

    def number(self, node: ast.expr) -> NumericExpression:
        """Return a part that is a number."""
        side = self.side(node)
        if isinstance(side, Computed):
            return side.expression
        if isinstance(side, Operand):
            return self._field_number(side, node)
        if isinstance(side.value, str):
            self.fail(node, f"{self.source(node)} is a text: expected a number")
        return Constant(side.text, float(side.value))

    def known_field(self, node: ast.Name) -> Field | None:
        """Return the field of a name; None if it is a constant or a feature."""
        is_feature = node.id in self.names.features and node.id not in self.fields
        return None if is_feature else self.field(node)

    def _field_number(self, operand: Operand, node: ast.expr) -> NumericExpression:
        field = operand.field
        if field.is_time:
            self.fail(node, f"{field.name} is {field.described}: expected a number, such as hour({field.name})")
        if not field.is_number and not field.is_flag:
            self.fail(node, f"{field.name} is {field.described}: expected a number; compare it with == or !=")
        unit = 1 if field.kind.form is Form.FLOAT else 10**field.kind.scale
        divisor = None if operand.divisor is None else int(operand.divisor)
        return FieldNumber(operand.text, field.name, unit, divisor)

    def _time_part(self, part: str, node: ast.Call) -> NumericExpression:
        if not 1 <= len(node.args) <= 2 or node.keywords:
            self.fail(node, f"expected {part}(field) or {part}(field, '+01:00')")
        first = node.args[0]
        operand = self.side(first)
        field = operand.field if isinstance(operand, Operand) and operand.divisor is None else None
        if field is None or not field.is_time:
            what = field.described if field else "no field"
            self.fail(first, f"{part}: expected a field that is a time, found {self.source(first)}, which is {what}")
        logical = str(field.kind.logical)
        missing = {"hour": logical == "date", "weekday": logical.startswith("time-")}
        if missing[part]:
            self.fail(first, f"{part}: {field.name} is {field.described}, which has no {part}")
        offset = self._offset(part, node.args[1]) if len(node.args) > 1 else ""
        zero = offset in ("", "+00:00", "-00:00")
        shift = 0 if zero else dt.datetime.fromisoformat(f"2000-01-01T00:00{offset}").utcoffset() // _MILLISECOND  # type: ignore[operator]
        return TimePart(part, field.name, _TICKS[logical], "" if zero else offset, shift)

    def _offset(self, part: str, node: ast.expr) -> str:
        literal = self.side(node)
        if not isinstance(literal, Literal) or not _OFFSET.fullmatch(str(literal.value)):
            self.fail(node, f"{part}: expected an offset from UTC such as '+01:00', found {self.source(node)}")
        return str(literal.value)

    def _call(self, name: str, node: ast.Call) -> NumericExpression:
        arguments = tuple(self.number(argument) for argument in node.args)
        expected = 1 if name == "abs" else 2
        if node.keywords or len(arguments) < expected or (name == "abs" and len(arguments) > 1):
            self.fail(node, f"{name}: expected {'one number' if name == 'abs' else 'two numbers or more'}")
        return Call(name, arguments)
