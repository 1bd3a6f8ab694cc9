"""Smaller parts: pace, offsets, secrets, explanations, retry dates."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.errors import UsageError
from services.notifier.explanation import explain
from services.notifier.matching import Condition, Matcher
from services.notifier.model import EmailReceiver, Inhibition, LogReceiver, Notifications, RateLimit, Route
from services.notifier.offsets import OffsetTracker
from services.notifier.pacing import RateLimiter, pause_after
from services.notifier.receivers.http import retry_after
from services.notifier.secret import Secret
from services.notifier.settings import start_from
from services.notifier.silences import Silence, Silences
from tests.support.alerting import alert


def test_a_rate_limit_allows_as_many_at_once_and_so_many_on_average() -> None:
    limiter = RateLimiter(RateLimit(3, 60))
    now = 1000.0
    for _ in range(3):
        assert limiter.wait(now) == 0
        limiter.take(now)
    assert limiter.wait(now) == pytest.approx(20)
    assert limiter.wait(now + 20) == pytest.approx(0)
    limiter.take(now + 20)
    assert limiter.wait(now + 20) == pytest.approx(20)
    assert limiter.wait(now + 1000) == 0
    assert RateLimiter(None).wait(now) == 0


def test_pauses_double_to_a_limit_and_differ_by_notification() -> None:
    id_ = uuid4()
    pauses = [pause_after(attempt, id_) for attempt in range(1, 30)]
    assert all(0.5 * min(300, 2**number) <= pause <= min(300, 2**number) for number, pause in enumerate(pauses))
    assert pause_after(9, UUID(int=1)) != pause_after(9, UUID(int=2))


def test_the_committed_offset_is_that_of_the_oldest_unsettled_alert() -> None:
    tracker, part = OffsetTracker(), ("t", 0)
    tracker.start({part: 5, ("t", 1): 0})
    one, two = UUID(int=1), UUID(int=2)
    for offset, id_ in ((5, one), (6, two), (9, one)):
        tracker.read(part, offset)
        tracker.add(id_, part, offset)
    assert tracker.offsets() == {part: 5, ("t", 1): 0}
    tracker.settle(two)
    assert tracker.offsets()[part] == 5
    tracker.settle(one)
    tracker.settle(one)
    assert tracker.offsets()[part] == 10


def test_a_secret_is_read_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "s"
    monkeypatch.setenv("S", "x")
    assert Secret("f:1", variable="S").reveal() == "x"
    file.write_text("y\n")
    assert Secret("f:1", path=str(file)).reveal() == "y"
    file.write_text("\n")
    for secret, words in (
        (Secret("f:1", variable="MISSING"), "f:1: the environment has no MISSING"),
        (Secret("f:2", path=str(tmp_path / "no")), "can't be read: No such file"),
        (Secret("f:3", path=str(file)), "is empty"),
    ):
        with pytest.raises(UsageError, match=words):
            secret.reveal()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("Sat, 01 Jan 2000 00:01:00 GMT", 60.0), ("Fri, 31 Dec 1999 00:00:00 GMT", 0.0), ("soon", None),
     (None, None)],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, datetime(2000, 1, 1, tzinfo=UTC)) == seconds


def test_a_group_begins_a_duration_before_now_or_at_a_time() -> None:
    assert start_from("1h", 7200.0).since_ms == 3_600_000
    assert start_from("beginning").since_ms == 0
    assert start_from("end").since_ms is None
    with pytest.raises(ValueError, match="expected beginning, end"):
        start_from("yesterday")


def test_an_explanation_names_routes_receivers_and_what_suppresses() -> None:
    desk = EmailReceiver("desk", to=("a@b",), sender="a@b", host="h", mask=("target",), fallback="log", retry_for=7200)
    special = Route("special", Matcher((Condition("severity", ("critical",)),)), ("log",))
    inhibition = Inhibition(Matcher((Condition("severity", ("critical",)),)), Matcher(), ("key",), 300)
    notifications = Notifications("f", Route("route", receivers=("desk",), group_by=("rule",), routes=(special,)),
                                  {"desk": desk, "log": LogReceiver("log")}, (inhibition,))  # fmt: skip
    silences = Silences()
    silences.put(Silence(uuid4(), Matcher(), "ann", "known", 0.0, 100.0, 0.0))
    text = "\n".join(explain(notifications, silences, alert(), 50.0))
    for words in (
        "route route: takes every alert",
        "  route special: does not take severity is critical",
        "silenced until 1970-01-01 00:01 UTC by ann: known",
        "nobody is told within 5 min after an alert with severity is critical, and the same key",
        "desk would be told after 30 s, by route route, together with rule fan-in",
        "target would be shown as •••001",
        "if that fails for 2.0 h, log would be told instead",
    ):
        assert words in text
    text = "\n".join(explain(notifications, Silences(), alert(severity="critical"), 50.0))
    assert "log would be told" in text
    assert "desk" not in text
    nobody = Notifications("f", Route("route"), {})
    assert list(explain(nobody, Silences(), alert(), 0.0))[-1].startswith("nobody would be told")
