"""The outbox: notifications on their way, and which of them may be sent next."""

import heapq
from collections.abc import Iterator
from itertools import count
from uuid import UUID

from services.notifier.model import Notifications, Receiver
from services.notifier.notification import Notification
from services.notifier.pacing import RateLimiter


class Lane:
    """The notifications of one receiver, which are sent one after the other.

    Args:
        receiver: The receiver.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.limiter = RateLimiter(receiver.rate_limit)
        self.busy = False
        self.paused_until = 0.0
        self._waiting: list[tuple[float, int, UUID]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._waiting) + self.busy

    def add(self, notification: Notification) -> None:
        """Add a notification that may be sent from its `next_at` on."""
        heapq.heappush(self._waiting, (notification.next_at, next(self._numbers), notification.id))

    def take(self, now: float) -> UUID | None:
        """Take the notification that may be sent now; None where none may."""
        if self.busy or now < self.paused_until or not self._waiting or self._waiting[0][0] > now:
            return None
        if self.limiter.wait(now) > 0:
            return None
        self.limiter.take(now)
        self.busy = True
        return heapq.heappop(self._waiting)[2]


class Outbox:
    """The notifications on their way.

    Args:
        notifications: The receivers.
    """

    def __init__(self, notifications: Notifications) -> None:
        self.lanes = {name: Lane(receiver) for name, receiver in notifications.receivers.items()}
        self._open: dict[UUID, Notification] = {}
        self._by_alert: dict[UUID, set[UUID]] = {}

    def __iter__(self) -> Iterator[Notification]:
        return iter(self._open.values())

    def __len__(self) -> int:
        return len(self._open)

    def get(self, id_: UUID) -> Notification | None:
        """Return a notification; None where it has its outcome."""
        return self._open.get(id_)

    def put(self, notification: Notification) -> None:
        """Add a notification."""
        self._open[notification.id] = notification
        self.index(notification)

    def index(self, notification: Notification) -> None:
        """Note the alerts of a notification, again where there are more."""
        for alert in notification.alerts:
            self._by_alert.setdefault(alert, set()).add(notification.id)

    def remove(self, notification: Notification) -> None:
        """Drop a notification that has its outcome."""
        del self._open[notification.id]
        for alert in notification.alerts:
            ids = self._by_alert[alert]
            ids.discard(notification.id)
            if not ids:
                del self._by_alert[alert]

    def has_alert(self, alert: UUID) -> bool:
        """Return whether a notification with an alert is on its way."""
        return alert in self._by_alert
