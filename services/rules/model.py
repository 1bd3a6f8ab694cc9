"""Rules as data: what a rules file says, checked and ready to run. Nothing here knows Kafka, files or windows' state.

A rule matches a transaction when its condition holds and each of its aggregations that has a limit is within it. An
aggregation is over a window: the transactions with the same values in the `by` fields whose event time is in the
half-open interval ``(t - over, t]`` that ends with the evaluated transaction, read before it or being it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from services.rules.features.feature import Feature, FeatureSet
    from services.rules.models.score import ModelScore

ID = "id"
"""The field that identifies a transaction."""

KEY = "target"
"""The field that the input topic is keyed by."""

EVENT_TIME = "created_at"
"""The field with the event time: milliseconds since the epoch."""

Columns = Mapping[str, NDArray[Any]]
"""Values of each field by its name, one per row, as `services.contracts.ColumnDecoder` delivers them: decimals unscaled
(cents for a scale of 2), timestamps in milliseconds, strings as the bytes of their UTF-8."""

Mask = NDArray[np.bool_]

LABEL = "label fraud"
"""The column that says of labels whether they are of fraud: no field has a space in its name."""


FEATURE = "feature "
"""Prefix of the columns that have features: no field has a space in its name."""


def feature_column(name: str) -> str:
    """Return the name of the column that has a feature."""
    return FEATURE + name


class Severity(StrEnum):
    """The severity of a match."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Mode(StrEnum):
    """The mode of a rule: a live rule decides; matches of a shadow rule are only counted and logged."""

    LIVE = "live"
    SHADOW = "shadow"


class Measure(StrEnum):
    """The aggregate function of a window."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVERAGE = "average"
    DISTINCT = "distinct"
    INACTIVITY = "inactivity"
    """Milliseconds since the latest other transaction in the window; no result where there is none."""
    MATCHES = "matches"
    """Kept for `alert_every`: the matches of a rule. No rules file can name it."""


class Condition(Protocol):
    """A condition on the fields of one transaction. Two with the same text are the same condition."""

    @property
    def text(self) -> str:
        """The canonical spelling."""

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it needs."""

    @property
    def features(self) -> frozenset[str]:
        """The features that it needs."""

    def mask(self, columns: Columns, rows: int) -> Mask:
        """Return for each of `rows` transactions whether it holds."""


@dataclass(frozen=True)
class Window:
    """A window and its aggregate function; rules with the same window share its state.

    Attributes:
        measure: The aggregate function.
        field: The field that is summed, compared or counted distinct; None for count and inactivity.
        by: The fields that are its key, in the order of the file.
        over_ms: The length of the interval.
        where: Text of the condition on the transactions that count; empty if all do.
        delay_ms: For a window over labels the time after a transaction from which its label counts at the earliest;
            None for a window over transactions.
    """

    measure: Measure
    field: str | None
    by: tuple[str, ...]
    over_ms: int
    where: str = ""
    delay_ms: int | None = None

    @property
    def definition(self) -> tuple[object, ...]:
        """All of it as JSON data; that of a window over transactions is the same as before there were labels."""
        own = (self.measure, self.field, self.by, self.over_ms, self.where)
        return own if self.delay_ms is None else (*own, self.delay_ms)


@dataclass(frozen=True)
class Aggregation:
    """An aggregation of a rule: a window, and limits on its result.

    Attributes:
        name: Its name in the rules file and in the rule's reason.
        window: The window.
        where: The condition on the transactions that count; None if all do. Its text is the window's.
        at_least: Inclusive lower limit on the result, in the unit of the column (cents for a decimal of scale 2,
            milliseconds for inactivity); None for none.
        at_most: Inclusive upper limit on the result.
        rule: The rule whose matches a window of `Measure.MATCHES` keeps.
        every_row: Whether the result of every transaction is needed, as by a feature.
    """

    name: str
    window: Window
    where: Condition | None = None
    at_least: Fraction | None = None
    at_most: Fraction | None = None
    rule: "Rule | None" = None
    every_row: bool = False

    @property
    def is_limited(self) -> bool:
        """Return whether there is a limit on the result."""
        return self.at_least is not None or self.at_most is not None


