"""Evaluates one transaction again by the engine that evaluated it, on the log of its keys.

A stage's windows of a transaction hold rows of its key alone. So its evaluation needs from each stage's log just the
rows with the same value of the field that the stage is keyed by, and the watermark of the whole partition.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.rules.alert_content import alert_content
from services.rules.explanation.checks import checks_of
from services.rules.explanation.verdict import Explanation, ModelExplanation, RuleExplanation
from services.rules.fields import Field
from services.rules.model import EVENT_TIME, Columns, Mode, feature_column
from services.rules.models.explanation import explain as explain_score
from services.rules.models.score import ModelScore
from services.rules.rule_match import as_number
from services.rules.state_requirements import requirements_of
from services.rules.topology import Stage, Topology
from services.rules.windows import WindowState

_CONTRIBUTIONS = 10


@dataclass(frozen=True)
class LogPart:
    """Consecutive rows of a stage's log: transactions, or labels of transactions.

    Attributes:
        columns: What the rules of the stage need, features that stages before computed among it.
        rows: The number of rows.
        watermarks: The watermark of the partition after each row, in milliseconds; None for labels.
        arrived: When each label arrived, in milliseconds since the epoch; None for transactions.
    """

    columns: Columns
    rows: int
    watermarks: NDArray[np.int64] | None = None
    arrived: NDArray[np.int64] | None = None

    def take(self, rows: slice | NDArray[np.int64]) -> "LogPart":
        """Return some of the rows."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        watermarks, arrived = (each if each is None else each[rows] for each in (self.watermarks, self.arrived))
        return LogPart(
            columns, len(range(self.rows)[rows]) if isinstance(rows, slice) else len(rows), watermarks, arrived
        )


def explain(
    topology: Topology,
    log_of: Callable[[Stage], Sequence[LogPart]],
    fields: Mapping[str, Field],
    lateness_ms: int,
    contributors: int = 100,
) -> Explanation:
    """Evaluate a transaction by some rules, and return why they match or don't.

    Args:
        topology: The rules by stage.
        log_of: Returns the rows of the transaction's key in a stage's log, in their order, from the longest window
            before the transaction on; its own row is the last one.
        fields: The fields of a transaction: `fields_of_schema`.
        lateness_ms: Allowed lateness.
        contributors: Limit on the ids that a match names.
    """
    rules: list[RuleExplanation] = []
    features: dict[str, float] = {}
    late = False
    for stage in topology.stages:
        if stage.is_used:
            *before, last = log_of(stage)
            state = WindowState(lateness_ms=lateness_ms, contributors=contributors)
            state.require(requirements_of(stage.rules, lateness_ms, stage.features).aggregations)
            _fill(state, stage, [*before, last.take(slice(0, last.rows - 1))])
            own = last.take(slice(last.rows - 1, last.rows))
            received = {feature_column(name): np.array([features.get(name, np.nan)]) for name in stage.received}
            own = replace(own, columns={**own.columns, **received})
            if own.watermarks is not None:
                late |= bool(own.columns[EVENT_TIME][0] < own.watermarks[0] - lateness_ms)
            more_rules, more_features = _evaluate(state, stage, own, fields)
            rules += more_rules
            features |= more_features
    order = {rule.name: place for place, rule in enumerate(topology.rules.rules)}
    live = [rule.name for rule in rules if rule.matched and rule.mode is Mode.LIVE]
    return Explanation(
        topology.version,
        topology.rules.source,
        tuple(sorted(live, key=order.__getitem__)),
        tuple(sorted(rules, key=lambda rule: rule.nearness, reverse=True)),
        tuple(_explain_model(model, features) for model in topology.rules.models if model.name in features),
        features,
        late,
    )


def _fill(state: WindowState, stage: Stage, parts: Iterable[LogPart]) -> None:
    """Add the rows before the transaction to the windows."""
    for part in parts:
        if not part.rows:
            continue
        if part.arrived is not None:
            state.add_labels(part.columns, part.rows, part.arrived)
        else:
            unknown = {feature_column(name): np.full(part.rows, np.nan) for name in stage.received}
            state.add({**unknown, **part.columns}, part.rows, clock=part.watermarks)
        state.commit()


def _evaluate(
    state: WindowState, stage: Stage, own: LogPart, fields: Mapping[str, Field]
) -> tuple[list[RuleExplanation], dict[str, float]]:
    """Evaluate the transaction's row at a stage; return its rules and features."""
    aggregations = [each for rule in stage.rules for each in rule.aggregations]
    evaluation = state.evaluate(
        own.columns, 1, stage.rules, clock=own.watermarks, aggregations=aggregations, features=stage.features
    )
    values = iter([as_number(results[0]) for results in evaluation.values])
    features = {name: float(results[0]) for name, results in evaluation.features.items()}
    known = {**own.columns, **{feature_column(name): np.array([value]) for name, value in features.items()}}
    rules = []
    matches = {id(matches.rule): matches[0] for matches in evaluation.by_rule}
    for rule in stage.rules:
        aggregates = {each.name: next(values) for each in rule.aggregations}
        match = matches.get(id(rule))
        rules.append(
            RuleExplanation(
                rule.name,
                rule.version,
                rule.severity,
                rule.mode,
                stage.field,
                checks_of(rule, known, aggregates, fields),
                match is not None,
                None if match is None else alert_content(match, known, fields),
                match is not None and rule.writes_alerts and match.suppressed is not None,
            )
        )
    return rules, features


def _explain_model(model: ModelScore, features: Mapping[str, float]) -> ModelExplanation:
    columns = [np.array([features[name]]) for name in model.model.features]
    (contributions,) = explain_score(model.model, columns, 1, _CONTRIBUTIONS)
    return ModelExplanation(model.name, model.digest, model.mode, model.threshold, features[model.name], contributions)
