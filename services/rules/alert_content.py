"""The content of alerts: the fields of an alert that follow from a match, the same in every engine and in a replay."""

import math
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from services.rules.fields import Field
from services.rules.model import ID, Columns, Measure, Rule
from services.rules.models.loading import THRESHOLD
from services.rules.reasons import render_aggregate, render_reason, shown_fields
from services.rules.rule_match import RuleMatch

NAMESPACE = uuid.UUID("5f0c1a5e-3c1c-5b8e-9d39-6f0c5a3c7f11")
"""The namespace of alert ids: UUIDs of version 5 (RFC 9562)."""


def alert_id(rule: Rule, key: Iterable[str], transaction_id: str) -> uuid.UUID:
    """Return the id of an alert: the same for the same match, in a replay too.

    Args:
        rule: The rule that matched.
        key: The values of its contributing window's key.
        transaction_id: The id of the transaction that it matched.
    """
    return uuid.uuid5(NAMESPACE, "\x1f".join([rule.name, rule.version, *key, transaction_id]))


def alert_content(match: RuleMatch, columns: Columns, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the fields of an alert by name, without the transaction and the time of detection.

    Args:
        match: The match.
        columns: The batch of its row: the id, and the fields in the rule's reason.
        fields: The fields of a transaction: `fields_of_schema`.
    """
    rule = match.rule
    transaction_id = transaction_id_of(match, columns, fields)
    key = _key(match, fields)
    contributors = [contributor.decode() for contributor in match.contributors]
    return {
        "id": alert_id(rule, key.values(), transaction_id),
        "rule": rule.name,
        "rule_version": rule.version,
        "severity": rule.severity.name,
        "reason": reason_of(match, columns, fields),
        "key": key,
        "figures": _aggregates(match, fields),
        "contributors": contributors if rule.aggregations else [transaction_id],
        "suppressed": match.suppressed or 0,
    }


def reason_of(match: RuleMatch, columns: Columns, fields: Mapping[str, Field]) -> str:
    """Return the reason of a match, for people: that of the rule, and what raised the scores of its models most."""
    texts = {name: fields[name].show(columns[name][match.row]) for name in shown_fields([match.rule])}
    reason = render_reason(match.rule, texts, match.aggregates, fields, match.features)
    explained = [f"{score.name}: {words}" for score in match.rule.scores if (words := score.reasons(match.features))]
    return "; ".join([reason, *explained])


def transaction_id_of(match: RuleMatch, columns: Columns, fields: Mapping[str, Field]) -> str:
    """Return the id of the transaction of a match."""
    return fields[ID].show(columns[ID][match.row])


def _key(match: RuleMatch, fields: Mapping[str, Field]) -> dict[str, str]:
    if not match.rule.aggregations:
        return {}
    by = match.rule.contributing_window.by
    return {field: fields[field].show(value) for field, value in zip(by, match.key, strict=True)}


def _aggregates(match: RuleMatch, fields: Mapping[str, Field]) -> dict[str, str]:
    """Return the results, and the features, as exact numbers by name, without those that there are none of."""
    results = {aggregation: match.aggregates[aggregation.name] for aggregation in match.rule.aggregations}
    return {
        aggregation.name: str(value)
        if aggregation.window.measure is Measure.INACTIVITY
        else render_aggregate(aggregation, value, fields)
        for aggregation, value in results.items()
        if value is not None
    } | _numbers(match)


def _numbers(match: RuleMatch) -> dict[str, str]:
    """Return the features, and for each model its threshold and the digest of its features."""
    features = {name: repr(value) for name, value in match.features.items() if not math.isnan(value)}
    for score in match.rule.scores:
        features[f"{score.name}_{THRESHOLD}"] = repr(score.threshold)
        features[f"{score.name}_features"] = score.model.features_digest
    return features
