"""Alerts: the matches of live rules as records, each with the transaction in it; and log lines for shadow rules."""

import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from services.contracts import HEADER_SIZE, Registration, Schema, SplicingEncoder, frame
from services.detector.alert_truncation import LONG_TEXT, TRANSACTION, AlertTruncator
from services.rules.fields import fields_of_schema
from services.rules.model import ID, Columns, Measure, Rule
from services.rules.reasons import render_aggregate, render_reason, shown_fields
from services.rules.rule_match import RuleMatch
from services.streaming.record_size import batch_size

log = structlog.get_logger()

NAMESPACE = uuid.UUID("5f0c1a5e-3c1c-5b8e-9d39-6f0c5a3c7f11")
"""The namespace of alert ids: UUIDs of version 5 (RFC 9562)."""

MAX_BYTES = 1_048_588  # of a record, where a topic has no other limit
LOG_LIMIT = 10  # lines a minute for each shadow rule


@dataclass(frozen=True)
class AlertRecord:
    """Key and value of an alert's record."""

    key: bytes | None
    value: bytes


def alert_id(rule: Rule, key: Iterable[str], transaction_id: str) -> uuid.UUID:
    """Return the id of an alert: the same for the same match, in a replay too.

    Args:
        rule: The rule that matched.
        key: The values of its contributing window's key.
        transaction_id: The id of the transaction that it matched.
    """
    return uuid.uuid5(NAMESPACE, "\x1f".join([rule.name, rule.version, *key, transaction_id]))


class Alerts:
    """Encodes alerts.

    Args:
        transaction: The contract of transactions.
        alert: The contract of alerts.
        registration: The registration of that contract.
        max_bytes: The largest record that the topic of alerts takes.
    """

    def __init__(
        self, transaction: Schema, alert: Schema, registration: Registration, max_bytes: int = MAX_BYTES
    ) -> None:
        self._max_bytes = max_bytes
        self._truncator = AlertTruncator(transaction)
        self._fields = fields_of_schema(transaction)
        self._encoder = SplicingEncoder(alert.json, TRANSACTION)
        self._schema_id = registration.id
        self._logged: Counter[str] = Counter()
        self._logged_since = 0.0

    def fields(self, rules: Iterable[Rule]) -> set[str]:
        """Return the fields of a transaction that reports of matches need, besides its id."""
        return set(shown_fields(rules))

    def encode(self, match: RuleMatch, columns: Columns, body: bytes, message_key: bytes | None) -> AlertRecord:
        """Return the record of an alert, truncated where its topic can't take it whole.

        Args:
            match: The match.
            columns: Of the batch.
            body: The transaction in the detector's own schema.
            message_key: The key of the transaction's message, and of the alert's.
        """
        rule, contributors = match.rule, [contributor.decode() for contributor in match.contributors]
        transaction_id = self._text(ID, columns, match.row)
        key = self._key(match)
        record: dict[str, Any] = {
            "id": alert_id(rule, key.values(), transaction_id),
            "rule": rule.name,
            "rule_version": rule.version,
            "severity": rule.severity.name,
            "reason": self._reason(match, columns),
            TRANSACTION: body,
            "key": key,
            "figures": self._aggregates(match),
            "contributors": contributors if rule.aggregations else [transaction_id],
            "detected_at": datetime.now(UTC),
        }
        value = frame(self._schema_id, self._encoder.encode(record))
        if batch_size(message_key, value, None) > self._max_bytes:
            message_key = (message_key or b"")[:LONG_TEXT]
            room = self._max_bytes - batch_size(message_key, None, None)
            value = frame(self._schema_id, self._truncator.truncate(record, self._encoder.encode, room - HEADER_SIZE))
        return AlertRecord(message_key, value)

    def log_shadow(self, match: RuleMatch, columns: Columns) -> None:
        """Log the match of a shadow rule; no more than `LOG_LIMIT` lines a minute for each rule."""
        now = time.monotonic()
        if now - self._logged_since > 60:
            self._logged.clear()
            self._logged_since = now
        self._logged[match.rule.name] += 1
        if self._logged[match.rule.name] <= LOG_LIMIT:
            log.info(
                "shadow rule matched",
                rule=match.rule.name,
                version=match.rule.version,
                reason=self._reason(match, columns),
                transaction_id=self._text(ID, columns, match.row),
            )

    def _reason(self, match: RuleMatch, columns: Columns) -> str:
        texts = {name: self._text(name, columns, match.row) for name in shown_fields([match.rule])}
        return render_reason(match.rule, texts, match.aggregates, self._fields)

    def _text(self, field: str, columns: Columns, row: int) -> str:
        return self._fields[field].show(columns[field][row])

    def _key(self, match: RuleMatch) -> dict[str, str]:
        if not match.rule.aggregations:
            return {}
        by = match.rule.contributing_window.by
        return {field: self._fields[field].show(value) for field, value in zip(by, match.key, strict=True)}

    def _aggregates(self, match: RuleMatch) -> dict[str, str]:
        """Return the results as exact numbers by name, without those that there are none of."""
        results = {aggregation: match.aggregates[aggregation.name] for aggregation in match.rule.aggregations}
        return {
            aggregation.name: str(value)
            if aggregation.window.measure is Measure.INACTIVITY
            else render_aggregate(aggregation, value, self._fields)
            for aggregation, value in results.items()
            if value is not None
        }
