"""Matches: a rule and the row that it matches."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from services.rules.model import Columns, Rule

Number = int | Fraction | None
"""The result of an aggregation in the unit of its column, milliseconds for inactivity; None where there is none."""


class RuleMatch(NamedTuple):
    """A rule that matches a transaction; a tuple, as those are made fastest and there are many.

    Attributes:
        row: The transaction's row in its batch.
        rule: The rule.
        key: The row's values in the `by` fields of the rule's contributing window, as the columns hold them; empty for
            a rule without windows.
        aggregates: The result of each aggregation of the rule, by its name.
        contributors: The ids of the latest transactions in that window, in order of event time and then of the log.
    """

    row: int
    rule: Rule
    key: tuple[Any, ...] = ()
    aggregates: Mapping[str, Number] = MappingProxyType({})
    contributors: tuple[bytes, ...] = ()


def match_conditions(rules: Iterable[Rule], columns: Columns, rows: int) -> list[RuleMatch]:
    """Return the matches of rules without windows, by rule and then by row.

    Args:
        rules: The rules.
        columns: The fields that they need.
        rows: The number of rows.
    """
    matches: list[RuleMatch] = []
    for rule in rules:
        mask = rule.when.mask(columns, rows) if rule.when else np.ones(rows, np.bool_)
        matches += [RuleMatch(row, rule) for row in np.flatnonzero(mask).tolist()]
    return matches
