"""Times: waits, digests, quiet hours, also where clocks are changed."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from services.notifier.report_schedule import ReportSchedule
from services.notifier.schedule import DailyTimes, QuietHours, Timing

BERLIN = ZoneInfo("Europe/Berlin")
EVERY_DAY = frozenset(range(7))


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


NIGHT = QuietHours(time(22), time(7), EVERY_DAY, BERLIN)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-03-10 21:59:59", None),
        ("2026-03-10 22:00", "2026-03-11 07:00"),
        ("2026-03-11 06:59:59", "2026-03-11 07:00"),
        ("2026-03-11 07:00", None),
        ("2026-03-28 23:00", "2026-03-29 07:00"),  # the night in which clocks are put forward
    ],
)
def test_quiet_hours_over_midnight(moment: str, end: str | None) -> None:
    assert NIGHT.end_of(at(moment)) == (None if end is None else at(end))


def test_quiet_hours_of_some_days_begin_on_these() -> None:
    weekend = QuietHours(time(18), time(8), frozenset({4}), BERLIN)  # from Friday evening
    assert weekend.end_of(at("2026-03-13 19:00")) == at("2026-03-14 08:00")
    assert weekend.end_of(at("2026-03-14 19:00")) is None
    all_day = QuietHours(time(0), time(0), frozenset({6}), BERLIN)
    assert all_day.end_of(at("2026-03-15 12:00")) == at("2026-03-16 00:00")


def test_what_is_due_in_quiet_hours_goes_at_their_end_even_where_others_begin() -> None:
    morning = QuietHours(time(7), time(8), EVERY_DAY, BERLIN)
    timing = Timing(group_wait=60, quiet_hours=(NIGHT, morning), repeat_interval=3600)
    assert timing.flush_at(at("2026-03-10 21:58"), None) == at("2026-03-10 21:59")
    assert timing.flush_at(at("2026-03-10 21:59:30"), None) == at("2026-03-11 08:00")
    assert timing.remind_at(at("2026-03-10 21:30")) == at("2026-03-11 08:00")
    always = QuietHours(time(0), time(0), EVERY_DAY, BERLIN)
    assert Timing(quiet_hours=(always,)).flush_at(at("2026-03-10 12:00"), None) > at("2026-03-10 12:00")  # ends


def test_a_digest_goes_at_the_next_of_its_times() -> None:
    daily = Timing(digest_at=DailyTimes((time(8), time(16)), BERLIN))
    assert daily.flush_at(at("2026-03-10 07:59"), None) == at("2026-03-10 08:00")
    assert daily.flush_at(at("2026-03-10 08:00"), None) == at("2026-03-10 16:00")
    assert daily.flush_at(at("2026-03-10 17:00"), None) == at("2026-03-11 08:00")
    assert Timing(digest_every=3600).flush_at(7201, 7200) == 10_800


def test_a_report_is_due_at_its_time() -> None:
    from services.notifier.model import Report

    schedule = ReportSchedule(Report(("a", "b"), DailyTimes((time(7),), BERLIN)))
    assert list(schedule.due(at("2026-03-10 07:00"))) == [("a", "2026-03-10"), ("b", "2026-03-10")]
    schedule.sent("a", "2026-03-10")
    schedule.sent("a", "2026-03-01")
    assert list(schedule.due(at("2026-03-10 08:00"))) == [("b", "2026-03-10")]
    assert list(schedule.due(at("2026-03-10 13:01"))) == []
    assert list(ReportSchedule(None).due(0)) == []
