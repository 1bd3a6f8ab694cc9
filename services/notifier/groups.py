"""Groups: alerts that are told together, and the one after the other in one thread."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.notifier.alert import Alert
from services.notifier.model import Notifications, Route, group_key, route_of_group


@dataclass
class Group:
    """Alerts of one receiver, route and labels.

    Attributes:
        key: Its key, which stands in events.
        receiver: Name of the receiver.
        route: The route; its timing decides.
        labels: Values of the fields of `group_by`.
        pending: Alerts that are to be sent, with the time at which each came.
        sending: Whether a notification of the group is on its way: the next one waits for its outcome.
        last_alert_at: When its newest alert came.
        last_sent_at: When its last message was delivered; None where none was.
        notified: Number of alerts in messages so far.
        thread: The receiver's reference of its first message.
        last_told: Ids of the alerts of its last message.
    """

    key: str
    receiver: str
    route: Route
    labels: Mapping[str, str]
    pending: dict[UUID, float] = field(default_factory=dict)
    sending: bool = False
    last_alert_at: float = 0.0
    last_sent_at: float | None = None
    notified: int = 0
    thread: str | None = None

    @property
    def due_at(self) -> float:
        """The next time at which something is to be done: send, remind, or forget the group."""
        timing = self.route.timing
        if self.pending:
            return timing.flush_at(next(iter(self.pending.values())), self.last_sent_at)
        forget = self.last_alert_at + timing.resolve_after
        remind = timing.remind_at(self.last_sent_at) if self.last_sent_at is not None else None
        return forget if remind is None else min(forget, remind)

    def is_over(self, now: float) -> bool:
        """Return whether the group is closed: a later alert begins a new one."""
        return not self.pending and not self.sending and now >= self.last_alert_at + self.route.timing.resolve_after


class Groups:
    """The open groups, found by their key and by when they are due.

    Args:
        notifications: The routes.
    """

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications
        self._groups: dict[str, Group] = {}
        self._due: list[tuple[float, str]] = []  # a heap; entries may be out of date

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def of_alert(self, alert: Alert, receiver: str, route: Route) -> Group:
        """Return the group of an alert, made where there is none."""
        labels = {name: alert.label(name) for name in route.group_by}
        key = group_key(receiver, route.name, labels)
        if key not in self._groups:
            self._groups[key] = Group(key, receiver, route, labels)
        return self._groups[key]

    def restored(self, key: str, receiver: str, labels: Mapping[str, str]) -> Group | None:
        """Return the group of an event, made where there is none; None where its route is gone from the file."""
        if key in self._groups:
            return self._groups[key]
        route = self._notifications.route_named(route_of_group(key)) if key else None
        if route is None or receiver not in route.receivers:
            return None
        group = self._groups[key] = Group(key, receiver, route, labels)
        return group

    def get(self, key: str) -> Group | None:
        """Return the group of a key; None where it is not open."""
        return self._groups.get(key)

    def schedule(self, group: Group) -> None:
        """Look at a group again when it is due."""
        heapq.heappush(self._due, (group.due_at, group.key))

    def take_due(self, now: float) -> Iterator[Group]:
        """Yield the groups that are due, and drop those that are over."""
        while self._due and self._due[0][0] <= now:
            _at, key = heapq.heappop(self._due)
            group = self._groups.get(key)
            if group is None or group.sending:
                continue  # scheduled again with its outcome
            if group.is_over(now):
                del self._groups[key]
            elif group.due_at <= now:
                yield group
            else:
                self.schedule(group)
