"""Steps of a notification: its events, and the message of an attempt. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from services.notifier.alert import SEVERITIES, Alert
from services.notifier.events import Event, Phase, Status
from services.notifier.groups import Group
from services.notifier.model import Receiver
from services.notifier.notification import Message, Notification

_NAMESPACE = UUID("5f4ee1e6-0d35-4f5c-8d25-5f6d1c7a2b10")


@dataclass(frozen=True)
class Send:
    """An attempt that is to be made once its event is committed.

    Attributes:
        receiver: The receiver.
        message: The message.
    """

    receiver: Receiver
    message: Message


def id_of(*parts: str) -> UUID:
    """Return an id that is the same for the same parts."""
    return uuid5(_NAMESPACE, "\n".join(parts))


def step(notification: Notification, phase: Phase, status: Status, now: float, *, attempt: int | None = None,
          reason: str = "", reference: str | None = None, next_attempt_at: float | None = None) -> Event:  # fmt: skip
    """Return the next event of a notification."""
    return Event(notification.id, phase, notification.kind, status, now, notification.receiver, notification.group,
                 notification.labels, attempt=notification.attempt if attempt is None else attempt, reason=reason,
                 reference=reference, next_attempt_at=next_attempt_at)  # fmt: skip


def message_of(notification: Notification, alerts: Sequence[Alert], group: Group | None, now: float) -> Message:
    """Return what a receiver is told in the present attempt.

    Args:
        notification: The notification.
        alerts: Those of its alerts that are at hand.
        group: Its group; None where it has none any more.
        now: Seconds since the epoch.
    """
    ordered = sorted(alerts, key=lambda alert: (-SEVERITIES.index(alert.severity), alert.detected_at))
    return Message(
        id=notification.id,
        attempt=notification.attempt,
        kind=notification.kind,
        group=notification.group,
        labels=notification.labels,
        alerts=ordered,
        missing=len(notification.alerts) - len(ordered),
        notified_before=group.notified if group else 0,
        reason=notification.reason,
        thread=group.thread if group else None,
        may_be_repeated=notification.may_be_repeated,
        at=now,
    )
