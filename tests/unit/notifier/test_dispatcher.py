"""Messages, their times, and the consequences of each result: the clock is in the test's hand."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import time
from uuid import UUID
from zoneinfo import ZoneInfo

from services.notifier.alert import Alert
from services.notifier.dispatcher import Dispatcher
from services.notifier.events import Event, Kind, Phase, Status
from services.notifier.matching import Condition, Matcher
from services.notifier.model import Inhibition, LogReceiver, Notifications, RateLimit, Report, Route
from services.notifier.notification import Answer, Result
from services.notifier.schedule import DailyTimes, Timing
from services.notifier.silences import Silence, Silences
from services.notifier.steps import Send
from tests.support.alerting import alert

PART = ("alerts", 0)
DELIVERED = Result(Answer.DELIVERED, reference="first")


class Clock:
    """A dispatcher with a clock.

    Args:
        route: The root of its routes.
        receivers: Its receivers.
        more: Further parts of the notifications file.
    """

    def __init__(self, route: Route, receivers: Iterable[LogReceiver] = (LogReceiver("desk"),), **more: object) -> None:
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


def route(**changes: object) -> Route:
    return Route("route", receivers=("desk",), group_by=("rule", "key"), timing=Timing(), **changes)


def ids(send: Send) -> set[UUID]:
    return {each.id for each in send.message.alerts}


def test_alerts_of_a_group_wait_and_go_together() -> None:
    clock = Clock(route())
    one, two, other = alert(), alert(severity="critical"), alert("structuring")
    clock.receive(one)
    assert clock.after(20) == []
    clock.receive(two, other)
    (send,) = clock.after(10)
    assert ids(send) == {one.id, two.id}
    assert send.message.alerts[0].severity == "critical"
    assert send.message.labels == {"rule": "fan-in", "key": "target shop00000001"}
    clock.answer(send)
    (send,) = clock.after(20)
    assert ids(send) == {other.id}
    assert clock.committed == 2  # the oldest alert without an outcome
    clock.answer(send)
    assert clock.committed == 3
    assert clock.dispatcher.unsettled == 0


def test_later_alerts_of_a_group_wait_for_its_interval_and_go_into_its_thread() -> None:
    clock = Clock(route())
    clock.receive(alert())
    (send,) = clock.after(30)
    assert send.message.thread is None
    clock.answer(send)
    clock.receive(alert())
    assert clock.after(299) == []
    (send,) = clock.after(1)
    assert (send.message.thread, send.message.notified_before) == ("first", 1)
    clock.answer(send, Result(Answer.DELIVERED, reference="second"))
    clock.receive(alert())
    (send,) = clock.after(300)
    assert (send.message.thread, send.message.notified_before) == ("first", 2)


def test_alerts_that_come_while_a_message_is_on_its_way_do_not_overtake_it() -> None:
    clock = Clock(route())
    clock.receive(alert())
    (send,) = clock.after(30)
    clock.receive(alert())
    assert clock.after(1000) == []
    clock.answer(send)
    assert clock.after(299) == []
    assert len(clock.after(1)) == 1


def test_a_group_without_alerts_ends_and_begins_anew() -> None:
    clock = Clock(route())
    clock.receive(alert())
    (send,) = clock.after(30)
    clock.answer(send)
    assert clock.after(86_400) == []
    assert len(clock.dispatcher.groups) == 0
    clock.receive(alert())
    (send,) = clock.after(30)
    assert (send.message.thread, send.message.notified_before) == (None, 0)


def test_a_reminder_of_an_open_group_comes_once_in_its_interval() -> None:
    timing = Timing(repeat_interval=3600, resolve_after=9000)
    clock = Clock(replace(route(), timing=timing))
    clock.receive(alert())
    (send,) = clock.after(30)
    clock.answer(send)
    assert clock.after(3599) == []
    (send,) = clock.after(1)
    assert (send.message.kind, send.message.alerts, send.message.notified_before) == (Kind.REMINDER, [], 1)
    clock.answer(send)
    # New alerts come at their own time, and put the reminder off.
    clock.receive(alert())
    (send,) = clock.after(3000)
    assert send.message.kind is Kind.ALERTS
    clock.answer(send)
    assert clock.after(3599) == []
    (send,) = clock.after(1)
    clock.answer(send)
    assert clock.after(10_000) == []
    assert len(clock.dispatcher.groups) == 0


def test_a_silenced_alert_is_told_to_nobody_and_has_an_outcome() -> None:
    clock = Clock(route())
    silenced, told = alert(), alert("structuring")
    matcher = Matcher((Condition("rule", ("fan-*",)),))
    clock.dispatcher.silences.put(Silence(UUID(int=7), matcher, "ann", "known", 0.0, clock.now + 40, 0.0))
    clock.receive(silenced, told)
    (send,) = clock.after(30)
    assert ids(send) == {told.id}
    (outcome,) = [event for event in clock.events if event.status is Status.SILENCED]
    assert (outcome.alerts, outcome.receiver) == ([silenced.id], "desk")
    assert "ann: known" in outcome.reason
    clock.receive(later := alert())
    clock.answer(send)
    (send,) = clock.after(30)  # the silence is over
    assert ids(send) == {later.id}


def test_a_worse_alert_of_the_same_key_suppresses_others_for_a_time() -> None:
    critical, medium = Condition("severity", ("critical",)), Condition("severity", (), None, "medium")
    inhibition = Inhibition(Matcher((critical,)), Matcher((medium,)), ("key",), 600)
    clock = Clock(replace(route(), group_by=("rule", "key", "severity")), inhibitions=(inhibition,))
    clock.receive(alert(severity="medium"), alert(severity="critical"), alert(severity="medium", target="shop00000009"))
    first = clock.after(30)
    assert len(first) == 1  # of one receiver one at a time
    clock.answer(first[0])
    second = clock.after(0)
    clock.answer(second[0])
    assert [event.status for event in clock.events if event.phase is Phase.OUTCOME].count(Status.INHIBITED) == 1
    clock.crash()
    clock.receive(again := alert(severity="medium"))
    clock.after(400)
    assert clock.outcomes().count(Status.INHIBITED) == 2
    clock.receive(alert(severity="medium"))
    (send,) = clock.after(301)
    assert again.id not in ids(send)


def test_an_alert_goes_to_the_first_route_of_a_receiver_alone() -> None:
    special = Route(
        "special", Matcher((Condition("severity", (), "high"),)), ("desk", "boss"), ("rule",), Timing(), True
    )
    rest = Route("rest", receivers=("desk",), timing=Timing())
    clock = Clock(route(routes=(special, rest)), [LogReceiver("desk"), LogReceiver("boss")])
    clock.receive(high := alert(), low := alert(severity="low"))
    sends = clock.after(30)
    for send in sends:
        clock.answer(send)
    sends += clock.after(0)
    assert [(send.receiver.name, ids(send)) for send in sorted(sends, key=lambda send: send.message.group)] == [
        ("boss", {high.id}), ("desk", {low.id}), ("desk", {high.id}),
    ]  # fmt: skip


def test_an_alert_without_receivers_has_its_outcome() -> None:
    clock = Clock(replace(route(), receivers=()))
    clock.receive(alert())
    clock.after(0)
    assert clock.outcomes() == [Status.UNROUTED]
    assert clock.committed == 1
    clock.crash()
    assert clock.outcomes() == [Status.UNROUTED]


def test_the_same_alert_again_tells_nobody() -> None:
    clock = Clock(route())
    clock.receive(one := alert(), one)
    (send,) = clock.after(30)
    clock.answer(send)
    clock.receive(one)
    assert clock.after(1000) == []
    assert clock.committed == 3


def test_attempts_are_repeated_later_and_later_until_they_are_given_up() -> None:
    clock = Clock(route(), [LogReceiver("desk", retry_for=60)])
    clock.receive(alert())
    (send,) = clock.after(30)
    attempts = 0
    while True:
        attempts += 1
        assert send.message.attempt == attempts
        assert not send.message.may_be_repeated
        clock.answer(send, Result(Answer.RETRY, "busy"))
        if clock.outcomes():
            break
        pause = clock.events[-1].next_attempt_at
        assert pause is not None
        assert 0.5 * 2 ** (attempts - 1) <= pause - clock.now <= 2 ** (attempts - 1)
        assert clock.after(pause - clock.now - 0.01) == []
        (send,) = clock.after(0.02)
    assert clock.outcomes() == [Status.FAILED]
    assert clock.events[-1].reason == f"busy; given up after {attempts} attempts"
    assert attempts >= 6
    assert clock.committed == 1


def test_retry_after_is_heeded_and_holds_other_messages_back() -> None:
    clock = Clock(route())
    clock.receive(alert(), alert("structuring"))
    (send,) = clock.after(30)
    clock.answer(send, Result(Answer.RETRY, "429", retry_after=100, pauses_receiver=True))
    assert clock.after(99) == []
    assert len(clock.after(1.1)) == 1


def test_a_refused_message_delays_no_other_one() -> None:
    clock = Clock(route())
    clock.receive(alert(), alert("structuring"))
    (send,) = clock.after(30)
    clock.answer(send, Result(Answer.RETRY, "500", retry_after=100))
    (other,) = clock.after(0)
    assert ids(other) != ids(send)


def test_the_fallback_is_told_what_could_not_be_told() -> None:
    clock = Clock(route(), [LogReceiver("desk", fallback="boss"), LogReceiver("boss")])
    clock.receive(one := alert())
    (send,) = clock.after(30)
    clock.answer(send, Result(Answer.REFUSED, "550 unknown"))
    assert clock.committed == 0  # not settled: the fallback is still to be told
    (send,) = clock.after(0)
    assert (send.receiver.name, ids(send)) == ("boss", {one.id})
    assert send.message.reason == "desk could not be told: 550 unknown"
    clock.answer(send)
    assert clock.outcomes() == [Status.FAILED, Status.DELIVERED]
    assert clock.committed == 1


def test_an_unknown_result_is_sent_again_and_marked() -> None:
    clock = Clock(route())
    clock.receive(alert())
    (send,) = clock.after(30)
    clock.answer(send, Result(Answer.UNKNOWN, "no answer"))
    (again,) = clock.after(1)
    assert (again.message.id, again.message.attempt, again.message.may_be_repeated) == (send.message.id, 2, True)
    clock.answer(again)
    assert [event.status for event in clock.events if event.phase is Phase.RETRY] == [Status.UNKNOWN]
    assert clock.outcomes() == [Status.DELIVERED]


def test_an_unknown_result_may_be_left_to_the_fallback() -> None:
    clock = Clock(route(), [LogReceiver("desk", fallback="boss", resend_unknown=False), LogReceiver("boss")])
    clock.receive(alert())
    (send,) = clock.after(30)
    clock.crash()
    assert clock.outcomes() == [Status.UNKNOWN]
    (send,) = clock.after(0)
    assert send.receiver.name == "boss"
    assert send.message.reason.startswith("desk may or may not have been told: the notifier ended")


def test_a_crash_before_the_intent_loses_nothing_and_adds_nothing() -> None:
    clock = Clock(route())
    clock.receive(one := alert())
    clock.crash()
    (send,) = clock.after(30)
    assert ids(send) == {one.id}
    assert [event.kind for event in clock.events if event.phase is Phase.INTENT] == [Kind.ALERTS]


def test_a_crash_before_the_attempt_begins_it() -> None:
    clock = Clock(route(), [LogReceiver("desk", rate_limit=RateLimit(1, 60))])
    clock.receive(alert(), two := alert("structuring"))
    (send,) = clock.after(30)
    clock.answer(send)
    assert clock.after(1) == []  # limited
    clock.crash()
    (send,) = clock.after(0)
    assert (ids(send), send.message.attempt, send.message.may_be_repeated) == ({two.id}, 1, False)


def test_a_crash_during_an_attempt_makes_it_unknown() -> None:
    clock = Clock(route())
    clock.receive(one := alert())
    (send,) = clock.after(30)
    clock.now += 100_000  # longer than retries last
    clock.crash()
    (again,) = clock.after(2)
    assert (again.message.id, again.message.may_be_repeated, ids(again)) == (send.message.id, True, {one.id})
    clock.answer(send)  # the first attempt is not the present one
    assert clock.outcomes() == []
    clock.answer(again)
    assert clock.outcomes() == [Status.DELIVERED]


def test_a_result_that_is_known_after_a_restart_of_the_clients_counts() -> None:
    clock = Clock(route())
    clock.receive(one := alert())
    (send,) = clock.after(30)
    fresh = Dispatcher(clock.notifications, Silences())
    fresh.offsets.start({PART: 0})
    for event in clock.events:
        fresh.restore(event)
    fresh.receive(one, PART, 0, clock.now)
    fresh.restored(clock.now, [(send.message.id, 1, DELIVERED)])
    assert [event.status for event in fresh.take_events()] == [Status.DELIVERED]
    assert fresh.unsettled == 0


def test_a_crash_after_the_outcome_tells_nobody_again() -> None:
    clock = Clock(route())
    clock.receive(alert("structuring"), alert())
    (send,) = clock.after(30)
    clock.answer(send)
    (other,) = clock.after(0)
    clock.answer(other)
    clock.dispatcher.offsets.start({PART: 0})  # the offsets were not committed
    clock.crash()
    assert clock.after(1000) == []
    assert clock.dispatcher.unsettled == 0
    clock.receive(alert())
    (send,) = clock.after(30)
    assert (send.message.thread, send.message.notified_before) == ("first", 1)


def test_a_restart_with_another_file_tells_the_new_receivers() -> None:
    clock = Clock(route())
    clock.receive(one := alert())
    clock.after(30)
    clock.notifications = Notifications("f", replace(route(), receivers=("boss",)), {"boss": LogReceiver("boss")})
    clock.crash()
    assert clock.events[-1].reason == "f has no receiver desk any more"
    (send,) = clock.after(30)
    assert (send.receiver.name, ids(send)) == ("boss", {one.id})


def test_alerts_that_the_topic_has_no_more_are_counted() -> None:
    clock = Clock(route())
    clock.receive(alert())
    (send,) = clock.after(30)
    clock.alerts.clear()
    clock.crash()
    (send,) = clock.after(2)
    assert (send.message.alerts, send.message.missing) == ([], 1)
    clock.answer(send)
    assert clock.outcomes() == [Status.DELIVERED]


def test_the_receivers_of_the_root_are_told_of_an_unreadable_record() -> None:
    clock = Clock(route())
    clock.receive(alert())
    clock.dispatcher.unreadable(PART, 1, "no magic byte", clock.now)
    (send,) = clock.after(0)
    assert (send.message.kind, send.message.reason) == (
        Kind.NOTICE,
        "The alert at alerts-0@1 can't be read: no magic byte",
    )
    clock.answer(send)
    assert clock.outcomes() == [Status.UNREADABLE, Status.DELIVERED]
    clock.crash()
    clock.dispatcher.unreadable(
        PART, 1, "no magic byte", clock.now
    )  # read again, as the alert before it is not settled
    assert [event for event in clock.dispatcher.take_events() if event.status is Status.UNREADABLE] == []


def test_a_large_group_is_one_message_in_several_records() -> None:
    clock = Clock(replace(route(), group_by=()))
    clock.receive(*(alert() for _ in range(5_001)))
    (send,) = clock.after(30)
    assert len(send.message.alerts) == 5_001
    intent = next(event for event in clock.events if event.phase is Phase.INTENT)
    assert [len(record["alerts"]) for record in intent.records()] == [5_000, 1]
    clock.crash()
    (send,) = clock.after(2)
    assert (len(send.message.alerts), send.message.missing) == (5_001, 0)


def test_a_report_is_due_once_a_day_and_not_much_later() -> None:
    report = Report(("desk",), DailyTimes((time(7),), ZoneInfo("UTC")))
    clock = Clock(route(), report=report)
    clock.now = 1_700_000_000 // 86_400 * 86_400 + 6 * 3600.0
    assert clock.after(3599) == []
    (send,) = clock.after(1)
    assert (send.message.kind, send.message.labels) == (Kind.REPORT, {"day": "2023-11-14"})
    clock.answer(send)
    assert clock.after(60) == []
    clock.crash()
    assert clock.after(60) == []
    assert clock.after(86_400 + 7 * 3600) == []  # seven hours late
    assert len(clock.after(17 * 3600)) == 1
