"""Checks: each condition and limit of a rule, the value that it was compared with, and what is missing to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isfinite
from typing import Any

from services.rules.conditions import And, Comparison, FieldComparison, Node, Or, null_mark
from services.rules.fields import Field
from services.rules.model import FEATURE, Aggregation, Columns, Measure, Rule
from services.rules.numeric_expressions import NumericComparison
from services.rules.reasons import duration, render_aggregate, render_number, scale_of
from services.rules.rule_match import Number

_AT_LEAST, _AT_MOST = (">", ">="), ("<", "<=")


@dataclass(frozen=True)
class Check:
    """A condition, or an aggregation with its limits, and how a transaction stands to it.

    Attributes:
        name: The text of the condition, or the name of the aggregation.
        measured: The definition of the aggregation; empty for a condition.
        value: The values that were compared, for people.
        limit: The limits of the aggregation; empty for a condition, whose text has them, and without limits.
        met: Whether it is met.
        missing: The distance to the limit in the unit of the value; empty where it is met, or no distance.
        reached: The share of the limit that is reached, from 0 to 1; None where there is none.
    """

    name: str
    measured: str
    value: str
    limit: str
    met: bool
    missing: str = ""
    reached: float | None = None


def checks_of(
    rule: Rule, columns: Columns, aggregates: Mapping[str, Number], fields: Mapping[str, Field]
) -> tuple[Check, ...]:
    """Return the checks of a rule on one transaction: those of its condition, then its aggregations.

    Args:
        rule: The rule.
        columns: Fields and features of the transaction, a row.
        aggregates: The results of the rule's aggregations by name.
        fields: The fields of a transaction: `fields_of_schema`.
    """
    root = getattr(rule.when, "root", None)
    conditions = [_condition(node, columns, fields) for node in _conjuncts(root)] if root is not None else []
    return (*conditions, *(_aggregation(each, aggregates[each.name], fields) for each in rule.aggregations))


def measured(aggregation: Aggregation) -> str:
    """Return what an aggregation measures, for people."""
    window = aggregation.window
    field = f" {window.field}" if window.field else ""
    where = f" where {window.where}" if window.where else ""
    return f"{window.measure.value}{field} by {', '.join(window.by)} over {duration(window.over_ms)}{where}"


def limit_of(aggregation: Aggregation, fields: Mapping[str, Field]) -> str:
    """Return the limits of an aggregation, for people; empty where it has none."""
    limits = (("at least", aggregation.at_least), ("at most", aggregation.at_most))
    shown = [f"{words} {_shown_limit(aggregation, value, fields)}" for words, value in limits if value is not None]
    return ", ".join(shown)


def _shown_limit(aggregation: Aggregation, value: Fraction, fields: Mapping[str, Field]) -> str:
    if value.denominator == 1 or aggregation.window.measure is Measure.AVERAGE:
        return render_aggregate(aggregation, value, fields)
    return f"{float(value / 10 ** scale_of(aggregation, fields)):g}"


def _aggregation(aggregation: Aggregation, value: Number, fields: Mapping[str, Field]) -> Check:
    low, high = aggregation.at_least, aggregation.at_most
    below = value is not None and low is not None and value < low
    above = value is not None and high is not None and value > high
    missing, reached = "", None
    if value is not None and low is not None and below:
        missing = f"{render_aggregate(aggregation, ceil(low - value), fields)} more"
        reached = _share(value, low)
    elif value is not None and high is not None and above:
        missing = f"{render_aggregate(aggregation, ceil(value - high), fields)} less"
        reached = _share(high, value)
    met = not (below or above) and (value is not None or not aggregation.is_limited)
    return Check(
        aggregation.name,
        measured(aggregation),
        render_aggregate(aggregation, value, fields),
        limit_of(aggregation, fields),
        met,
        missing,
        reached,
    )


def _conjuncts(node: Node) -> Iterator[Node]:
    if isinstance(node, And):
        yield from node.parts
    else:
        yield node


def _condition(node: Node, columns: Columns, fields: Mapping[str, Field]) -> Check:
    met = bool(node.mask(columns)[0])
    value = ", ".join(_shown(name, columns, fields) for name in sorted(node.fields))
    missing, reached = ("", None) if met else _distance(node, columns, fields)
    return Check(node.text, "", value, "", met, missing, reached)


def _distance(node: Node, columns: Columns, fields: Mapping[str, Field]) -> tuple[str, float | None]:
    """Return what is missing to a condition that is not met, and the share of its limit that is reached."""
    if isinstance(node, Or):  # the alternative that is nearest
        return max((_distance(part, columns, fields) for part in node.parts), key=lambda each: each[1] or 0)
    compared = _compared(node, columns, fields)
    if compared is None:
        return "", None
    value, sign, limit, unit = compared
    if not (isfinite(value) and isfinite(limit)):
        return "", None
    if sign in _AT_LEAST:
        return f"{_amount(limit - value, unit)} more", _share(value, limit)
    if sign in _AT_MOST:
        return f"{_amount(value - limit, unit)} less", _share(limit, value)
    return "", None


def _compared(node: Node, columns: Columns, fields: Mapping[str, Field]) -> tuple[float, str, float, int] | None:
    """Return the sides of a comparison of numbers, its sign, and what they are divided by to be shown."""
    match node:
        case Comparison(field=name, value=int() | float() as limit, divisor=None) if fields[name].is_number:
            return float(columns[name][0]), node.sign, float(limit), 10 ** fields[name].kind.scale
        case FieldComparison(left=left, right=right) if fields[left].is_number and fields[right].is_number:
            return float(columns[left][0]), node.sign, float(columns[right][0]), 10 ** fields[left].kind.scale
        case NumericComparison():
            left_side, right_side = (float(side.numbers(columns, 1)[0]) for side in (node.left, node.right))
            return left_side, node.sign, right_side, 1
    return None


def _amount(difference: float, unit: int) -> str:
    shown = f"{difference / unit:.2f}" if unit > 1 else f"{difference:g}"
    return shown if difference else "any"


def _share(reached: Any, limit: Any) -> float | None:
    """Return a share from 0 to 1; None where the limit is none to reach."""
    return min(1.0, max(0.0, float(reached / limit))) if limit > 0 else None


def _shown(name: str, columns: Columns, fields: Mapping[str, Field]) -> str:
    if name.startswith(FEATURE):
        return f"{name.removeprefix(FEATURE)} {render_number(float(columns[name][0]))}"
    nulls = columns.get(null_mark(name))
    if nulls is not None and nulls[0]:
        return f"{name} null"
    return f"{name} {fields[name].show(columns[name][:1].tolist()[0])}"
