"""The dispatcher: decides who is told what and when, and what follows from each result. Pure: no clock, no I/O.

Everything that it decides is an event. Its state follows from the events that were written and from the alerts that are
not settled, so that a next notifier goes on where this one ends:

    alert ─▶ route ─▶ group ─(wait, interval, quiet hours)─▶ silenced? inhibited? ─▶ INTENT
    INTENT ─(rate limit, pause)─▶ ATTEMPT ─▶ sent ─▶ OUTCOME, or RETRY and another ATTEMPT
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from services.notifier.alert import Alert
from services.notifier.events import Event, Kind, Phase, Status
from services.notifier.groups import Group, Groups
from services.notifier.inhibitions import Inhibitions
from services.notifier.model import Notifications
from services.notifier.notification import Answer, Notification, Result
from services.notifier.offsets import OffsetTracker
from services.notifier.outbox import Outbox
from services.notifier.pacing import pause_after
from services.notifier.report_schedule import ReportSchedule
from services.notifier.silences import Silences
from services.notifier.steps import Send, id_of, message_of, step
from services.streaming.positions import Partition

REMEMBERED = 100_000
"""Ids of settled alerts that are remembered: the same alert again is nothing new."""

CLEANING_SECONDS = 60.0


class Dispatcher:
    """The state of the notifier.

    Args:
        notifications: The notifications file.
        silences: The silences.
    """

    def __init__(self, notifications: Notifications, silences: Silences) -> None:
        self.notifications = notifications
        self.silences = silences
        self.offsets = OffsetTracker()
        self.groups = Groups(notifications)
        self.outbox = Outbox(notifications)
        self.inhibitions = Inhibitions(notifications.inhibitions)
        self._reports = ReportSchedule(notifications.report)
        self._alerts: dict[UUID, Alert] = {}  # those that are not settled
        self._pending: dict[UUID, int] = {}  # number of groups in which an alert waits
        self._covered: dict[UUID, set[str]] = {}  # receivers of an alert in the events that were restored
        self._unreadable: set[UUID] = set()  # outcomes that were restored
        self._settled: OrderedDict[UUID, None] = OrderedDict()
        self._sends: list[Send] = []
        self._events: list[Event] = []
        self._clean_at = 0.0

    # What was: events of an earlier notifier, then alerts that it read or did not read.

    def restore(self, event: Event) -> None:
        """Take over an event of an earlier notifier."""
        if event.alerts:
            for alert in event.alerts:
                self._covered.setdefault(alert, set()).add(event.receiver)
        if event.status is Status.UNREADABLE:
            self._unreadable.add(event.id)
        notification = self.outbox.get(event.id)
        if event.phase is Phase.INTENT and notification is not None:  # a further part of it
            notification.alerts += event.alerts
            self.outbox.index(notification)
        else:
            self._apply(event)

    def restored(self, now: float, results: Iterable[tuple[UUID, int, Result]] = ()) -> None:
        """End the restore: attempts without a result have an unknown one.

        Args:
            now: Seconds since the epoch.
            results: Results that this process knows of attempts that it began before it lost its Kafka clients.
        """
        known = {(id_, attempt): result for id_, attempt, result in results}
        for alert in self._covered.keys() - self._alerts.keys():
            self._remember(alert)
        self._covered.clear()
        for notification in list(self.outbox):
            lane = self.outbox.lanes.get(notification.receiver)
            if lane is None:
                gone = f"{self.notifications.source} has no receiver {notification.receiver} any more"
                self._end(notification, Status.FAILED, gone, now)
            elif notification.under_way:
                lane.busy = True
                notification.since = now  # however long ago it ended: at least one more attempt
                unknown = Result(Answer.UNKNOWN, "the notifier ended before it knew the answer", is_of_notifier=True)
                self.complete(notification.id, notification.attempt,
                              known.get((notification.id, notification.attempt), unknown), now)  # fmt: skip
            else:
                lane.add(notification)
        for group in self.groups:
            if not group.sending:
                self.groups.schedule(group)

    # What comes.

    def receive(self, alert: Alert, partition: Partition, offset: int, now: float) -> None:
        """Take an alert that was read; one that is known already changes nothing."""
        self.offsets.read(partition, offset)
        self.inhibitions.observe(alert, now)
        if alert.id in self._alerts:
            self.offsets.add(alert.id, partition, offset)
            return
        if alert.id in self._settled:
            return
        self._alerts[alert.id] = alert
        self.offsets.add(alert.id, partition, offset)
        covered = self._covered.get(alert.id, set())
        routes = {name: route for route in reversed(self.notifications.route.taking(alert)) for name in route.receivers}
        for name, route in routes.items():
            if name in covered:
                continue
            group = self.groups.of_alert(alert, name, route)
            group.pending[alert.id] = now
            group.last_alert_at = now
            self._pending[alert.id] = self._pending.get(alert.id, 0) + 1
            if len(group.pending) == 1 and not group.sending:
                self.groups.schedule(group)
        if not routes and not covered:
            self._emit(Event(id_of("unrouted", str(alert.id)), Phase.OUTCOME, Kind.ALERTS, Status.UNROUTED, now,
                             alerts=[alert.id], reason="no receiver for it"))  # fmt: skip
        self._settle([alert.id])

    def unreadable(self, partition: Partition, offset: int, reason: str, now: float) -> None:
        """Take a record that can't be read as an alert: the receivers of the root are told that there was one."""
        place = f"{partition[0]}-{partition[1]}@{offset}"
        self.offsets.read(partition, offset)
        id_, text = id_of("unreadable", place), f"The alert at {place} can't be read: {reason}"
        if id_ in self._unreadable:
            return
        self._emit(Event(id_, Phase.OUTCOME, Kind.NOTICE, Status.UNREADABLE, now, reason=text))
        for name in self.notifications.route.receivers:
            self._intend(Kind.NOTICE, name, now, id_=id_of("unreadable", place, name), reason=text)

    # What is due.

    def advance(self, now: float) -> None:
        """Decide what is due: groups, reports, attempts."""
        for group in self.groups.take_due(now):  # one by one: a group may be scheduled twice
            self._flush(group, now)
        for name, day in self._reports.due(now):
            self._intend(Kind.REPORT, name, now, id_=id_of("report", name, day), group=self._reports.group(name, day),
                         labels={"day": day})  # fmt: skip
        for lane in self.outbox.lanes.values():
            while (id_ := lane.take(now)) is not None:
                self._attempt(id_, now)
        if now >= self._clean_at:
            self._clean_at = now + CLEANING_SECONDS
            self.silences.forget_ended(now)
            self.inhibitions.forget_old(now)

    def take_events(self) -> list[Event]:
        """Return the events since the last call, which are to be written."""
        events, self._events = self._events, []
        return events

    def take_sends(self) -> list[Send]:
        """Return the attempts since the last call, which are to be made as soon as the events are committed."""
        sends, self._sends = self._sends, []
        return sends

    @property
    def unsettled(self) -> int:
        """Number of alerts without an outcome."""
        return len(self._alerts)

    # Results.

    def complete(self, id_: UUID, attempt: int, result: Result, now: float) -> None:
        """Take the result of an attempt."""
        notification = self.outbox.get(id_)
        if notification is None or notification.attempt != attempt or not notification.under_way:
            return  # of an attempt that another notifier has taken for unknown
        lane = self.outbox.lanes[notification.receiver]
        lane.busy = False
        receiver = lane.receiver
        if result.answer is Answer.DELIVERED:
            self._end(notification, Status.DELIVERED, result.reason, now, result.reference)
            return
        status = Status.UNKNOWN if result.answer is Answer.UNKNOWN else Status.FAILED
        if result.answer is Answer.REFUSED or (status is Status.UNKNOWN and not receiver.resend_unknown):
            self._end(notification, status, result.reason, now)
            return
        failures = 1 if result.is_of_notifier else notification.attempt
        pause = max(pause_after(failures, id_), result.retry_after or 0.0)
        if now + pause > (notification.since or now) + receiver.retry_for:
            tried = f"{result.reason}; given up after {notification.attempt} attempts"
            self._end(notification, Status.UNKNOWN if notification.may_be_repeated else status, tried, now)
            return
        if result.pauses_receiver:
            lane.paused_until = now + pause
        self._emit(step(notification, Phase.RETRY, status, now, reason=result.reason, next_attempt_at=now + pause))
        lane.add(notification)

    # Decisions.

    def _flush(self, group: Group, now: float) -> None:
        """Send a group's alerts but those that are silenced or inhibited; without any, a reminder."""
        if not group.pending:
            self._intend(Kind.REMINDER, group.receiver, now, group=group.key, labels=group.labels,
                         id_=id_of("reminder", group.key, str(now)))  # fmt: skip
            return
        included: list[UUID] = []
        suppressed: dict[tuple[Status, str], list[UUID]] = {}
        for id_ in group.pending:
            alert = self._alerts[id_]
            if silence := self.silences.silencing(alert, now):
                reason = f"silence {silence.id} of {silence.author}: {silence.reason}"
                suppressed.setdefault((Status.SILENCED, reason), []).append(id_)
            elif source := self.inhibitions.inhibiting(alert, now):
                suppressed.setdefault((Status.INHIBITED, f"inhibited by the alert {source}"), []).append(id_)
            else:
                included.append(id_)
        for (status, reason), alerts in suppressed.items():
            self._emit(Event(id_of("suppressed", group.key, str(alerts[0])), Phase.OUTCOME, Kind.ALERTS, status, now,
                             group.receiver, group.key, group.labels, alerts, reason=reason))  # fmt: skip
        if included:
            self._intend(Kind.ALERTS, group.receiver, now, id_=id_of("alerts", group.key, str(included[0])),
                         group=group.key, labels=group.labels, alerts=included)  # fmt: skip
        pending, group.pending = list(group.pending), {}
        for id_ in pending:
            self._pending[id_] -= 1
        self._settle(pending)
        self.groups.schedule(group)

    def _intend(
        self,
        kind: Kind,
        receiver: str,
        now: float,
        *,
        id_: UUID,
        group: str = "",
        labels: Mapping[str, str] | None = None,
        alerts: Sequence[UUID] = (),
        reason: str = "",
    ) -> None:
        self._emit(Event(id_, Phase.INTENT, kind, Status.PENDING, now, receiver, group, labels or {}, alerts,
                         reason=reason))  # fmt: skip
        notification = self.outbox.get(id_)
        if notification is not None:
            self.outbox.lanes[receiver].add(notification)

    def _attempt(self, id_: UUID, now: float) -> None:
        notification = self.outbox.get(id_)
        if notification is None:  # pragma: no cover - a lane only has what the outbox has
            return
        self._emit(step(notification, Phase.ATTEMPT, Status.PENDING, now, attempt=notification.attempt + 1))
        alerts = [self._alerts[alert] for alert in notification.alerts if alert in self._alerts]
        message = message_of(notification, alerts, self.groups.get(notification.group), now)
        self._sends.append(Send(self.outbox.lanes[notification.receiver].receiver, message))

    def _end(self, notification: Notification, status: Status, reason: str, now: float,
             reference: str | None = None) -> None:  # fmt: skip
        """End a notification; where it was not delivered, the fallback is told instead."""
        lane = self.outbox.lanes.get(notification.receiver)
        fallback = None if lane is None else lane.receiver.fallback
        if status is not Status.DELIVERED and fallback is not None:
            known = "may or may not have been told" if status is Status.UNKNOWN else "could not be told"
            self._intend(notification.kind, fallback, now, id_=id_of("fallback", str(notification.id), fallback),
                         labels=dict(notification.labels), alerts=list(notification.alerts),
                         reason=f"{notification.receiver} {known}: {reason}")  # fmt: skip
        self._emit(step(notification, Phase.OUTCOME, status, now, reason=reason, reference=reference))
        group = self.groups.get(notification.group)
        if group is not None:
            self.groups.schedule(group)
        self._settle(notification.alerts)

    def _emit(self, event: Event) -> None:
        self._events.append(event)
        self._apply(event)

    def _apply(self, event: Event) -> None:
        """Change the state as an event says: the same in a restore as when the event is made."""
        if event.phase is Phase.INTENT:
            self.outbox.put(Notification(event.id, event.kind, event.receiver, event.group, event.labels,
                                         list(event.alerts), event.at, event.reason, next_at=event.at))  # fmt: skip
            if event.kind is Kind.REPORT:
                self._reports.sent(event.receiver, event.labels.get("day", ""))
            elif group := self.groups.restored(event.group, event.receiver, event.labels):
                group.sending = True
                group.last_alert_at = event.at if event.alerts else group.last_alert_at
            return
        notification = self.outbox.get(event.id)
        if notification is None:
            return  # an outcome without an intent, or one whose intent is older than the restore
        if event.phase is Phase.ATTEMPT:
            notification.attempt, notification.under_way = event.attempt, True
            notification.since = notification.since or event.at
            return
        notification.under_way = False
        if event.phase is Phase.RETRY:
            notification.next_at = event.next_attempt_at or event.at
            notification.may_be_repeated |= event.status is Status.UNKNOWN
            return
        self.outbox.remove(notification)
        if group := self.groups.get(notification.group):
            group.sending = False
            group.last_sent_at = event.at
            if event.status is Status.DELIVERED:
                group.notified += len(notification.alerts)
                group.thread = group.thread or event.reference

    def _settle(self, alerts: Iterable[UUID]) -> None:
        """Forget alerts for which nothing is to be done any more; their offsets can be committed."""
        for id_ in list(alerts):
            if id_ in self._alerts and not self._pending.get(id_) and not self.outbox.has_alert(id_):
                del self._alerts[id_]
                self._pending.pop(id_, None)
                self.offsets.settle(id_)
                self._remember(id_)

    def _remember(self, alert: UUID) -> None:
        self._settled[alert] = None
        if len(self._settled) > REMEMBERED:
            self._settled.popitem(last=False)
