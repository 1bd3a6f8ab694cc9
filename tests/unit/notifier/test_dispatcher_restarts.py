"""A dispatcher that takes over from events and alerts continues where the other one ended."""

from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

from services.notifier.dispatcher import Dispatcher
from services.notifier.events import Kind, Phase, Status
from services.notifier.model import LogReceiver, Notifications, RateLimit, Report
from services.notifier.schedule import DailyTimes
from services.notifier.silences import Silences
from tests.support.alerting import alert
from tests.support.dispatching import DELIVERED, PART, Clock, ids, route


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


def test_a_crash_after_the_outcome_sends_nothing_again() -> None:
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


def test_a_restart_with_another_file_notifies_the_new_receivers() -> None:
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


def test_the_receivers_of_the_root_learn_of_an_unreadable_record() -> None:
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
