"""Rules as data: what a rules file says, checked and ready to run. Nothing here knows Kafka, files or windows' state.

A rule fires on a transaction when its condition holds and each of its figures that has a limit is within it. A figure
is taken over a window: the transactions with the same values in the `by` fields whose event time is in the half-open
interval ``(t - over, t]`` that ends with the judged transaction, read before it or being it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

ID = "id"
"""The field that identifies a transaction."""

KEY = "target"
"""The field that the input topic is keyed by."""

EVENT_TIME = "created_at"
"""The field with the event time: milliseconds since the epoch."""

Columns = Mapping[str, NDArray[Any]]
"""By field name one array of a value per row, as `services.contracts.ColumnDecoder` delivers them: decimals unscaled
(cents for a scale of 2), timestamps in milliseconds, strings as the bytes of their UTF-8."""

Mask = NDArray[np.bool_]


class Severity(StrEnum):
    """How bad it is when a rule is right."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Mode(StrEnum):
    """Whether a rule decides, or is only watched."""

    LIVE = "live"
    SHADOW = "shadow"


class Measure(StrEnum):
    """What a figure says about the transactions in its window."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVERAGE = "average"
    DISTINCT = "distinct"
    INACTIVITY = "silence"
    """Milliseconds since the latest other transaction in the window; there is no figure where there is none."""


class Condition(Protocol):
    """A condition on the fields of one transaction. Two with the same text are the same condition."""

    @property
    def text(self) -> str:
        """The canonical spelling."""

    @property
    def fields(self) -> frozenset[str]:
        """What it looks at."""

    def mask(self, columns: Columns, rows: int) -> Mask:
        """For each of `rows` transactions, whether it holds."""


@dataclass(frozen=True)
class Window:
    """What is kept in order to take a figure: rules that look at the same window share its state.

    Attributes:
        measure: What is taken.
        field: The field that is summed, compared or counted distinct; None for count and silence.
        by: The fields that are its key, in the order of the file.
        over_ms: The length of the interval.
        where: Text of the condition on the transactions that count; empty if all do.
    """

    measure: Measure
    field: str | None
    by: tuple[str, ...]
    over_ms: int
    where: str = ""


@dataclass(frozen=True)
class Aggregation:
    """A figure that a rule takes.

    Attributes:
        name: What the rule's reason calls it.
        window: What it is taken over.
        where: The condition on the transactions that count; None if all do. Its text is the window's.
        at_least: The rule fires only if the figure is no less; in the unit of the column (cents for a decimal of
            scale 2, milliseconds for silence). None: no such limit.
        at_most: The rule fires only if the figure is no more.
    """

    name: str
    window: Window
    where: Condition | None = None
    at_least: Fraction | None = None
    at_most: Fraction | None = None


@dataclass(frozen=True)
class Rule:
    """One reason to call a transaction suspicious.

    Attributes:
        name: Identifies it: the name of its table in the file.
        severity: How bad it is.
        reason: A template for people; ``{name}`` stands for a field of the transaction or a figure of the rule.
        mode: Whether it decides.
        when: The condition on the judged transaction; None if all are looked at.
        figures: What it takes over windows; empty for a rule about one transaction alone.
        version: Changes whenever what the rule means changes: the first 12 hex digits of a SHA-256.
        line: Where its table begins in the file.
        alert: Whether an alert is written besides routing the transaction: `alert = false` in the file spares a rule
            that fires all the time from it.
    """

    name: str
    severity: Severity
    reason: str
    mode: Mode
    when: Condition | None
    aggregations: tuple[Aggregation, ...]
    version: str
    line: int = 0
    alert: bool = True

    @property
    def is_reported(self) -> bool:
        """Whether each finding is told of: by an alert, or by a line in the log where the rule is only watched."""
        return self.alert or self.mode is Mode.SHADOW

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The fields that all of its figures have in their keys, in the order of the first; empty without figures."""
        first, *others = [aggregation.window.by for aggregation in self.aggregations] or [()]
        return tuple(field for field in first if all(field in other for other in others))

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that deciding needs; a reason may show more."""
        needed = set(self.when.fields if self.when else ())
        for aggregation in self.aggregations:
            needed |= {ID, EVENT_TIME, *aggregation.window.by}
            needed |= {aggregation.window.field} if aggregation.window.field else set()
            needed |= aggregation.where.fields if aggregation.where else set()
        return frozenset(needed)


@dataclass(frozen=True)
class RuleSet:
    """All rules of a file.

    Attributes:
        rules: In the order of the file.
        version: Changes whenever one of them does: the first 12 hex digits of a SHA-256.
        source: The file's name, for messages.
        text: What is in the file. Several texts have the same version if they mean the same.
        constants: The numbers that conditions call by name, such as `suspicious_amount`.
    """

    rules: tuple[Rule, ...]
    version: str
    source: str
    text: str = field(default="", compare=False, repr=False)
    constants: Mapping[str, Decimal] = field(default_factory=dict, compare=False, repr=False)

    @property
    def longest_ms(self) -> int:
        """The length of the longest window; 0 without windows."""
        return max((aggregation.window.over_ms for rule in self.rules for aggregation in rule.aggregations), default=0)


def fields_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The fields that at least one rule needs for deciding, each once, sorted."""
    return tuple(sorted({field for rule in rules for field in rule.fields}))
