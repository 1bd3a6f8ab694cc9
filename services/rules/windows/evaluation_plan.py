"""What rules ask of which windows, and in which order it is best found out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, inf
from typing import Any

from services.rules.model import Aggregation, Measure, Rule, Window
from services.rules.windows.key_state import AggregateValue


@dataclass(frozen=True)
class Limits:
    """Between what a window's figure must be for a rule.

    Attributes:
        low: It must not be less; None for no such limit.
        high: It must not be more; None for no such limit.
    """

    low: Fraction | None
    high: Fraction | None

    @property
    def at_least(self) -> int:
        """What any figure within the limits reaches; 0 if they don't say."""
        return 0 if self.low is None else max(ceil(self.low), 0)

    def within(self, measure: Measure, rows: list[int], raws: list[Any]) -> list[int]:
        """The rows whose figures are within the limits."""
        if self.low is None and self.high is None:
            return rows
        pairs = zip(rows, raws, strict=True)
        if measure is Measure.AVERAGE:
            return [row for row, raw in pairs if raw is not None and self._average_within(*raw)]
        least = -inf if self.low is None else ceil(self.low)
        most = inf if self.high is None else floor(self.high)
        return [row for row, raw in pairs if raw is not None and least <= raw <= most]

    def _average_within(self, total: int, count: int) -> bool:
        """Multiplied out, which is exact and much cheaper than to divide."""
        if self.low is not None and total * self.low.denominator < self.low.numerator * count:
            return False
        return self.high is None or total * self.high.denominator <= self.high.numerator * count


@dataclass(frozen=True)
class Use:
    """A window, and the rules that look at it.

    Attributes:
        window: The window.
        by: The numbers of the rules, each with its limits.
        at_least: A figure that is less is of no use to any of them.
    """

    window: Window
    by: tuple[tuple[int, Limits], ...]
    at_least: int


class EvaluationPlan:
    """How some rules are judged over the windows that are kept.

    Args:
        rules: The rules, in their order.
        kept: The windows.

    Raises:
        ValueError: a rule looks at a window that is not kept.
    """

    def __init__(self, rules: Sequence[Rule], kept: Collection[Window]) -> None:
        self.rules = tuple(rules)
        users: dict[Window, dict[int, list[Aggregation]]] = {window: {} for window in kept}
        for number, rule in enumerate(rules):
            for aggregation in rule.aggregations:
                if aggregation.window not in users:
                    raise ValueError(
                        f"rule {rule.name}: the window of {aggregation.name} is not kept; require() its figures first"
                    )
                users[aggregation.window].setdefault(number, []).append(aggregation)
        self.uses = sorted((_use(window, aggregations) for window, aggregations in users.items()), key=_rank)


def anchor(rule: Rule) -> Window:
    """The window whose entries are a firing's contributors: of the first figure with a limit, else of the first."""
    return next(
        (aggregation.window for aggregation in rule.aggregations if _limited(aggregation)), rule.aggregations[0].window
    )


def shown(raw: AggregateValue) -> int | Fraction | None:
    """A figure as others see it."""
    return Fraction(*raw) if isinstance(raw, tuple) else raw


def _limited(aggregation: Aggregation) -> bool:
    return aggregation.at_least is not None or aggregation.at_most is not None


def _use(window: Window, users: dict[int, list[Aggregation]]) -> Use:
    by = tuple((number, _limits(aggregations)) for number, aggregations in users.items())
    return Use(window, by, min((limits.at_least for _, limits in by), default=0))


def _limits(aggregations: Sequence[Aggregation]) -> Limits:
    lows = [aggregation.at_least for aggregation in aggregations if aggregation.at_least is not None]
    highs = [aggregation.at_most for aggregation in aggregations if aggregation.at_most is not None]
    return Limits(max(lows, default=None), min(highs, default=None))


def _rank(use: Use) -> int:
    """The sooner a window is looked at, the fewer rows it should leave open: first limits that few rows reach."""
    if any(limits.at_least > 1 for _, limits in use.by):
        return 0
    return 1 if any(limits != Limits(None, None) for _, limits in use.by) else 2
