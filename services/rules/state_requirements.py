"""The state that rules require of the topic of their stage."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.rules.features.feature import Feature
from services.rules.model import EVENT_TIME, Aggregation, Rule, longest_reach


@dataclass(frozen=True)
class StateRequirements:
    """The windows that the rules of a stage need, and what they are restored from.

    Attributes:
        aggregations: The aggregations over windows; no state is kept where there are none.
        fields: The fields to decode for them.
        reach_ms: The time before a transaction that the rules depend on, and the allowed lateness.
    """

    aggregations: tuple[Aggregation, ...]
    fields: tuple[str, ...]
    reach_ms: int

    def is_equivalent(self, other: "StateRequirements") -> bool:
        """Return whether the same is required; the order of the rules makes no difference."""
        return (set(self.aggregations), self.fields, self.reach_ms) == (
            set(other.aggregations),
            other.fields,
            other.reach_ms,
        )


def requirements_of(rules: Iterable[Rule], lateness_ms: int, features: Iterable[Feature] = ()) -> StateRequirements:
    """Return the state that rules, and features of the same stage, require of their stage's topic."""
    rules, features = tuple(rules), tuple(features)
    aggregations = tuple(
        aggregation
        for rule in rules
        for aggregation in (*rule.aggregations, *((rule.kept_matches,) if rule.kept_matches else ()))
    )
    aggregations += tuple(feature.aggregation for feature in features if feature.aggregation)
    fields = {EVENT_TIME} | {field for rule in rules if rule.aggregations for field in rule.fields}
    fields |= {field for feature in features if feature.aggregation for field in feature.fields}
    reach_ms = max([longest_reach(rules), *(feature.reach_ms for feature in features)])
    return StateRequirements(aggregations, tuple(sorted(fields)), reach_ms + lateness_ms)
