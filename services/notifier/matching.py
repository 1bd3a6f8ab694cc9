"""Conditions on alerts: what routes, silences and inhibitions match."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from services.notifier.alert import SEVERITIES, SEVERITY, Alert, text_of


@dataclass(frozen=True)
class Condition:
    """A condition on one field.

    Attributes:
        field: The field.
        patterns: Values of which one must be equal, `*` for any characters; empty for any value.
        at_least: The least value, of a number or a severity.
        at_most: The greatest value.
    """

    field: str
    patterns: tuple[str, ...] = ()
    at_least: str | None = None
    at_most: str | None = None

    def matches(self, alert: Alert) -> bool:
        """Return whether an alert fulfils the condition; one without the field does not."""
        value = alert.value(self.field)
        if value is None:
            return False
        if self.patterns and not any(fnmatchcase(text, pattern) for text in _texts(value) for pattern in self.patterns):
            return False
        return (self.at_least is None or self._rank(value) >= self._rank(self.at_least)) and (
            self.at_most is None or self._rank(value) <= self._rank(self.at_most)
        )

    def _rank(self, value: Any) -> Decimal:
        return Decimal(SEVERITIES.index(value)) if self.field == SEVERITY else Decimal(value)

    def __str__(self) -> str:
        parts = [f"{self.field} is {' or '.join(self.patterns)}"] if self.patterns else []
        if self.at_least is not None:
            parts.append(f"{self.field} is at least {self.at_least}")
        if self.at_most is not None:
            parts.append(f"{self.field} is at most {self.at_most}")
        return " and ".join(parts)


@dataclass(frozen=True)
class Matcher:
    """Conditions that all have to be true; none match every alert."""

    conditions: tuple[Condition, ...] = ()

    def matches(self, alert: Alert) -> bool:
        """Return whether an alert fulfils all conditions."""
        return all(condition.matches(alert) for condition in self.conditions)

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions)) or "every alert"


def _texts(value: Any) -> list[str]:
    """Return the texts that a pattern is compared with: of a key each of its values."""
    return list(value.values()) if isinstance(value, Mapping) else [text_of(value)]
