"""What judging a batch gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from services.rules.model import Rule

Value = int | Fraction | None
"""A figure: in the unit of its column (milliseconds for silence); None where there is none."""


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A rule that fired on a transaction.

    Attributes:
        row: Which one of the batch.
        rule: What fired.
        key: The row's values in the `by` fields of the first limited figure (of the first figure where none has a
            limit; empty for a rule without figures), as the columns hold them.
        aggregates: The result of each aggregation of the rule, by its name.
        contributors: The ids of the transactions that count for that figure, the latest ones, in order of event
            time and then of the log.
    """

    row: int
    rule: Rule
    key: tuple[Any, ...]
    aggregates: Mapping[str, Value]
    contributors: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the rules say about a batch.

    Attributes:
        firings: By row, then in the order of the rules.
        late: How many rows were late: their windows may have lost entries that they should have seen.
    """

    matches: Sequence[RuleMatch]
    late: int
