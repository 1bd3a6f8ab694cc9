"""Which rules fire on which rows of a batch: window by window, each only for the rows where a rule is still open."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from services.rules.model import Mask, Rule, Window
from services.rules.windows.evaluation_plan import EvaluationPlan, Use, anchor, shown
from services.rules.windows.results import RuleMatch
from services.rules.windows.row_batch import Batch
from services.rules.windows.window_store import WindowStore

if TYPE_CHECKING:
    from services.rules.windows.key_state import AggregateValue


class Round:
    """One batch, kept and judged.

    Args:
        batch: The rows.
        plan: What to judge by.
        kept: The windows of the plan, all of which keep the rows.
    """

    def __init__(self, batch: Batch, plan: EvaluationPlan, kept: Mapping[Window, WindowStore]) -> None:
        self._batch = batch
        self._rules = plan.rules
        self._kept = kept
        self._open = [self._when(rule) for rule in plan.rules]
        self._aggregations: dict[Window, dict[int, AggregateValue]] = {}
        for use in plan.uses:
            self._look(use)

    def matches(self, contributors: int) -> list[RuleMatch]:
        """What fires, by row and then in the order of the rules.

        Args:
            contributors: How many ids a firing names at most.
        """
        matches = [
            self._match(rule, row, contributors)
            for rule, rows in zip(self._rules, self._open, strict=True)
            for row in np.flatnonzero(rows).tolist()
        ]
        return sorted(matches, key=lambda match: match.row)

    def _when(self, rule: Rule) -> Mask:
        mask = self._batch.holds(rule.when)
        return np.ones(self._batch.rows, np.bool_) if mask is None else mask

    def _look(self, use: Use) -> None:
        kept, rows = self._kept[use.window], self._batch.rows
        wanted = np.zeros(rows, np.bool_)
        for number, _ in use.by:
            wanted |= self._open[number]
        if not wanted.any():
            kept.add(self._batch)
            return
        found, raws = kept.evaluate(self._batch, wanted, use.at_least)
        for number, limits in use.by:
            within = np.zeros(rows, np.bool_)
            within[limits.within(use.window.measure, found, raws)] = True
            self._open[number] = self._open[number] & within
        if any(self._open[number].any() for number, _ in use.by):
            self._aggregations[use.window] = dict(zip(found, raws, strict=True))

    def _match(self, rule: Rule, row: int, contributors: int) -> RuleMatch:
        if not rule.aggregations:
            return RuleMatch(row, rule, (), {}, ())
        window = anchor(rule)
        aggregations = {
            aggregation.name: shown(self._aggregations[aggregation.window][row]) for aggregation in rule.aggregations
        }
        key = tuple(self._batch.columns[name][row : row + 1].tolist()[0] for name in window.by)
        ids = self._kept[window].contributors(self._batch, row, contributors)
        return RuleMatch(row, rule, key, aggregations, tuple(ids))
