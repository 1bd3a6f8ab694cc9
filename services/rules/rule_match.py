"""Matches: a rule and the rows that it matches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.rules.model import Columns, Rule, feature_column

AggregateValue = int | tuple[int, int] | None
"""The result of an aggregate; of an average its sum and count; None where there is none."""

Number = int | Fraction | None
"""The result of an aggregation in the unit of its column, milliseconds for inactivity; None where there is none."""

Rows = NDArray[np.int64]


class RuleMatch(NamedTuple):
    """A rule that matches a transaction.

    Attributes:
        row: The transaction's row in its batch.
        rule: The rule.
        key: The row's values in the `by` fields of the rule's contributing window, as the columns hold them; empty for
            a rule without windows.
        aggregates: The result of each aggregation of the rule, by its name.
        contributors: The ids of the latest transactions in that window, in order of event time and then of the log;
            empty for a match that becomes no alert.
        suppressed: The number of matches of its key that became no alerts in the interval of `alert_every` before; None
            where it becomes no alert itself, as another match of its interval did.
        features: The value of each feature that the rule's condition needs or its reason shows, by name; NaN for none.
    """

    row: int
    rule: Rule
    key: tuple[Any, ...] = ()
    aggregates: Mapping[str, Number] = MappingProxyType({})
    contributors: tuple[bytes, ...] = ()
    suppressed: int | None = 0
    features: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class RuleMatches:
    """The matches of a rule in a batch, by columns: most are only counted, and a `RuleMatch` is made where one is read.

    Attributes:
        rule: The rule.
        rows: The transactions' rows in the batch, ascending.
        keys: A column for each `by` field of the rule's contributing window, with a value for each match.
        results: The results of each aggregation of the rule by its name, one for each match.
        suppressed: By the position of each match that becomes an alert the number of those that did not before it; None
            for a rule without `alert_every`: each match becomes an alert.
        contributors: By the position of a match its contributors, where they were collected.
        features: The values of the features that the rule names, one for each match.
    """

    rule: Rule
    rows: Rows
    keys: Sequence[NDArray[Any]] = ()
    results: Mapping[str, Sequence[AggregateValue]] = field(default_factory=dict)
    suppressed: Mapping[int, int] | None = None
    contributors: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict)
    features: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def alerts(self) -> Iterable[int]:
        """The positions of the matches that become alerts, where the rule writes any."""
        return range(len(self.rows)) if self.suppressed is None else self.suppressed

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[RuleMatch]:
        return map(self.__getitem__, range(len(self.rows)))

    def __getitem__(self, index: int) -> RuleMatch:
        return RuleMatch(
            int(self.rows[index]),
            self.rule,
            tuple(column[index : index + 1].tolist()[0] for column in self.keys),
            {name: as_number(results[index]) for name, results in self.results.items()},
            self.contributors.get(index, ()),
            0 if self.suppressed is None else self.suppressed.get(index),
            {name: float(values[index]) for name, values in self.features.items()},
        )

    def in_batch(self, rows: Rows) -> "RuleMatches":
        """Return the matches in a batch of which only some rows were evaluated, given the numbers of these."""
        return replace(self, rows=rows[self.rows])


def by_row(matches: Iterable[RuleMatches]) -> list[RuleMatch]:
    """Return each match of some rules, by row and then in the order of the rules."""
    return sorted((match for of_rule in matches for match in of_rule), key=attrgetter("row"))


def alerts_by_row(matches: Iterable[RuleMatches]) -> list[RuleMatch]:
    """Return each match that becomes an alert, by row and then in the order of the rules."""
    writing = (of_rule for of_rule in matches if of_rule.rule.writes_alerts)
    return sorted((of_rule[index] for of_rule in writing for index in of_rule.alerts), key=attrgetter("row"))


def match_conditions(rules: Iterable[Rule], columns: Columns, rows: int) -> list[RuleMatches]:
    """Return the matches of rules without windows, of those that have any.

    Args:
        rules: The rules.
        columns: The fields and features that they need.
        rows: The number of rows.
    """
    masks = ((rule, rule.when.mask(columns, rows) if rule.when else np.ones(rows, np.bool_)) for rule in rules)
    matches = ((rule, np.flatnonzero(mask)) for rule, mask in masks if mask.any())
    return [RuleMatches(rule, rows, features=features_in_reason(rule, columns, rows)) for rule, rows in matches]


def features_in_reason(rule: Rule, columns: Columns, rows: Rows) -> Mapping[str, NDArray[np.float64]]:
    """Return the values of the features that a rule names, for some rows."""
    return {name: columns[feature_column(name)][rows] for name in rule.named_features}


def as_number(value: AggregateValue) -> Number:
    """Return a result as one number: of an average the quotient."""
    return Fraction(*value) if isinstance(value, tuple) else value
