"""A notification that is on its way, and what a receiver gets of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from services.notifier.alert import Alert
from services.notifier.events import Kind


@dataclass
class Notification:
    """A notification between its intent and its outcome.

    Attributes:
        id: Its id, the idempotency key.
        kind: What it tells.
        receiver: Name of its receiver.
        group: Key of its group.
        labels: Labels of the group.
        alerts: Ids of its alerts.
        created_at: When it was intended, in seconds since the epoch.
        reason: Why it is sent, where the alerts do not say that themselves.
        attempt: The number of the last attempt; 0 before the first.
        next_at: The earliest time of the next attempt.
        since: The time of the first attempt; None before it.
        under_way: Whether an attempt has begun and its result is not recorded.
        may_be_repeated: Whether an earlier attempt may have arrived.
    """

    id: UUID
    kind: Kind
    receiver: str
    group: str
    labels: Mapping[str, str]
    alerts: list[UUID]
    created_at: float
    reason: str = ""
    attempt: int = 0
    next_at: float = 0.0
    since: float | None = None
    under_way: bool = False
    may_be_repeated: bool = False


@dataclass(frozen=True)
class Message:
    """Message to a receiver.

    Attributes:
        id: Id of the notification, the same in every attempt.
        attempt: The number of the attempt, from 1.
        kind: What it tells.
        group: Key of the group; the same for messages that belong together.
        labels: Labels of the group.
        alerts: The alerts, the worst first.
        missing: How many alerts are not among them, as the topic does not have them any more.
        notified_before: Number of alerts in earlier messages of the group.
        reason: Why it is sent, where the alerts do not say that themselves.
        thread: The receiver's reference of the group's first message; None where this is the first.
        may_be_repeated: Whether an earlier attempt may have arrived.
        at: When it was made, in seconds since the epoch.
    """

    id: UUID
    attempt: int
    kind: Kind
    group: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    missing: int = 0
    notified_before: int = 0
    reason: str = ""
    thread: str | None = None
    may_be_repeated: bool = False
    at: float = 0.0


class Answer(StrEnum):
    """Result of an attempt."""

    DELIVERED = "delivered"
    """The receiver confirmed it."""
    RETRY = "retry"
    """It has not arrived; later it may."""
    REFUSED = "refused"
    """It has not arrived, and never will."""
    UNKNOWN = "unknown"
    """It was sent, and no answer was read."""


@dataclass(frozen=True)
class Result:
    """The result of an attempt.

    Attributes:
        answer: How it ended.
        reason: The receiver's words; empty where it was delivered.
        reference: The receiver's name for the message.
        retry_after: Seconds that the receiver asks to wait for.
        pauses_receiver: Whether other messages to the receiver would fail as well.
        is_of_notifier: Whether the notifier itself failed, so that there is no reason to wait longer each time.
    """

    answer: Answer
    reason: str = ""
    reference: str | None = None
    retry_after: float | None = None
    pauses_receiver: bool = False
    is_of_notifier: bool = False
