"""Evaluates rules on a batch: window by window, each only for the rows that a rule may still match."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.rules.model import Mask, Rule, Window
from services.rules.rule_match import RuleMatch
from services.rules.windows.aggregates import AggregateValue
from services.rules.windows.evaluation_plan import EvaluationPlan, WindowUse, as_number
from services.rules.windows.row_batch import RowBatch
from services.rules.windows.window_store import WindowStore


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of evaluating rules on a batch.

    Attributes:
        matches: By row, then in the order of the rules.
        late: The number of late rows: entries that their windows should include may have been evicted.
    """

    matches: Sequence[RuleMatch]
    late: int


def evaluate(
    batch: RowBatch, plan: EvaluationPlan, stores: Mapping[Window, WindowStore], contributors: int
) -> Evaluation:
    """Add the rows of a batch to all stores, and evaluate the rules on each row.

    Args:
        batch: The rows.
        plan: The rules.
        stores: The state of all windows of the plan.
        contributors: Limit on ids that a match names.
    """
    candidates = [_candidates(batch, rule) for rule in plan.rules]
    results = {use.window: _evaluate_window(batch, use, stores[use.window], candidates) for use in plan.uses}
    matches: list[RuleMatch] = []
    for rule, rows in zip(plan.rules, candidates, strict=True):
        for row in np.flatnonzero(rows).tolist():
            if not rule.aggregations:
                matches.append(RuleMatch(row, rule))
                continue
            window = rule.contributing_window
            key = tuple(batch.columns[name][row : row + 1].tolist()[0] for name in window.by)
            aggregates = {each.name: as_number(results[each.window][row]) for each in rule.aggregations}
            ids = stores[window].contributors(batch, row, contributors)
            matches.append(RuleMatch(row, rule, key, aggregates, tuple(ids)))
    return Evaluation(sorted(matches, key=lambda match: match.row), int(np.count_nonzero(batch.late)))


def _candidates(batch: RowBatch, rule: Rule) -> Mask:
    mask = batch.mask(rule.when)
    return np.ones(batch.rows, np.bool_) if mask is None else mask


def _evaluate_window(
    batch: RowBatch, use: WindowUse, store: WindowStore, candidates: list[Mask]
) -> dict[int, AggregateValue]:
    """Add the rows to one window, and remove from the candidates the rows whose results are beyond a rule's limits.

    Returns:
        The result of each row; none where no candidate is left.
    """
    evaluated = np.zeros(batch.rows, np.bool_)
    for number, _ in use.by_rule:
        evaluated |= candidates[number]
    if not evaluated.any():
        store.add(batch)
        return {}
    rows, values = store.evaluate(batch, evaluated, use.at_least)
    for number, limits in use.by_rule:
        within = np.zeros(batch.rows, np.bool_)
        within[limits.within(use.window.measure, rows, values)] = True
        candidates[number] = candidates[number] & within
    if not any(candidates[number].any() for number, _ in use.by_rule):
        return {}
    return dict(zip(rows, values, strict=True))
