"""Messages as JSON for programs; docs/notifications/webhook.schema.json is the schema."""

from collections.abc import Mapping
from typing import Any

from services.notifier.alert import Alert, text_of
from services.notifier.events import moment
from services.notifier.notification import Message

VERSION = "1"
"""Version of the format: a later one may have further keys, and never fewer."""


def payload_of(message: Message, case_url: str) -> dict[str, Any]:
    """Return a message as JSON data.

    Args:
        message: The message, masked.
        case_url: Address of an alert's case, with `{alert}` for its id; empty for no links.
    """
    return {
        "version": VERSION,
        "id": str(message.id),
        "kind": message.kind.lower(),
        "attempt": message.attempt,
        "may_be_repeated": message.may_be_repeated,
        "sent_at": text_of(moment(message.at)),
        "labels": dict(message.labels),
        "reason": message.reason,
        "notified_before": message.notified_before,
        "missing": message.missing,
        "alerts": [_alert(alert, case_url) for alert in message.alerts],
    }


def _alert(alert: Alert, case_url: str) -> Mapping[str, Any]:
    return {
        "id": str(alert.id),
        "rule": alert.rule,
        "severity": alert.severity,
        "reason": alert.reason,
        "key": dict(alert.key),
        "figures": dict(alert.figures),
        "transaction": {name: text_of(value) for name, value in alert.transaction.items()},
        "contributors": alert.contributors,
        "suppressed": alert.suppressed,
        "detected_at": text_of(alert.detected_at),
        "url": case_url.replace("{alert}", str(alert.id)) or None,
    }
