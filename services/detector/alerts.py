"""Alerts: what a rule found, written beside the transaction that it found it on."""

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from services.contracts import HEADER_SIZE, Registration, Schema, SplicingEncoder, frame
from services.detector.alert_truncation import LONG_TEXT, TRANSACTION, AlertTruncator
from services.rules.fields import fields_of_schema
from services.rules.model import ID, Columns, Measure, Rule
from services.rules.reasons import render_aggregate, render_reason, shown_fields
from services.rules.windows import RuleMatch
from services.streaming.record_size import batch_size

log = structlog.get_logger()

NAMESPACE = uuid.UUID("5f0c1a5e-3c1c-5b8e-9d39-6f0c5a3c7f11")
"""Of alert ids: UUIDs of version 5 (RFC 9562) within it."""

MAX_BYTES = 1_048_588  # of a record, where a topic does not say otherwise
TOLD_A_MINUTE = 10  # lines in the log about each rule that is only watched


@dataclass(frozen=True)
class AlertRecord:
    """An alert as it is written."""

    key: bytes | None
    value: bytes


@dataclass(frozen=True)
class Found:
    """A rule that fired.

    Attributes:
        position: On which of a batch's rows.
        rule: What fired.
        firing: What its windows held; None for a rule without windows.
    """

    position: int
    rule: Rule
    match: RuleMatch | None


def alert_id(rule: Rule, key: Iterable[str], transaction_id: str) -> uuid.UUID:
    """The id of an alert: the same whenever the same rule finds the same, in a replay too.

    Args:
        rule: What fired.
        key: The values of the key that its windows are kept by.
        transaction_id: Of the transaction that the windows end with: their anchor.
    """
    return uuid.uuid5(NAMESPACE, "\x1f".join([rule.name, rule.version, *key, transaction_id]))


class Alerts:
    """Makes the messages of alerts.

    Args:
        transaction: The contract of what is judged.
        alert: The contract of alerts.
        registration: Under which that is registered.
        max_bytes: The largest record that the topic of alerts takes.
    """

    def __init__(
        self, transaction: Schema, alert: Schema, registration: Registration, max_bytes: int = MAX_BYTES
    ) -> None:
        self._max_bytes = max_bytes
        self._cutter = AlertTruncator(transaction)
        self._fields = fields_of_schema(transaction)
        self._encoder = SplicingEncoder(alert.json, TRANSACTION)
        self._schema_id = registration.id
        self._told: Counter[str] = Counter()
        self._told_since = 0.0

    def fields(self, rules: Iterable[Rule]) -> set[str]:
        """What telling people about these rules needs of a transaction, besides its id."""
        return set(shown_fields(rules))

    def encode(self, found: Found, columns: Columns, body: bytes, message_key: bytes | None) -> AlertRecord:
        """One alert, cut where its topic can't hold it whole.

        Args:
            found: What fired.
            columns: Of the batch.
            body: The transaction as the detector's own schema has it.
            message_key: The key of the transaction's message, which the alert's has too.
        """
        rule, match = found.rule, found.match
        transaction_id = self._text(ID, columns, found.position)
        key = self._key(rule, match)
        record: dict[str, Any] = {
            "id": alert_id(rule, key.values(), transaction_id),
            "rule": rule.name,
            "rule_version": rule.version,
            "severity": rule.severity.name,
            "reason": self._reason(found, columns),
            TRANSACTION: body,
            "key": key,
            "figures": self._aggregations(rule, match) if match else {},
            "contributors": [one.decode() for one in match.contributors] if match else [transaction_id],
            "detected_at": datetime.now(UTC),
        }
        value = frame(self._schema_id, self._encoder.encode(record))
        if batch_size(message_key, value, None) > self._max_bytes:
            message_key = (message_key or b"")[:LONG_TEXT]
            room = self._max_bytes - batch_size(message_key, None, None)
            value = frame(self._schema_id, self._cutter.cut(record, self._encoder.encode, room - HEADER_SIZE))
        return AlertRecord(message_key, value)

    def tell(self, found: Found, columns: Columns) -> None:
        """Logs what a rule found that is only watched; no more than a few lines a minute for each."""
        now = time.monotonic()
        if now - self._told_since > 60:
            self._told.clear()
            self._told_since = now
        self._told[found.rule.name] += 1
        if self._told[found.rule.name] <= TOLD_A_MINUTE:
            log.info(
                "shadow rule fired",
                rule=found.rule.name,
                version=found.rule.version,
                reason=self._reason(found, columns),
                transaction_id=self._text(ID, columns, found.position),
            )

    def _reason(self, found: Found, columns: Columns) -> str:
        texts = {name: self._text(name, columns, found.position) for name in shown_fields([found.rule])}
        return render_reason(found.rule, texts, found.match.aggregates if found.match else {}, self._fields)

    def _text(self, field: str, columns: Columns, position: int) -> str:
        return self._fields[field].show(columns[field][position])

    def _key(self, rule: Rule, match: RuleMatch | None) -> dict[str, str]:
        if match is None:
            return {}
        limited = [
            aggregation
            for aggregation in rule.aggregations
            if aggregation.at_least is not None or aggregation.at_most is not None
        ]
        by: Sequence[str] = (limited or rule.aggregations)[0].window.by
        return {field: self._fields[field].show(value) for field, value in zip(by, match.key, strict=True)}

    def _aggregations(self, rule: Rule, match: RuleMatch) -> dict[str, str]:
        """The figures as exact numbers; those that there are."""
        found = {aggregation: match.aggregates[aggregation.name] for aggregation in rule.aggregations}
        return {
            aggregation.name: str(value)
            if aggregation.window.measure is Measure.INACTIVITY
            else render_aggregate(aggregation, value, self._fields)
            for aggregation, value in found.items()
            if value is not None
        }
