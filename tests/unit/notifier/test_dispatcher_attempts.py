"""Attempts to deliver a message, and the consequences of each result."""

from services.notifier.events import Phase, Status
from services.notifier.model import LogReceiver
from services.notifier.notification import Answer, Result
from tests.support.alerting import alert
from tests.support.dispatching import Clock, ids, route


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


def test_the_fallback_receives_what_was_not_delivered() -> None:
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
