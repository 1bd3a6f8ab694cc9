"""Masking: personal data that a receiver is not to see are hidden wherever they stand in an alert."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.notifier.alert import Alert
from services.notifier.notification import Message

VISIBLE = 3
"""Characters at the end of a masked value that stay, so that people can tell two accounts apart."""


def masked(text: str) -> str:
    """Return a value with all but its last characters hidden; a short one is hidden whole."""
    visible = text[-VISIBLE:] if len(text) >= 3 * VISIBLE else ""
    return "•••" + visible


def mask_message(message: Message, fields: Sequence[str]) -> Message:
    """Return a message in which the values of some fields of the transactions are hidden.

    They are hidden in reasons, figures, keys and labels as well: wherever the value stands as it is.

    Args:
        message: The message.
        fields: Names of fields that are texts.
    """
    if not fields:
        return message
    hidden: dict[str, str] = {}
    for alert in message.alerts:
        for field in fields:
            value = alert.transaction.get(field)
            if isinstance(value, str) and value:
                hidden[value] = masked(value)
    for field, text in _fields_of_key(message.labels).items():
        if field in fields and text:
            hidden.setdefault(text, masked(text))
    # The longest first: one value may be a part of another.
    values = sorted(hidden, key=len, reverse=True)

    def hide(text: str) -> str:
        for value in values:
            text = text.replace(value, hidden[value])
        return text

    def hide_all(texts: Mapping[str, str]) -> dict[str, str]:
        return {name: hide(text) for name, text in texts.items()}

    def hide_alert(alert: Alert) -> Alert:
        transaction = {
            name: hide(value) if isinstance(value, str) and name in fields else value
            for name, value in alert.transaction.items()
        }
        return replace(alert, transaction=transaction, reason=hide(alert.reason), key=hide_all(alert.key),
                       figures=hide_all(alert.figures))  # fmt: skip

    return replace(message, labels=hide_all(message.labels), alerts=[hide_alert(alert) for alert in message.alerts],
                   reason=hide(message.reason))  # fmt: skip


def _fields_of_key(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels, and the fields of a key among them: `source abc, target def`."""
    fields = dict(labels)
    for part in labels.get("key", "").split(", "):
        name, _, value = part.partition(" ")
        fields.setdefault(name, value)
    return fields
