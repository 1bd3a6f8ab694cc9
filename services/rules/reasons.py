"""Reasons: the templates of rules, filled in with the transaction and the results of aggregations."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from string import Formatter
from types import MappingProxyType
from typing import Any

from services.rules.fields import Field, show_decimal
from services.rules.model import Aggregation, Measure, Rule
from services.rules.rule_match import Number

_NO_RESULT = "none"
_LENGTHS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1))


class TemplateError(ValueError):
    """A reason is not a template."""


@lru_cache(maxsize=1024)
def parts_of(template: str) -> tuple[tuple[str, str | None], ...]:
    """Return a template as texts, each with the name that follows it; ``{{`` and ``}}`` are braces.

    Raises:
        TemplateError: Braces don't match, or hold more than a name.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise TemplateError(f"{error}; a brace that is meant as such is written twice") from None
    for _, name, form, conversion in parts:
        if name is not None and (form or conversion or not name.isidentifier()):
            more = f"{name}{f'!{conversion}' if conversion else ''}{f':{form}' if form else ''}"
            raise TemplateError(f'"{{{more}}}": expected a name between the braces and nothing else')
    return tuple((text, name) for text, name, _, _ in parts)


def names_in(template: str) -> Iterable[str]:
    """Return the names in a template, in their order."""
    return [name for _, name in parts_of(template) if name is not None]


def shown_fields(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return the fields of the transaction in the reasons of rules, each once, sorted."""
    names: set[str] = set()
    for rule in rules:
        own = {aggregation.name for aggregation in rule.aggregations} | {feature.name for feature in rule.features}
        names |= set(names_in(rule.reason)) - own
    return tuple(sorted(names))


def render_reason(
    rule: Rule,
    values: Mapping[str, Any],
    aggregates: Mapping[str, Number],
    fields: Mapping[str, Field],
    features: Mapping[str, float] = MappingProxyType({}),
) -> str:
    """Return the rule's own reason of a match; `alert_content.reason_of` makes the whole text of an alert.

    Args:
        rule: The rule.
        values: The transaction, as a record decoder returns it: at least the fields in the reason.
        aggregates: The results of the rule's aggregations by name, in the units of the columns.
        fields: The fields of a transaction: `fields_of_schema`.
        features: The values of the features in the reason by name; NaN where there is none.
    """
    by_name = {aggregation.name: aggregation for aggregation in rule.aggregations}
    shown = []
    for text, name in parts_of(rule.reason):
        shown.append(text)
        if name in by_name:
            shown.append(render_aggregate(by_name[name], aggregates[name], fields))
        elif name is not None and name in features:
            shown.append(render_number(features[name]))
        elif name is not None:
            shown.append(_shown(values[name]))
    return "".join(shown)


def render_aggregate(aggregation: Aggregation, value: Number, fields: Mapping[str, Field]) -> str:
    """Return a result for people: decimals with their places, an average rounded half to even, a duration in two units.

    Args:
        aggregation: The aggregation.
        value: Its result, in the unit of the column; None where there is none.
        fields: The fields of a transaction: `fields_of_schema`.
    """
    if value is None:
        return _NO_RESULT
    scale = scale_of(aggregation, fields)
    match aggregation.window.measure:
        case Measure.INACTIVITY:
            return duration(int(value))
        case Measure.AVERAGE:
            places = max(scale, 2)
            return show_decimal(round(Fraction(value) * 10 ** (places - scale)), places)
    return show_decimal(int(value), scale)


def render_number(value: float) -> str:
    """Return a feature for people: a whole number as it is, others with two decimal places."""
    if math.isnan(value):
        return _NO_RESULT
    return f"{value:.0f}" if value.is_integer() else f"{value:.2f}"


def scale_of(aggregation: Aggregation, fields: Mapping[str, Field]) -> int:
    """Return the decimal places of a result: 2 for a sum of cents, 0 for a count."""
    window = aggregation.window
    return fields[window.field].kind.scale if window.field and window.measure is not Measure.DISTINCT else 0


def duration(milliseconds: int) -> str:
    """Return a duration in its two largest units, rounded down: ``2 d 3 h``, ``1 min 30 s``."""
    parts: list[tuple[int, str]] = []
    rest = milliseconds
    for unit, length in _LENGTHS:
        count, rest = divmod(rest, length)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count) or "0 ms"


def _shown(value: Any) -> str:
    match value:
        case bytes():
            return value.decode("utf-8", "replace")
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
