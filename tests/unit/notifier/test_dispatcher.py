"""Groups of alerts, their messages and the times of these: the clock is in the test's hand."""

from dataclasses import replace
from uuid import UUID

from services.notifier.events import Kind, Phase, Status
from services.notifier.matching import Condition, Matcher
from services.notifier.model import Inhibition, LogReceiver, Route
from services.notifier.notification import Answer, Result
from services.notifier.schedule import Timing
from services.notifier.silences import Silence
from tests.support.alerting import alert
from tests.support.dispatching import Clock, ids, route


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


def test_a_group_without_alerts_ends_and_begins_again() -> None:
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


def test_a_silenced_alert_is_not_sent_and_has_an_outcome() -> None:
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


def test_the_same_alert_again_is_not_sent() -> None:
    clock = Clock(route())
    clock.receive(one := alert(), one)
    (send,) = clock.after(30)
    clock.answer(send)
    clock.receive(one)
    assert clock.after(1000) == []
    assert clock.committed == 3
