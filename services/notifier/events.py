"""Events of notifications: the records of the topic from which everything else can be made again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

MAX_IDS = 5_000
"""Ids of alerts in one record: about 190 kB."""


class Phase(StrEnum):
    """Steps of a notification."""

    INTENT = "INTENT"
    ATTEMPT = "ATTEMPT"
    RETRY = "RETRY"
    OUTCOME = "OUTCOME"


class Kind(StrEnum):
    """Contents of a notification."""

    ALERTS = "ALERTS"
    REMINDER = "REMINDER"
    REPORT = "REPORT"
    NOTICE = "NOTICE"


class Status(StrEnum):
    """Knowledge about a delivery."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    SILENCED = "SILENCED"
    INHIBITED = "INHIBITED"
    UNROUTED = "UNROUTED"
    UNREADABLE = "UNREADABLE"


@dataclass(frozen=True)
class Event:
    """One step of a notification; the attributes are those of the record payments.NotificationEvent.

    Attributes:
        at: Seconds since the epoch.
        next_attempt_at: Seconds since the epoch; None where no attempt is planned.
    """

    id: UUID
    phase: Phase
    kind: Kind
    status: Status
    at: float
    receiver: str = ""
    group: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    alerts: Sequence[UUID] = ()
    attempt: int = 0
    reason: str = ""
    reference: str | None = None
    next_attempt_at: float | None = None

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records of the event: more than one where it has more than `MAX_IDS` alerts."""
        yield self._record(self.alerts[:MAX_IDS])
        for start in range(MAX_IDS, len(self.alerts), MAX_IDS):
            yield self._record(self.alerts[start : start + MAX_IDS])

    def _record(self, alerts: Sequence[UUID]) -> dict[str, Any]:
        return {
            "id": self.id,
            "phase": str(self.phase),
            "kind": str(self.kind),
            "status": str(self.status),
            "receiver": self.receiver,
            "group": self.group,
            "labels": dict(self.labels),
            "alerts": list(alerts),
            "attempt": self.attempt,
            "reason": self.reason,
            "reference": self.reference,
            "next_attempt_at": None if self.next_attempt_at is None else moment(self.next_attempt_at),
            "recorded_at": moment(self.at),
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Event":
        """Return the event of a decoded record."""
        next_attempt_at = record["next_attempt_at"]
        return cls(
            id=record["id"],
            phase=Phase(record["phase"]),
            kind=Kind(record["kind"]),
            status=Status(record["status"]),
            at=record["recorded_at"].timestamp(),
            receiver=record["receiver"],
            group=record["group"],
            labels=record["labels"],
            alerts=record["alerts"],
            attempt=record["attempt"],
            reason=record["reason"],
            reference=record["reference"],
            next_attempt_at=None if next_attempt_at is None else next_attempt_at.timestamp(),
        )


def moment(seconds: float) -> datetime:
    """Return a time in whole milliseconds."""
    return datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
