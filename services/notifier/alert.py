"""An alert as the notifier sees it, whatever fields a transaction has."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.rules.model import Severity

SEVERITIES = tuple(str(severity) for severity in Severity)
"""From the least to the worst."""

RULE, SEVERITY, KEY = "rule", "severity", "key"
"""Attributes that routes can name besides the fields of a transaction."""


@dataclass(frozen=True)
class Alert:
    """One alert.

    Attributes:
        id: Identifies the alert.
        rule: The rule that matched.
        severity: In small letters, one of `SEVERITIES`.
        reason: The explanation for people.
        transaction: The fields of the transaction by name.
        key: The fields of the key of the rule's windows; empty where it has none.
        figures: Results of the rule's windows, by name.
        contributors: The number of transactions in the windows, as far as the alert lists them.
        detected_at: When the detector evaluated the transaction.
        suppressed: Matches of the rule and key that became no alerts before this one.
        trace: Context of its trace, a `traceparent`; None where it is not traced.
    """

    id: UUID
    rule: str
    severity: str
    reason: str
    transaction: Mapping[str, Any]
    key: Mapping[str, str]
    figures: Mapping[str, str]
    contributors: int
    detected_at: datetime
    suppressed: int = 0
    trace: bytes | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any], trace: bytes | None = None) -> "Alert":
        """Return the alert of a decoded record, and of the trace in its headers."""
        return cls(
            id=record["id"],
            rule=record["rule"],
            severity=record["severity"].lower(),
            reason=record["reason"],
            transaction=record["transaction"],
            key=record["key"],
            figures=record["figures"],
            contributors=len(record["contributors"]),
            detected_at=record["detected_at"],
            suppressed=record["suppressed"],
            trace=trace,
        )

    def value(self, field: str) -> Any:
        """Return the value of a field: rule, severity, key, or a field of the transaction; None where it has none."""
        match field:
            case "rule":
                return self.rule
            case "severity":
                return self.severity
            case "key":
                return self.key
        return self.transaction.get(field)

    def label(self, field: str) -> str:
        """Return a value as the text that groups are made by."""
        return text_of(self.value(field))


def text_of(value: Any) -> str:
    """Return a value as text: numbers without an exponent, a key as its fields in order."""
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.isoformat(timespec="milliseconds")
        case Mapping():
            return ", ".join(f"{name} {value[name]}" for name in sorted(value))
    return str(value)
