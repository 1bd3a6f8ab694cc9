"""Alerts made one by one, and what a notifier has written about them."""

import itertools
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.contracts import MessageRecords, RecordEncoder, frame
from services.notifier.alert import Alert
from services.notifier.events import Event, Phase, Status
from tools.harness.pipeline import Pipeline

_numbers = itertools.count(1)


def alert_record(
    rule: str = "fan-in",
    severity: str = "high",
    *,
    source: str = "payer0000001",
    target: str = "shop00000001",
    amount: str = "120.00",
    currency: str = "EUR",
    reason: str | None = None,
    by: str = "target",
    id_: UUID | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """The record of an alert."""
    at = at or datetime.now(UTC).replace(microsecond=0)
    transaction = {
        "id": uuid.uuid4(),
        "source": source,
        "target": target,
        "amount": Decimal(amount),
        "currency": currency,
        "created_at": at,
    }
    return {
        "id": id_ or uuid.uuid4(),
        "rule": rule,
        "rule_version": "0123456789ab",
        "severity": severity.upper(),
        "reason": reason
        if reason is not None
        else f"8 accounts paid {target} within 10 min, the last {amount} {currency}",
        "transaction": transaction,
        "key": {by: transaction[by]},
        "figures": {"payers": "8"},
        "contributors": [uuid.uuid4() for _ in range(8)],
        "detected_at": at,
        "suppressed": 0,
    }


def alert(*arguments: Any, **keywords: Any) -> Alert:
    """An alert as the notifier sees it; arguments as those of `alert_record`."""
    return Alert.of(alert_record(*arguments, **keywords))


class AlertTopic:
    """The alerts of a pipeline, and the notifications about them.

    Args:
        pipeline: Has the topics and schemas.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.notifications = f"{pipeline.prefix}streaming.notifications"
        self.silences = f"{pipeline.prefix}streaming.silences"
        contract = pipeline.contracts.topic(pipeline.alerts)
        self._encoder = RecordEncoder(contract.required_schema.json)
        with pipeline.registry as registry:
            self._schema_id = registry.require(contract.subject, contract.required_schema).id

    def write(self, *records: dict[str, Any], at: datetime | None = None) -> list[UUID]:
        """Write alerts, keyed as the detector does it; their ids."""
        extra: dict[str, Any] = {} if at is None else {"timestamp": round(at.timestamp() * 1000)}
        for record in records:
            value = frame(self._schema_id, self._encoder.encode(record))
            (key,) = record["key"].values()
            self.pipeline.produce([value], self.pipeline.alerts, key=key.encode(), **extra)
        return [record["id"] for record in records]

    def events(self) -> list[Event]:
        """The events that are committed."""
        with self.pipeline.registry as registry:
            records = MessageRecords(registry)
            return [
                Event.of(records.decode(message.value(), None)) for message in self.pipeline.read(self.notifications)
            ]


class Account:
    """Events by alert and receiver.

    Args:
        events: All events of a topic.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.attempts: Counter[UUID] = Counter()
        self.outcomes: dict[UUID, list[Status]] = defaultdict(list)
        self.unknown: set[UUID] = set()
        self._last: dict[UUID, Phase] = {}
        self.intents: dict[UUID, Event] = {}
        self.told: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
        self.suppressed: dict[tuple[UUID, str], list[Status]] = defaultdict(list)
        for event in events:
            self._last[event.id] = event.phase
            if event.phase is Phase.INTENT:
                self.intents.setdefault(event.id, event)
                for alert_id in event.alerts:
                    self.told[alert_id, event.receiver].append(event.id)
            elif event.phase is Phase.ATTEMPT:
                self.attempts[event.id] += 1
            elif event.phase is Phase.OUTCOME:
                self.outcomes[event.id].append(event.status)
                for alert_id in event.alerts:
                    self.suppressed[alert_id, event.receiver].append(event.status)
            if event.status is Status.UNKNOWN:
                self.unknown.add(event.id)

    @property
    def open(self) -> list[UUID]:
        """Notifications without an outcome."""
        return [id_ for id_ in self.intents if not self.outcomes[id_]]

    @property
    def under_way(self) -> list[UUID]:
        """Notifications of which an attempt has begun and not ended."""
        return [id_ for id_, phase in self._last.items() if phase is Phase.ATTEMPT]

    def has_outcome(self, alert_id: UUID, receiver: str) -> bool:
        """True where an alert has its outcome at a receiver."""
        return bool(self.suppressed[alert_id, receiver]) or any(
            self.outcomes[id_] for id_ in self.told[alert_id, receiver]
        )
