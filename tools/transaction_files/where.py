"""Conditions on the columns of a file: which rows are transactions, such as "State == 'COMPLETED'"."""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.errors import UsageError
from tools.transaction_files.rows import Cells

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
_QUOTED = re.compile(r"`([^`]+)`|('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")

Row = Mapping[str, str]
Test = Callable[[Row], bool]


@dataclass(frozen=True)
class Where:
    """A condition.

    Attributes:
        text: As it was written.
        columns: The columns that it needs, as it calls them.
        test: Says whether a row fulfils it.
    """

    text: str
    columns: tuple[str, ...]
    test: Test

    def mask(self, cells: Mapping[str, Cells]) -> list[bool]:
        """Return for each row whether it is one that counts.

        Args:
            cells: By column, as the condition calls it, a cell for each row; None is an empty text.
        """
        names = self.columns
        rows = zip(*(cells[name] for name in names), strict=True)
        return [
            self.test(dict(zip(names, ["" if cell is None else cell.strip() for cell in row], strict=True)))
            for row in rows
        ]


def parse_where(text: str) -> Where:
    """Parse a condition: comparisons of columns with texts and numbers, `in [...]`, and, or, not.

    A column whose name is no word stands in backticks. Compared with a number a cell is one; a cell that is none
    doesn't fulfil the comparison.

    Raises:
        UsageError: If it isn't one.
    """
    names: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        if match[2]:
            return match[2]
        word = f"column_{len(names)}_"
        names[word] = match[1]
        return word

    try:
        tree = ast.parse(_QUOTED.sub(plain, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise UsageError(_expected(text)) from None
    used: dict[str, None] = {}
    test = _Parser(text, names, used).condition(tree)
    return Where(text, tuple(used), test)


def _expected(text: str) -> str:
    return (
        f"--where {text}: expected a condition on columns such as \"State == 'COMPLETED'\", "
        "\"`Payment Currency` != 'Bitcoin' and Amount > 0\" or \"Type in ['TRANSFER', 'CARD']\""
    )


class _Parser:
    def __init__(self, text: str, names: Mapping[str, str], used: dict[str, None]) -> None:
        self._text = text
        self._names = names
        self._used = used

    def condition(self, node: ast.expr) -> Test:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                parts = [self.condition(value) for value in values]
                return lambda row: all(part(row) for part in parts)
            case ast.BoolOp(values=values):
                parts = [self.condition(value) for value in values]
                return lambda row: any(part(row) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                part = self.condition(operand)
                return lambda row: not part(row)
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                return self._comparison(left, comparison, right)
        raise UsageError(_expected(self._text))

    def _comparison(self, left: ast.expr, comparison: ast.cmpop, right: ast.expr) -> Test:
        name = self._column(left)
        match comparison, right:
            case ast.In() | ast.NotIn(), ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                texts = {str(self._value(item)) for item in items}
                wanted = isinstance(comparison, ast.In)
                return lambda row: (row[name] in texts) is wanted
        compare = _COMPARISONS.get(type(comparison))
        if compare is None:
            raise UsageError(_expected(self._text))
        value = self._value(right)
        if isinstance(value, str):
            return lambda row: compare(row[name], value)
        return lambda row: (number := _number(row[name])) is not None and compare(number, value)

    def _column(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Name):
            raise UsageError(_expected(self._text))
        name = self._names.get(node.id, node.id)
        self._used[name] = None
        return name

    def _value(self, node: ast.expr) -> str | float:
        match node:
            case ast.Constant(value=str() | int() | float() as value) if not isinstance(value, bool):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
        raise UsageError(_expected(self._text))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def where_mask(where: Where, names: Mapping[str, str], cells: Mapping[str, Cells]) -> Sequence[bool]:
    """Return for each row whether it counts.

    Args:
        where: The condition.
        names: The file's name of each column of the condition.
        cells: By the file's name of a column its cells.
    """
    return where.mask({name: cells[column] for name, column in names.items()})
