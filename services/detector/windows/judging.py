"""Which rules fire on which rows of a batch: window by window, each only for the rows where a rule is still open."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor, inf
from typing import Any

import numpy as np

from services.detector.rules.model import Figure, Mask, Measure, Rule, Window
from services.detector.windows.batch import Batch
from services.detector.windows.judgement import Firing, Value
from services.detector.windows.keyed import Raw
from services.detector.windows.window import KeptWindow


class Round:
    """One batch, judged by some rules.

    Args:
        batch: The rows.
        rules: What to judge by.
        kept: The windows, all of which keep the rows.
    """

    def __init__(self, batch: Batch, rules: Sequence[Rule], kept: Mapping[Window, KeptWindow]) -> None:
        self._batch = batch
        self._rules = rules
        self._kept = kept
        self._open = [self._when(rule) for rule in rules]
        self._figures: dict[Window, dict[int, Raw]] = {}
        users: dict[Window, list[tuple[int, list[Figure]]]] = {window: [] for window in kept}
        for number, rule in enumerate(rules):
            for window in dict.fromkeys(figure.window for figure in rule.figures):
                users[window].append((number, [figure for figure in rule.figures if figure.window == window]))
        for window in sorted(users, key=lambda window: _rank(users[window])):
            self._run(window, users[window])

    def firings(self, contributors: int) -> list[Firing]:
        """What fires, by row and then in the order of the rules."""
        firings = [
            self._firing(rule, row, contributors)
            for rule, open_rows in zip(self._rules, self._open, strict=True)
            for row in np.flatnonzero(open_rows).tolist()
        ]
        return sorted(firings, key=lambda firing: firing.row)

    def _when(self, rule: Rule) -> Mask:
        mask = self._batch.holds(rule.when)
        return np.ones(self._batch.rows, np.bool_) if mask is None else mask

    def _run(self, window: Window, users: Sequence[tuple[int, Sequence[Figure]]]) -> None:
        kept = self._kept[window]
        wanted = np.zeros(self._batch.rows, np.bool_)
        for number, _ in users:
            wanted |= self._open[number]
        if not wanted.any():
            kept.add(self._batch)
            return
        rows, figures = kept.judge(self._batch, wanted, _least(users))
        for number, mine in users:
            within = np.zeros(self._batch.rows, np.bool_)
            test = _test(window.measure, mine)
            within[rows if test is None else [row for row, raw in zip(rows, figures, strict=True) if test(raw)]] = True
            self._open[number] = self._open[number] & within
        if any(self._open[number].any() for number, _ in users):
            self._figures[window] = dict(zip(rows, figures, strict=True))

    def _firing(self, rule: Rule, row: int, contributors: int) -> Firing:
        if not rule.figures:
            return Firing(row, rule, (), {}, ())
        window = next((figure.window for figure in rule.figures if _limited(figure)), rule.figures[0].window)
        figures = {figure.name: _shown(self._figures[figure.window][row]) for figure in rule.figures}
        ids = self._kept[window].contributors(self._batch, row, contributors)
        return Firing(row, rule, self._batch.raw_key(window.by, row), figures, tuple(ids))


def _limited(figure: Figure) -> bool:
    return figure.at_least is not None or figure.at_most is not None


def _rank(users: Sequence[tuple[int, Sequence[Figure]]]) -> int:
    """Which windows are looked at first: those that leave the fewest rows for the others."""
    if any(_least([user]) > 1 for user in users):
        return 0
    return 1 if any(_limited(figure) for _, figures in users for figure in figures) else 2


def _least(users: Sequence[tuple[int, Sequence[Figure]]]) -> int:
    """What a figure must reach to be of use to any rule; 0 if that can't be said."""
    limits = [[ceil(figure.at_least) for figure in figures if figure.at_least is not None] for _, figures in users]
    return max(min((max(mine, default=0) for mine in limits), default=0), 0)


def _test(measure: Measure, figures: Sequence[Figure]) -> Callable[[Any], bool] | None:
    """Whether a figure is within all limits that a rule has for it; None where it has none."""
    low = max((figure.at_least for figure in figures if figure.at_least is not None), default=None)
    high = min((figure.at_most for figure in figures if figure.at_most is not None), default=None)
    if low is None and high is None:
        return None
    if measure is Measure.AVERAGE:
        return lambda raw: raw is not None and _average_within(raw[0], raw[1], low, high)
    least, most = -inf if low is None else ceil(low), inf if high is None else floor(high)
    return lambda raw: raw is not None and least <= raw <= most


def _average_within(total: int, count: int, low: Fraction | None, high: Fraction | None) -> bool:
    """Multiplied out, which is exact and much cheaper than to divide."""
    if low is not None and total * low.denominator < low.numerator * count:
        return False
    return high is None or total * high.denominator <= high.numerator * count


def _shown(raw: Raw) -> Value:
    return Fraction(*raw) if isinstance(raw, tuple) else raw
