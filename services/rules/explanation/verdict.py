"""The explanation of a verdict as data."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from services.rules.explanation.checks import Check
from services.rules.model import Mode, Severity
from services.rules.models.explanation import FeatureContribution


@dataclass(frozen=True)
class RuleExplanation:
    """A rule, and why it matches a transaction or does not.

    Attributes:
        name: The rule.
        version: Its version.
        severity: Its severity.
        mode: Whether it decides.
        evaluated_by: The field that the topic of its stage is keyed by.
        checks: Its conditions and limits.
        matched: Whether all of them are met.
        match: The fields of the alert by name: reason, key, figures, contributors and others; None without a match.
        alert: Whether the match is written as an alert.
    """

    name: str
    version: str
    severity: Severity
    mode: Mode
    evaluated_by: str
    checks: tuple[Check, ...]
    matched: bool
    match: Mapping[str, Any] | None = None
    alert: bool = False

    @property
    def unmet(self) -> tuple[Check, ...]:
        """The checks that are not met."""
        return tuple(check for check in self.checks if not check.met)

    @property
    def nearness(self) -> tuple[float, ...]:
        """A value to sort by: what matched or nearly did has the largest."""
        reached = [check.reached or 0.0 for check in self.unmet]
        return -len(reached), min(reached, default=1.0)


@dataclass(frozen=True)
class ModelExplanation:
    """A model, its score, and what the score is made of.

    Attributes:
        name: Its name in the rules file.
        digest: Digest of its file.
        mode: Whether rules with it decide.
        threshold: The score from which on a rule that asks for the threshold matches.
        score: The score.
        contributions: The features that raise it most, the strongest first.
    """

    name: str
    digest: str
    mode: Mode
    threshold: float
    score: float
    contributions: tuple[FeatureContribution, ...]


@dataclass(frozen=True)
class Explanation:
    """A verdict, and all that it follows from.

    Attributes:
        version: The version of the rules.
        source: The name of their file.
        fired: The live rules that matched, in the order of the file.
        rules: All rules; what matched, or nearly did, is first.
        models: The models of the file.
        features: The value of each feature by name; NaN where there is none.
        late: Whether the transaction was later than allowed in one of its windows' partitions: they may have been
            without entries that were evicted before.
    """

    version: str
    source: str
    fired: tuple[str, ...]
    rules: tuple[RuleExplanation, ...]
    models: tuple[ModelExplanation, ...]
    features: Mapping[str, float]
    late: bool

    @property
    def verdict(self) -> str:
        """`fraud` where a live rule matched, else `legit`."""
        return "fraud" if self.fired else "legit"


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON data; a missing number is null."""
    return {"verdict": explanation.verdict, **_plain(asdict(explanation))}


def _plain(value: Any) -> Any:
    match value:
        case dict() | Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case float() if math.isnan(value):
            return None
        case bool() | int() | float() | None:
            return value
    return str(value)
