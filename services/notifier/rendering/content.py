"""The content of a message, whatever it is written as: title, introduction, alerts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.notifier.alert import SEVERITIES, Alert, text_of
from services.notifier.events import Kind
from services.notifier.notification import Message

SHOWN = 10
"""Alerts that a message shows; it counts the others."""

LONGEST_TITLE = 150
_HIDDEN_FIELDS = {"id"}


@dataclass(frozen=True)
class ShownAlert:
    """An alert as people see it.

    Attributes:
        id: Its id.
        rule: The rule that matched.
        severity: The severity in small letters.
        reason: The explanation.
        facts: Names and values of the transaction's fields.
        link: Address of its case; empty for none.
        note: What else there is to know of it; empty for nothing.
    """

    id: str
    rule: str
    severity: str
    reason: str
    facts: Sequence[tuple[str, str]]
    link: str
    note: str


@dataclass(frozen=True)
class Content:
    """The content of a message.

    Attributes:
        title: One line.
        severity: The worst severity of its alerts; empty without alerts.
        introduction: Sentences before the alerts.
        alerts: The worst alerts.
        more: Number of alerts that are not shown.
        warnings: Sentences on the message itself.
        id: Id of the notification.
    """

    title: str
    severity: str
    introduction: Sequence[str]
    alerts: Sequence[ShownAlert]
    more: int
    warnings: Sequence[str]
    id: str


def content_of(message: Message, case_url: str = "") -> Content:
    """Return the content of a message.

    Args:
        message: The message, masked.
        case_url: Address of an alert's case, with `{alert}` for its id; empty for no links.
    """
    count = len(message.alerts) + message.missing
    return Content(
        title=_title(message, count),
        severity=_worst(message.alerts),
        introduction=_introduction(message, count),
        alerts=[_shown(alert, case_url) for alert in message.alerts[:SHOWN]],
        more=max(0, len(message.alerts) - SHOWN),
        warnings=_warnings(message),
        id=str(message.id),
    )


def one_line(text: str, limit: int = LONGEST_TITLE) -> str:
    """Return a text without line breaks and control characters, at most so long."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _title(message: Message, count: int) -> str:
    match message.kind:
        case Kind.NOTICE:
            return "Notice from the fraud notifier"
        case Kind.REPORT:
            return f"Fraud report of {message.labels.get('day', '')}"
        case Kind.REMINDER:
            return one_line(f"Reminder: {_about(message.labels)}")
    number = f" ({_alerts(count)})" if count != 1 else ""
    severity = _worst(message.alerts) or "alert"
    return one_line(f"{severity.capitalize()}: {_about(message.labels)}{number}")


def _about(labels: Mapping[str, str]) -> str:
    """Return labels as people say them: the values of rule and key, names and values of others."""
    said = [value if name in {"rule", "key"} else f"{name} {value}" for name, value in _ordered(labels) if value]
    return ", ".join(said) or "all rules"


def _ordered(labels: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(labels.items(), key=lambda item: (item[0] != "rule", item[0] != "key", item[0]))


def _introduction(message: Message, count: int) -> list[str]:
    sentences = [message.reason] if message.reason else []
    if message.kind is Kind.REMINDER:
        sentences.append(f"{_alerts(message.notified_before)} of this group were told, the last one some time ago.")
    if message.alerts and count > 1:
        by_severity = Counter(alert.severity for alert in message.alerts)
        by_rule = Counter(alert.rule for alert in message.alerts)
        parts = [f"{by_severity[severity]} {severity}" for severity in reversed(SEVERITIES) if by_severity[severity]]
        rules = [f"{rule} ({number})" for rule, number in by_rule.most_common(5)]
        sentences.append(f"{_alerts(count)}: {', '.join(parts)}. Rules: {', '.join(rules)}.")
    if message.notified_before and message.kind is Kind.ALERTS:
        sentences.append(f"{_alerts(message.notified_before)} of this group were told before.")
    return sentences


def _warnings(message: Message) -> list[str]:
    warnings = []
    if message.may_be_repeated:
        warnings.append("This message may have reached you before: an earlier attempt had no answer.")
    if message.missing:
        warnings.append(f"{_alerts(message.missing)} can't be shown: the topic does not have them any more.")
    return warnings


def _shown(alert: Alert, case_url: str) -> ShownAlert:
    notes = [f"{alert.contributors} transactions contribute"] if alert.contributors > 1 else []
    if alert.suppressed:
        notes.append(f"{alert.suppressed} more matches since the last alert")
    return ShownAlert(
        id=str(alert.id),
        rule=alert.rule,
        severity=alert.severity,
        reason=one_line(alert.reason, 1000),
        facts=[(name, shown_value(value)) for name, value in alert.transaction.items() if name not in _HIDDEN_FIELDS],
        link=case_url.replace("{alert}", str(alert.id)),
        note="; ".join(notes),
    )


def shown_value(value: Any) -> str:
    """Return a value of a transaction for people."""
    match value:
        case Decimal():
            return f"{value:,f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return one_line(text_of(value), 100)


def _worst(alerts: Sequence[Alert]) -> str:
    return max((alert.severity for alert in alerts), key=SEVERITIES.index, default="")


def _alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{count:,} alerts"
