"""The definition of a feature, and sets of features with their digest."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from services.errors import ContractError
from services.rules.digests import digest_of_features
from services.rules.model import EVENT_TIME, FEATURE, ID, LABEL, Aggregation, Measure
from services.rules.models.score import ModelScore
from services.rules.numeric_expressions import NumericExpression

_OF_LABELS = {Measure.COUNT: "count labels", Measure.SUM: "count fraud", Measure.AVERAGE: "share fraud"}


@dataclass(frozen=True)
class Feature:
    """A number about each transaction: computed from fields and other features, or the result of a window.

    Attributes:
        name: Its name in the rules file.
        expression: The expression; None for the result of a window.
        aggregation: The window; None for an expression.
        is_past: Whether the window is without the evaluated transaction.
        unit: What results of the window are divided by: 100 for a sum of cents, 1000 for milliseconds.
        is_condition: Whether it is 1 where a condition holds and else 0.
        line: Its line in the file.
    """

    name: str
    expression: NumericExpression | None = None
    aggregation: Aggregation | None = None
    is_past: bool = False
    unit: int = 1
    is_condition: bool = False
    line: int = field(default=0, compare=False)

    @cached_property
    def uses(self) -> frozenset[str]:
        """The features that it is computed from."""
        needed = self.expression.fields if self.expression else ()
        return frozenset(name.removeprefix(FEATURE) for name in needed if name.startswith(FEATURE))

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that it needs itself, without those of the features that it is computed from."""
        if self.aggregation is None:
            needed = self.expression.fields if self.expression else ()
            return frozenset(name for name in needed if not name.startswith(FEATURE))
        window, where = self.aggregation.window, self.aggregation.where
        fields = {ID, EVENT_TIME, *window.by, *(where.fields if where else ())}
        return frozenset(fields | ({window.field} if window.field and window.field != LABEL else set()))

    @property
    def score(self) -> ModelScore | None:
        """The model whose score it is; None for any other feature."""
        return self.expression if isinstance(self.expression, ModelScore) else None

    @property
    def definition(self) -> Any:
        """The definition as JSON data: that of an equal feature is equal."""
        if self.aggregation is None:
            return self.expression.text if self.expression else None
        return {"window": self.aggregation.window.definition, **({"past": True} if self.is_past else {})}

    @property
    def described(self) -> str:
        """The definition for people."""
        if self.aggregation is None:
            return self.expression.text if self.expression else ""
        window = self.aggregation.window
        measure = f"{window.measure} {window.field}" if window.field else str(window.measure)
        if window.delay_ms is not None:
            measure = f"{_OF_LABELS[window.measure]}, {window.delay_ms / 1000:g} s later,"
        where = f" where {window.where}" if window.where else ""
        past = ", without the evaluated one" if self.is_past else ""
        return f"{measure} by {', '.join(window.by)}{where}{past}"

    @property
    def reach_ms(self) -> int:
        """The time before a transaction that it depends on by its own window."""
        window = self.aggregation.window if self.aggregation else None
        return window.over_ms + (window.delay_ms or 0) if window else 0


@dataclass(frozen=True)
class FeatureSet:
    """Some features, by which a model or an export names them, and all that they are computed from.

    Attributes:
        names: Their names, in order.
        ordered: Their definitions, and those of the features that they are computed from; each after these.
    """

    names: tuple[str, ...] = ()
    ordered: tuple[Feature, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Feature]:
        """The definitions by name."""
        return {feature.name: feature for feature in self.ordered}

    @cached_property
    def digest(self) -> str:
        """Digest of the definitions; the order of names makes no difference, other features of the file neither."""
        return digest_of_features(self.names, self.ordered)

    @property
    def aggregations(self) -> tuple[Aggregation, ...]:
        """The windows that they need."""
        return tuple(feature.aggregation for feature in self.ordered if feature.aggregation)

    @property
    def fields(self) -> frozenset[str]:
        """The fields that they need."""
        return frozenset().union(*(feature.fields for feature in self.ordered))

    @property
    def reach_ms(self) -> int:
        """The time before a transaction that they depend on; 0 without windows."""
        return max((feature.reach_ms for feature in self.ordered), default=0)

    def select(self, names: Iterable[str]) -> "FeatureSet":
        """Return the set of some of the features.

        Raises:
            ContractError: There is no feature of a name.
        """
        names = tuple(names)
        if unknown := sorted(set(names) - self.by_name.keys()):
            there = ", ".join(self.by_name) or "none"
            raise ContractError(f"unknown feature {', '.join(unknown)}: the rules file has {there}")
        return FeatureSet(names, tuple(closure(names, self.ordered)))


def closure(names: Collection[str], ordered: Iterable[Feature]) -> list[Feature]:
    """Return features and those that they are computed from, in the order given, each after these.

    Args:
        names: The names of the features.
        ordered: Definitions, each after those that it is computed from.
    """
    needed = set(names)
    selected = []
    for feature in reversed(list(ordered)):
        if feature.name in needed:
            needed |= feature.uses
            selected.append(feature)
    return selected[::-1]


def simple_features(ordered: Iterable[Feature]) -> list[Feature]:
    """Return the features that are about one transaction alone, given definitions each after those that it uses."""
    simple: list[Feature] = []
    names: set[str] = set()
    for feature in ordered:
        if feature.aggregation is None and feature.uses <= names:
            simple.append(feature)
            names.add(feature.name)
    return simple
