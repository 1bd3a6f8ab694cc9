"""The plan of an evaluation: the windows that rules need, their limits, and the order that leaves the fewest rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, inf
from types import MappingProxyType
from typing import Any

from services.rules.features.evaluation import DERIVED
from services.rules.features.feature import Feature
from services.rules.model import Aggregation, Measure, Rule, Window


@dataclass(frozen=True)
class Limits:
    """Inclusive limits of a rule on the result of a window.

    Attributes:
        low: The lower limit; None for none.
        high: The upper limit; None for none.
    """

    low: Fraction | None
    high: Fraction | None

    @property
    def at_least(self) -> int:
        """A whole number that no result within the limits is less than."""
        return 0 if self.low is None else max(ceil(self.low), 0)

    def within(self, measure: Measure, rows: list[int], values: list[Any]) -> list[int]:
        """Return the rows whose results are within the limits."""
        if self.low is None and self.high is None:
            return rows
        pairs = zip(rows, values, strict=True)
        if measure is Measure.AVERAGE:
            return [row for row, value in pairs if value is not None and self._average_within(*value)]
        low = -inf if self.low is None else ceil(self.low)
        high = inf if self.high is None else floor(self.high)
        return [row for row, value in pairs if value is not None and low <= value <= high]

    def _average_within(self, total: int, count: int) -> bool:
        """Return whether an average is within the limits, multiplied out: exact, and cheaper than a division."""
        if self.low is not None and total * self.low.denominator < self.low.numerator * count:
            return False
        return self.high is None or total * self.high.denominator <= self.high.numerator * count


@dataclass(frozen=True)
class WindowUse:
    """A window, and the rules that use it.

    Attributes:
        window: The window.
        by_rule: The positions of these rules, each with its limits.
        at_least: A result that is less is within the limits of none of them.
        of_every_row: Whether the result of every row is asked for, whatever the rules match.
        of_past: Whether the result without the row itself is asked for, of every row, and can't be derived.
        of_values: Whether the result with the row itself is needed beside that.
        is_listed: Whether results are needed as such, not for features alone.
    """

    window: Window
    by_rule: tuple[tuple[int, Limits], ...]
    at_least: int
    of_every_row: bool = False
    of_past: bool = False
    of_values: bool = True
    is_listed: bool = False


class EvaluationPlan:
    """The windows that some rules need, in the order of evaluation.

    Attributes:
        rules: The rules whose matches are returned.
        aggregations: Those whose results of every row are returned.
        features: Those whose values of every row are computed; each after those that it is computed from.
        evaluated: The rules, and then those that are evaluated only to keep their matches.
        keeping: By window of kept matches the position of a rule in `evaluated`.
        uses_of_every_row: The windows whose results features need, or are asked for; they are evaluated first.
        uses: The other windows.

    Args:
        rules: The rules, in their order.
        windows: The windows that have a state store.
        aggregations: Those whose results of every row are asked for.
        keeping: By window the rules whose matches are kept, whether or not they are among the rules.
        features: The features to compute, each after those that it is computed from.
        shared: The windows that share entries with others: they are evaluated together, for every row.

    Raises:
        ValueError: A rule, a feature or an aggregation needs a window that has no state store.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        windows: Collection[Window],
        aggregations: Sequence[Aggregation] = (),
        keeping: Mapping[Window, Rule] = MappingProxyType({}),
        features: Sequence[Feature] = (),
        *,
        shared: Collection[Window] = (),
    ) -> None:
        self.rules = tuple(rules)
        self.aggregations = tuple(aggregations)
        self.features = tuple(features)
        self.evaluated = [*rules, *(rule for rule in keeping.values() if rule not in rules)]
        self.keeping = {window: self.evaluated.index(rule) for window, rule in keeping.items()}
        asked = [*aggregations, *(feature.aggregation for feature in features if feature.aggregation)]
        for aggregation in asked:
            if aggregation.window not in windows:
                raise ValueError(f"the window of {aggregation.name} is not kept; require() it first")
        of_kept = [feature for rule in keeping.values() for feature in rule.features]
        self._windows_of_features = [
            (feature.aggregation.window, feature.is_past)
            for feature in (*features, *of_kept)
            if feature.aggregation and feature.aggregation.window in windows
        ]
        self._every_row = {
            *shared, *(each.window for each in asked), *(window for window, _ in self._windows_of_features)
        }  # fmt: skip
        users: dict[Window, dict[int, list[Aggregation]]] = {
            window: {} for window in windows if window.measure is not Measure.MATCHES
        }
        for number, rule in enumerate(self.evaluated):
            for aggregation in rule.aggregations:
                if aggregation.window not in users:
                    raise ValueError(
                        f"rule {rule.name}: the window of {aggregation.name} is not kept; require() it first"
                    )
                users[aggregation.window].setdefault(number, []).append(aggregation)
        uses = sorted((self._use(window, of_rules) for window, of_rules in users.items()), key=_rank)
        self.uses_of_every_row = [use for use in uses if use.of_every_row]
        self.uses = [use for use in uses if not use.of_every_row]

    def has_features_of(self, rule: Rule) -> bool:
        """Return whether the features of a rule are among those that are computed, or come with the rows."""
        return rule in self.rules or not rule.features

    def _use(self, window: Window, users: dict[int, list[Aggregation]]) -> WindowUse:
        by_rule = tuple((number, _limits(aggregations)) for number, aggregations in users.items())
        if window not in self._every_row:
            return WindowUse(window, by_rule, min((limits.at_least for _, limits in by_rule), default=0))
        past = {is_past for own, is_past in self._windows_of_features if own == window}
        of_past = True in past and window.measure not in DERIVED
        asked = any(aggregation.window == window for aggregation in self.aggregations)
        of_values = not of_past or bool(by_rule) or False in past or asked
        return WindowUse(window, by_rule, 0, of_every_row=True, of_past=of_past, of_values=of_values,
                         is_listed=bool(by_rule) or asked)  # fmt: skip


def _limits(aggregations: Sequence[Aggregation]) -> Limits:
    lows = [aggregation.at_least for aggregation in aggregations if aggregation.at_least is not None]
    highs = [aggregation.at_most for aggregation in aggregations if aggregation.at_most is not None]
    return Limits(max(lows, default=None), min(highs, default=None))


def _rank(use: WindowUse) -> int:
    """Return the rank of a window in the order of evaluation: first limits that few rows reach."""
    if any(limits.at_least > 1 for _, limits in use.by_rule):
        return 0
    return 1 if any(limits != Limits(None, None) for _, limits in use.by_rule) else 2
