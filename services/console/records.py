"""Alerts and decisions as the console holds them: times in milliseconds since the epoch, amounts in minor units."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
"""From the least to the worst; tables have the index."""

NOTE, CLAIM, RELEASE, DECIDE, APPROVE, REJECT, SNOOZE = (
    "NOTE", "CLAIM", "RELEASE", "DECIDE", "APPROVE", "REJECT", "SNOOZE",
)  # fmt: skip

FRAUD, NO_FRAUD, UNKNOWN = "FRAUD", "NO_FRAUD", "UNKNOWN"


@dataclass(frozen=True)
class Position:
    """The place of a record: partition and offset of its topic."""

    partition: int
    offset: int


@dataclass(frozen=True)
class Transaction:
    """A payment.

    Attributes:
        amount: Minor units of the currency, such as cents.
        created_at: Event time.
    """

    id: str
    source: str
    target: str
    amount: int
    currency: str
    created_at: int


@dataclass(frozen=True)
class Alert:
    """An alert.

    Attributes:
        account: The key of its record: the account that it is about.
        key: The values of the rule's key by field.
        figures: The results of the rule's aggregations by name.
        contributors: Ids of the transactions in the window.
    """

    id: str
    account: str
    rule: str
    rule_version: str
    severity: int
    reason: str
    transaction: Transaction
    key: dict[str, str]
    figures: dict[str, str]
    contributors: tuple[str, ...]
    detected_at: int
    suppressed: int
    position: Position


@dataclass(frozen=True)
class Decision:
    """An action of a person on a case; `schemas/decision.avsc` has the meaning of each field."""

    id: str
    case: str
    account: str
    action: str
    by: str
    at: int
    verdict: str | None = None
    reason: str | None = None
    note: str | None = None
    alerts: int = 0
    needs_approval: bool = False
    decision: str | None = None
    rule: str | None = None
    until: int | None = None
    position: Position = Position(-1, -1)

    def record(self) -> dict[str, Any]:
        """Return the record for its topic."""
        return {
            "id": uuid.UUID(self.id),
            "case": uuid.UUID(self.case),
            "account": self.account,
            "action": self.action,
            "verdict": self.verdict,
            "reason": self.reason,
            "note": self.note,
            "alerts": self.alerts,
            "needs_approval": self.needs_approval,
            "decision": None if self.decision is None else uuid.UUID(self.decision),
            "rule": self.rule,
            "until": None if self.until is None else datetime.fromtimestamp(self.until / 1000, UTC),
            "by": self.by,
            "at": datetime.fromtimestamp(self.at / 1000, UTC),
        }


def transaction_of(record: dict[str, Any], scale: int) -> Transaction:
    """Return a transaction of a decoded record.

    Args:
        record: The record.
        scale: Decimal places of an amount in the contract.
    """
    return Transaction(
        id=str(record["id"]),
        source=record["source"],
        target=record["target"],
        amount=int(Decimal(record["amount"]).scaleb(scale)),
        currency=record["currency"],
        created_at=milliseconds(record["created_at"]),
    )


def alert_of(record: dict[str, Any], key: bytes | None, position: Position, scale: int) -> Alert:
    """Return an alert of a decoded record.

    Args:
        record: The record.
        key: The key of the message; the receiver stands in for a missing one.
        position: Its place in the topic.
        scale: Decimal places of an amount in the contract.
    """
    transaction = transaction_of(record["transaction"], scale)
    return Alert(
        id=str(record["id"]),
        account=key.decode("utf-8", "replace") if key else transaction.target,
        rule=record["rule"],
        rule_version=record["rule_version"],
        severity=SEVERITIES.index(record["severity"]),
        reason=record["reason"],
        transaction=transaction,
        key=dict(record["key"]),
        figures=dict(record["figures"]),
        contributors=tuple(map(str, record["contributors"])),
        detected_at=milliseconds(record["detected_at"]),
        suppressed=record["suppressed"],
        position=position,
    )


def decision_of(record: dict[str, Any], position: Position) -> Decision:
    """Return a decision of a decoded record."""
    return Decision(
        id=str(record["id"]),
        case=str(record["case"]),
        account=record["account"],
        action=record["action"],
        by=record["by"],
        at=milliseconds(record["at"]),
        verdict=record["verdict"],
        reason=record["reason"],
        note=record["note"],
        alerts=record["alerts"],
        needs_approval=record["needs_approval"],
        decision=None if record["decision"] is None else str(record["decision"]),
        rule=record["rule"],
        until=None if record["until"] is None else milliseconds(record["until"]),
        position=position,
    )


def milliseconds(moment: datetime) -> int:
    """Return a moment in milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)
