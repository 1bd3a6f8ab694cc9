"""Versions of rules: digests of their canonical definitions.

The words in a definition are those of its first release, so that a rule keeps its version when a word of the rules file
gets a new name.
"""

import hashlib
import json
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from services.rules.model import Aggregation, Measure, Rule, Window

if TYPE_CHECKING:
    from services.rules.features.feature import Feature

_DIGITS = 12


def version_of_rule(rule: Rule) -> str:
    """Return the version of a rule, whatever its own says: the same for the same definition, however it is laid out.

    The order of its windows counts: the first one with a limit names the contributors.
    """
    return _digest(
        {
            "name": rule.name,
            "severity": rule.severity,
            "reason": rule.reason,
            "mode": rule.mode,
            "alert": rule.alert,
            "when": rule.when.text if rule.when else None,
            "figures": [_aggregation(aggregation) for aggregation in rule.aggregations],
            **({} if rule.alert_every_ms is None else {"alert_every_ms": rule.alert_every_ms}),
            **({"features": _features(rule.features)} if rule.features else {}),
        }
    )


def version_of_rules(rules: Iterable[Rule], features: Iterable["Feature"] = ()) -> str:
    """Return the version of several rules, and of the features of their file; their order does not count."""
    definitions = _features(features)
    versions: list[Any] = sorted(rule.version for rule in rules)
    return _digest([*versions, definitions] if definitions else versions)


def digest_of_features(names: Iterable[str], features: Iterable["Feature"]) -> str:
    """Return the digest of some features.

    Args:
        names: Their names; the order does not count.
        features: Their definitions, and those of the features that they are computed from.
    """
    return _digest({"names": sorted(names), "features": _features(features)})


def _features(features: Iterable["Feature"]) -> dict[str, Any]:
    return {feature.name: feature.definition for feature in features}


def _aggregation(aggregation: Aggregation) -> dict[str, Any]:
    return {
        "name": aggregation.name,
        **_window(aggregation.window),
        "at_least": _number(aggregation.at_least),
        "at_most": _number(aggregation.at_most),
    }


def _window(window: Window) -> dict[str, Any]:
    return {
        "measure": "silence" if window.measure is Measure.INACTIVITY else window.measure,
        "field": window.field,
        "by": window.by,
        "over_ms": window.over_ms,
        "where": window.where,
    }


def _number(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


def _digest(definition: Any) -> str:
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]
