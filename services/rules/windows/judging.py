"""Which rules fire on which rows of a batch: window by window, each only for the rows where a rule is still open."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from services.rules.model import Mask, Rule, Window
from services.rules.windows.batch import Batch
from services.rules.windows.judgement import Firing
from services.rules.windows.plan import Plan, Use, anchor, shown
from services.rules.windows.window import KeptWindow

if TYPE_CHECKING:
    from services.rules.windows.keyed import Raw


class Round:
    """One batch, kept and judged.

    Args:
        batch: The rows.
        plan: What to judge by.
        kept: The windows of the plan, all of which keep the rows.
    """

    def __init__(self, batch: Batch, plan: Plan, kept: Mapping[Window, KeptWindow]) -> None:
        self._batch = batch
        self._rules = plan.rules
        self._kept = kept
        self._open = [self._when(rule) for rule in plan.rules]
        self._figures: dict[Window, dict[int, Raw]] = {}
        for use in plan.uses:
            self._look(use)

    def firings(self, contributors: int) -> list[Firing]:
        """What fires, by row and then in the order of the rules.

        Args:
            contributors: How many ids a firing names at most.
        """
        firings = [
            self._firing(rule, row, contributors)
            for rule, rows in zip(self._rules, self._open, strict=True)
            for row in np.flatnonzero(rows).tolist()
        ]
        return sorted(firings, key=lambda firing: firing.row)

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
        found, raws = kept.judge(self._batch, wanted, use.at_least)
        for number, limits in use.by:
            within = np.zeros(rows, np.bool_)
            within[limits.within(use.window.measure, found, raws)] = True
            self._open[number] = self._open[number] & within
        if any(self._open[number].any() for number, _ in use.by):
            self._figures[use.window] = dict(zip(found, raws, strict=True))

    def _firing(self, rule: Rule, row: int, contributors: int) -> Firing:
        if not rule.figures:
            return Firing(row, rule, (), {}, ())
        window = anchor(rule)
        figures = {figure.name: shown(self._figures[figure.window][row]) for figure in rule.figures}
        key = tuple(self._batch.columns[name][row : row + 1].tolist()[0] for name in window.by)
        ids = self._kept[window].contributors(self._batch, row, contributors)
        return Firing(row, rule, key, figures, tuple(ids))
