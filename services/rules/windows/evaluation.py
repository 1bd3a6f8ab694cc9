"""Evaluates rules on a batch: window by window, each only for the rows that a rule may still match."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.rules.features.evaluation import WindowResults, add_features, features_of
from services.rules.model import Columns, Mask, Rule, Window
from services.rules.numeric_expressions import Numbers
from services.rules.rule_match import AggregateValue, RuleMatch, RuleMatches, by_row, features_in_reason
from services.rules.windows.entries import Ints
from services.rules.windows.evaluation_plan import EvaluationPlan, WindowUse
from services.rules.windows.match_store import MatchStore
from services.rules.windows.past_store import PastStore
from services.rules.windows.row_batch import RowBatch
from services.rules.windows.shared_store import SharedStore
from services.rules.windows.window_store import Results, WindowStore


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of evaluating rules on a batch.

    Attributes:
        by_rule: The matches of each rule that has any, in the order of the rules.
        late: The number of late rows: entries that their windows should include may have been evicted.
        values: The result of each row, for each of the aggregations that were asked for.
        features: The value of each row, for each of the features that were asked for.
    """

    by_rule: Sequence[RuleMatches]
    late: int
    values: Sequence[Sequence[AggregateValue]] = ()
    features: Mapping[str, Numbers] = field(default_factory=dict)

    @property
    def matches(self) -> list[RuleMatch]:
        """Each match, by row and then in the order of the rules."""
        return by_row(self.by_rule)


def evaluate(
    batch: RowBatch, plan: EvaluationPlan, stores: Mapping[Window, WindowStore], contributors: int
) -> Evaluation:
    """Add the rows of a batch to all stores, and evaluate the rules on each row.

    Args:
        batch: The rows.
        plan: The rules.
        stores: The state of all windows of the plan.
        contributors: Limit on ids that a match of a rule with alerts names; 0 for none.
    """
    of_windows = _results_of_every_row(batch, plan.uses_of_every_row, stores)
    every_row = list(range(batch.rows))
    results: dict[Window, Results] = {
        use.window: (every_row, of_windows[use.window].aggregates()) for use in plan.uses_of_every_row if use.is_listed
    }
    before = batch.columns
    batch.columns = add_features(before, batch.rows, plan.features, of_windows)
    candidates = [
        _candidates(batch, rule)
        if plan.has_features_of(rule)
        # A rule of another version, whose features may have other definitions under the same names.
        else _candidates_by(add_features(before, batch.rows, rule.features, of_windows), batch.rows, rule)
        for rule in plan.evaluated
    ]
    for use in plan.uses_of_every_row:
        if use.by_rule:
            _remove_beyond_limits(use, results[use.window], candidates)
    results |= {use.window: _evaluate_window(batch, use, stores[use.window], candidates) for use in plan.uses}
    alerts: dict[Window, dict[int, int]] = {}
    for window, number in plan.keeping.items():
        store = stores[window]
        if isinstance(store, MatchStore):
            alerts[window] = store.add_matches(batch, np.flatnonzero(candidates[number]))
    by_rule: list[RuleMatches] = []
    for rule, mask in zip(plan.rules, candidates, strict=False):
        if not mask.any():
            continue
        rows = np.flatnonzero(mask)
        shown = features_in_reason(rule, batch.columns, rows)
        if not rule.aggregations:
            by_rule.append(RuleMatches(rule, rows, features=shown))
            continue
        window = rule.contributing_window
        keys = [batch.columns[name][rows] for name in window.by]
        of_rows = {each.name: _results_of(rows, *results[each.window]) for each in rule.aggregations}
        suppressed = _by_position(rows, alerts.get(rule.kept_matches.window)) if rule.kept_matches else None
        collected = {}
        if rule.writes_alerts and contributors:
            positions = list(range(len(rows)) if suppressed is None else suppressed)
            collected = dict(
                zip(
                    positions,
                    stores[window].contributors(batch, rows[positions], contributors, window.over_ms),
                    strict=True,
                )
            )
        by_rule.append(RuleMatches(rule, rows, keys, of_rows, suppressed, collected, shown))
    values = [results[aggregation.window][1] for aggregation in plan.aggregations]
    features = features_of(batch.columns, (feature.name for feature in plan.features))
    return Evaluation(by_rule, int(np.count_nonzero(batch.late)), values, features)


def _by_position(rows: Ints, alerts: Mapping[int, int] | None) -> dict[int, int] | None:
    """Return what is known of some rows, by their positions instead."""
    if alerts is None:
        return None
    return dict(zip(np.searchsorted(rows, list(alerts)).tolist(), alerts.values(), strict=True))


def _candidates(batch: RowBatch, rule: Rule) -> Mask:
    mask = batch.mask(rule.when)
    return np.ones(batch.rows, np.bool_) if mask is None else mask


def _candidates_by(columns: Columns, rows: int, rule: Rule) -> Mask:
    return rule.when.mask(columns, rows) if rule.when else np.ones(rows, np.bool_)


def _results_of(rows: Ints, evaluated: list[int], values: list[AggregateValue]) -> list[AggregateValue]:
    """Return the results of some of the rows that were evaluated; both are ascending."""
    if len(rows) == len(evaluated):
        return values
    return list(map(values.__getitem__, np.searchsorted(evaluated, rows).tolist()))


def _evaluate_window(batch: RowBatch, use: WindowUse, store: WindowStore, candidates: list[Mask]) -> Results:
    """Add the rows to one window, and remove from the candidates the rows whose results are beyond a rule's limits.

    Returns:
        The rows that were evaluated, ascending, and their results.
    """
    evaluated = np.zeros(batch.rows, np.bool_)
    for number, _ in use.by_rule:
        evaluated |= candidates[number]
    if not evaluated.any():
        store.add(batch)
        return [], []
    results = store.evaluate(batch, evaluated, use.at_least)
    _remove_beyond_limits(use, results, candidates)
    return results


def _remove_beyond_limits(use: WindowUse, results: Results, candidates: list[Mask]) -> None:
    """Remove from the candidates the rows whose results are beyond a rule's limits."""
    rows, values = results
    for number, limits in use.by_rule:
        within = np.zeros(len(candidates[number]), np.bool_)
        within[limits.within(use.window.measure, rows, values)] = True
        candidates[number] = candidates[number] & within


def _results_of_every_row(
    batch: RowBatch, uses: Sequence[WindowUse], stores: Mapping[Window, WindowStore]
) -> dict[Window, WindowResults]:
    """Add the rows to some windows, and return the results of each row."""
    results: dict[Window, WindowResults] = {}
    shared: dict[SharedStore, list[WindowUse]] = {}
    for use in uses:
        store = stores[use.window]
        if isinstance(store, SharedStore):
            shared.setdefault(store, []).append(use)
            continue
        counted = batch.counted(store.where, use.window.over_ms)
        if isinstance(store, PastStore) and use.of_past:
            values, past = store.evaluate_past(batch, with_own=use.of_values)
            results[use.window] = WindowResults(values, past, counted)
        else:
            values = store.evaluate(batch, np.ones(batch.rows, np.bool_), 0)[1]
            results[use.window] = WindowResults(values, None, counted)
    for store, of_store in shared.items():
        results |= store.results_of_every_row(batch, of_store)
    return results
