"""A dispatcher with a clock in the test's hand."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from services.notifier.alert import Alert
from services.notifier.dispatcher import Dispatcher
from services.notifier.events import Event, Phase, Status
from services.notifier.model import LogReceiver, Notifications, Route
from services.notifier.notification import Answer, Result
from services.notifier.schedule import Timing
from services.notifier.silences import Silences
from services.notifier.steps import Send

PART = ("alerts", 0)
DELIVERED = Result(Answer.DELIVERED, reference="first")


class Clock:
    """A dispatcher with a clock.

    Args:
        route: The root of its routes.
        receivers: Its receivers.
        more: Further parts of the notifications file.
    """

    def __init__(self, route: Route, receivers: Iterable[LogReceiver] = (LogReceiver("desk"),), **more: Any) -> None:
        self.notifications = Notifications("f", route, {each.name: each for each in receivers}, **more)
        self.dispatcher = Dispatcher(self.notifications, Silences())
        self.now = 1_000_000.0
        self.offset = 0
        self.events: list[Event] = []
        self.alerts: list[tuple[Alert, int, float]] = []
        self.dispatcher.offsets.start({PART: 0})

    def receive(self, *alerts: Alert) -> None:
        for each in alerts:
            self.alerts.append((each, self.offset, self.now))
            self.dispatcher.receive(each, PART, self.offset, self.now)
            self.offset += 1

    def after(self, seconds: float) -> list[Send]:
        """Go on by so many seconds; the attempts that begin then."""
        self.now += seconds
        self.dispatcher.advance(self.now)
        self.events += self.dispatcher.take_events()
        return self.dispatcher.take_sends()

    def answer(self, send: Send, result: Result = DELIVERED) -> None:
        self.dispatcher.complete(send.message.id, send.message.attempt, result, self.now)
        self.events += self.dispatcher.take_events()

    def crash(self) -> None:
        """Another dispatcher takes over, by the events and the alerts from the committed offset on."""
        committed = self.dispatcher.offsets.offsets()[PART]
        self.dispatcher = Dispatcher(self.notifications, self.dispatcher.silences)
        self.dispatcher.offsets.start({PART: committed})
        for event in self.events:
            for record in event.records():
                self.dispatcher.restore(Event.of(record))
        for each, offset, at in self.alerts:
            if offset >= committed:
                self.dispatcher.receive(each, PART, offset, at)
            else:
                self.dispatcher.inhibitions.observe(each, at)
        self.dispatcher.restored(self.now)
        self.events += self.dispatcher.take_events()

    @property
    def committed(self) -> int:
        return self.dispatcher.offsets.offsets()[PART]

    def outcomes(self) -> list[Status]:
        return [event.status for event in self.events if event.phase is Phase.OUTCOME]


def route(**changes: Any) -> Route:
    return Route("route", receivers=("desk",), group_by=("rule", "key"), timing=Timing(), **changes)


def ids(send: Send) -> set[UUID]:
    return {each.id for each in send.message.alerts}
