"""Versions of rules: digests of their canonical definitions.

The words in a definition are those of its first release, so that a rule keeps its version when a word of the rules file
gets a new name.
"""

import hashlib
import json
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from services.rules.model import Aggregation, Measure, Rule

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
        }
    )


def version_of_rules(rules: Iterable[Rule]) -> str:
    """Return the version of several rules; their order does not count."""
    return _digest(sorted(rule.version for rule in rules))


def _aggregation(aggregation: Aggregation) -> dict[str, Any]:
    window = aggregation.window
    return {
        "name": aggregation.name,
        "measure": "silence" if window.measure is Measure.INACTIVITY else window.measure,
        "field": window.field,
        "by": window.by,
        "over_ms": window.over_ms,
        "where": window.where,
        "at_least": _number(aggregation.at_least),
        "at_most": _number(aggregation.at_most),
    }


def _number(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


def _digest(definition: Any) -> str:
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]
