"""Alerts: the matches of live rules as records, each with the transaction in it; and log lines for shadow rules."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import structlog

from services.contracts import HEADER_SIZE, Registration, Schema, SplicingEncoder, frame
from services.detection.alert_truncation import LONG_TEXT, TRANSACTION, AlertTruncator
from services.rules.alert_content import alert_content, reason_of, transaction_id_of
from services.rules.fields import fields_of_schema
from services.rules.model import Columns, Rule
from services.rules.reasons import shown_fields
from services.rules.rule_match import RuleMatch, RuleMatches
from services.streaming.record_size import batch_size

log = structlog.get_logger()

MAX_BYTES = 1_048_588  # of a record, where a topic has no other limit
LOG_LIMIT = 10  # lines a minute for each shadow rule


@dataclass(frozen=True)
class AlertRecord:
    """Key and value of an alert's record."""

    key: bytes | None
    value: bytes


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
        record = alert_content(match, columns, self._fields) | {TRANSACTION: body, "detected_at": datetime.now(UTC)}
        value = frame(self._schema_id, self._encoder.encode(record))
        if batch_size(message_key, value, None) > self._max_bytes:
            message_key = (message_key or b"")[:LONG_TEXT]
            room = self._max_bytes - batch_size(message_key, None, None)
            value = frame(self._schema_id, self._truncator.truncate(record, self._encoder.encode, room - HEADER_SIZE))
        return AlertRecord(message_key, value)

    def log_shadow(self, matches: RuleMatches, columns: Columns) -> None:
        """Log matches of a shadow rule; no more than `LOG_LIMIT` lines a minute for each rule."""
        now = time.monotonic()
        if now - self._logged_since > 60:
            self._logged.clear()
            self._logged_since = now
        remaining = LOG_LIMIT - self._logged[matches.rule.name]
        self._logged[matches.rule.name] += min(remaining, len(matches))
        for match in islice(matches, remaining):
            log.info(
                "shadow rule matched",
                rule=match.rule.name,
                version=match.rule.version,
                reason=reason_of(match, columns, self._fields),
                transaction_id=transaction_id_of(match, columns, self._fields),
            )