@dataclass(frozen=True)
class Rule:
    """One reason to call a transaction suspicious.

    Attributes:
        name: Identifies it: the name of its table in the file.
        severity: Its severity.
        reason: A template for people; ``{name}`` stands for a field of the transaction or an aggregation of the rule.
        mode: Whether it decides.
        when: The condition on the evaluated transaction; None for all transactions.
        aggregations: Its aggregations over windows; empty for a rule about one transaction alone.
        version: Changes whenever what the rule means changes: the first 12 hex digits of a SHA-256.
        line: The line of its table in the file.
        alert: Whether an alert is written besides routing the transaction: `alert = false` in the file spares a rule
            that matches all the time from it.
        alert_every_ms: The length of intervals in each of which the first match of a key becomes an alert; None where
            each match does.
        features: The features that its condition needs, each after those that it is computed from.
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
    alert_every_ms: int | None = None
    features: tuple["Feature", ...] = ()

    @property
    def is_reported(self) -> bool:
        """Return whether each match is reported: by an alert, or by a line in the log for a shadow rule."""
        return self.alert or self.mode is Mode.SHADOW

    @property
    def writes_alerts(self) -> bool:
        """Return whether an alert is written for its matches."""
        return self.alert and self.mode is Mode.LIVE

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The fields that the keys of all its windows have, in the order of the first; empty without windows."""
        first, *others = [aggregation.window.by for aggregation in self.aggregations] or [()]
        return tuple(field for field in first if all(field in other for other in others))

    @cached_property
    def contributing_window(self) -> Window:
        """The window whose transactions are a match's contributors: of the first limited aggregation, else the first.

        Raises:
            IndexError: It is a rule without windows.
        """
        limited = [aggregation for aggregation in self.aggregations if aggregation.is_limited]
        return (limited or self.aggregations)[0].window

    @cached_property
    def needs_windows(self) -> bool:
        """Return whether it depends on other transactions, by its windows or those of its features."""
        return bool(self.aggregations) or any(feature.aggregation for feature in self.features)

    @cached_property
    def named_features(self) -> tuple[str, ...]:
        """The features that its condition or its reason names, and those of its models."""
        in_condition = self.when.features if self.when else frozenset()
        named = {each.name for each in self.features if each.name in in_condition or f"{{{each.name}}}" in self.reason}
        named.update(name for score in self.scores for name in score.model.features)
        return tuple(each.name for each in self.features if each.name in named)

    @cached_property
    def scores(self) -> tuple["ModelScore", ...]:
        """The scores of models that it needs."""
        return tuple(each.score for each in self.features if each.score is not None)

    @cached_property
    def kept_matches(self) -> Aggregation | None:
        """The window that keeps its matches, the same for rules that match the same; None without `alert_every`."""
        if self.alert_every_ms is None or not self.writes_alerts:
            return None
        limited = [each for each in self.aggregations if each.is_limited]
        limits = [(*each.window.definition, str(each.at_least), str(each.at_most)) for each in limited]
        features = [[feature.name, feature.definition] for feature in self.features]
        meaning = json.dumps([self.when.text if self.when else None, *limits, *features])
        digest = hashlib.sha256(meaning.encode()).hexdigest()[:24]
        by = self.contributing_window.by
        return Aggregation(
            "matches", Window(Measure.MATCHES, None, by, 2 * self.alert_every_ms, f"matched {digest}"), rule=self
        )

    @property
    def reach_ms(self) -> int:
        """The time before a transaction that its evaluation, and whether its match becomes an alert, depend on."""
        windows = [aggregation.window.over_ms for aggregation in self.aggregations]
        longest = max([0, *windows, *(feature.reach_ms for feature in self.features)])
        return longest + (2 * (self.alert_every_ms or 0) if self.writes_alerts else 0)

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that its evaluation needs; a reason may show more."""
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
        text: The content of the file. Texts with the same meaning have the same version.
        constants: The numbers that conditions call by name, such as `suspicious_amount`.
        warnings: A line for each deprecated word in the file, and for each model that was trained on another contract.
        features: All features of the file.
        models: All models of the file.
    """

    rules: tuple[Rule, ...]
    version: str
    source: str
    text: str = field(default="", compare=False, repr=False)
    constants: Mapping[str, Decimal] = field(default_factory=dict, compare=False, repr=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)
    features: "FeatureSet | None" = None
    models: "tuple[ModelScore, ...]" = ()

    @property
    def longest_ms(self) -> int:
        """The time before a transaction that its evaluation depends on; 0 without windows."""
        return longest_reach(self.rules)


def longest_reach(rules: Iterable[Rule]) -> int:
    """Return the time before a transaction that some rules depend on, in milliseconds; 0 without windows."""
    return max((rule.reach_ms for rule in rules), default=0)


def fields_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return the fields that the evaluation of some rules needs, each once, sorted."""
    return tuple(sorted({field for rule in rules for field in rule.fields}))
