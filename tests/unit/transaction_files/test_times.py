"""Times as files have them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import UsageError
from tools.transaction_files.cells import Unfit
from tools.transaction_files.times import FORMS, plain_times, time_reader

iso = time_reader(["iso"])
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))  # in UTC they are in the same range


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@given(MOMENTS, st.one_of(st.none(), st.timedeltas(timedelta(hours=-23), timedelta(hours=23))), st.sampled_from(" T"))
def test_a_time_without_a_zone_is_utc_and_truncated_to_milliseconds(
    moment: datetime, offset: timedelta | None, between: str
) -> None:
    if offset is not None:
        moment = moment.replace(tzinfo=timezone(timedelta(minutes=offset // timedelta(minutes=1))))
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    expected = (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert iso(moment.isoformat(between)) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026/01/05 10:00", "2026-01-05T10:00"),
        ("2026/1/5", "2026-01-05"),
        ("2026.01.05 10:00:30", "2026-01-05T10:00:30"),
        ("20260105", "2026-01-05"),
        ("20260105T100000", "2026-01-05T10:00"),
        ("20260105100000", "2026-01-05T10:00"),
        ("202601051000", "2026-01-05T10:00"),
        ("2026-01-05 10:00:00 UTC", "2026-01-05T10:00"),
        ("2026-01-05 10:00:00.123456789", "2026-01-05T10:00:00.123"),
    ],
)
def test_times_with_the_year_first_need_no_format(cell: str, expected: str) -> None:
    assert iso(cell) == ms(expected)


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("", ""), ("nope", "--time-format"), ("2018-02-30", ""), ("2018-04-01 25:00", ""), ("now", ""), ("NaT", ""),
        ("2018-13-01", ""), ("20261305", "offset-h"), ("1522540800", "--time epoch"),
        ("1522540800000000", "--time epoch"),
        ("260105", "--time-format %y%m%d"), ("13", "offset-h"), ("31/01/2018", "--time day-first"),
        ("01/31/2018", "--time month-first"), ("01/04/2018", "--time day-first or --time month-first"),
        ("01.04.2018", "--time day-first"), ("1 Apr 2018", "--time-format"),
    ],
)  # fmt: skip
def test_what_is_no_time_by_iso_8601_is_refused_with_the_way_out(cell: str, hint: str) -> None:
    with pytest.raises(Unfit) as caught:
        iso(cell)
    assert "2018-04-01T12:00:31Z" in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("form", "cell", "expected"),
    [
        ("epoch-s", "1522540831", 1_522_540_831_000),
        ("epoch-s", "1522540831.25", 1_522_540_831_250),
        ("epoch-s", "-1", -1000),
        ("epoch-ms", "1522540831123", 1_522_540_831_123),
        ("epoch-ms", "1.5225e12", 1_522_500_000_000),
        ("epoch-ms", "0.9", 0),
        ("epoch-us", "1522540831123999", 1_522_540_831_123),
        ("epoch-ns", "1522540831123999999", 1_522_540_831_123),
        ("epoch", "1522540831", 1_522_540_831_000),
        ("epoch", "1522540831123", 1_522_540_831_123),
        ("epoch", "1522540831123999", 1_522_540_831_123),
        ("epoch", "1522540831123999999", 1_522_540_831_123),
        ("offset-s", "31", 1_000_031_000),
        ("offset-m", "2", 1_000_120_000),
        ("offset-h", "2", 1_007_200_000),
        ("offset-h", " 0.5 ", 1_001_800_000),
        ("offset-d", "1", 1_086_400_000),
        ("spreadsheet", "46027.5", 1_767_614_400_000),
        ("day-first", "05.01.2026", ms("2026-01-05")),
        ("day-first", "5/1/26 18:05", ms("2026-01-05T18:05")),
        ("day-first", "05-01-2026, 6:05:30 PM", ms("2026-01-05T18:05:30")),
        ("month-first", "1/5/2026 12:05 a.m.", ms("2026-01-05T00:05")),
        ("month-first", "01/05/1999", ms("1999-01-05")),
        ("%d.%m.%y", "05.01.26", ms("2026-01-05")),
        ("%y%m%d", "930105", ms("1993-01-05")),
        ("%d %b %Y %H:%M", "5 Jan 2026 9:07", ms("2026-01-05T09:07")),
        ("%b %d, %Y %I:%M %p", "January 5, 2026 12:07 PM", ms("2026-01-05T12:07")),
        ("%Y-%m-%dT%H:%M:%S.%f%z", "2026-01-05T10:00:00.25+02:00", ms("2026-01-05T08:00:00.250")),
        ("%a %d/%m/%Y", "Mon  05/01/2026", ms("2026-01-05")),
    ],
)
def test_times_of_other_forms(form: str, cell: str, expected: int) -> None:
    assert time_reader([form], start_ms=1_000_000_000)(cell) == expected


@pytest.mark.parametrize(
    ("form", "cell", "expected"),
    [
        ("epoch-s", "1522540831123", "--time epoch-ms"),
        ("epoch-s", "20260105", "looks like the date 2026-01-05: --time iso"),
        ("epoch-ms", "9" * 30, "years 1 to 9999"),
        ("offset-h", "1e999999999", "years"),
        ("epoch-s", "9" * 5000, "years"),
        ("offset-h", "one", "hours since the start"),
        ("epoch-s", "", "seconds since 1970"),
        ("epoch-s", "NaN", "seconds since"),
        ("epoch-s", "2018-04-01", "seconds since 1970"),
        ("epoch", "12345", "after 1973"),
        ("day-first", "31/13/2026", "31.01.2026 18:05"),
        ("day-first", "31/01/2026 25:00", "hour must be in"),
        ("day-first", "31/01/2026 later", "no time of day"),
        ("month-first", "2026-01-05", "01/31/2026"),
        ("%d.%m.%Y", "2026-01-05", "31.01.2026"),
        ("%d.%m.%Y", "31.02.2026", "day is out of range"),
        ("%Y%m%d", "260115", "20260131"),
        ("%d %b %Y", "5 Foo 2026", "no month Foo"),
        ("%d.%m.%Y %I:%M %p", "05.01.2026 13:00 PM", "half day"),
    ],
)
def test_what_is_no_such_time_is_refused(form: str, cell: str, expected: str) -> None:
    with pytest.raises(Unfit) as caught:
        time_reader([form])(cell)
    assert expected in str(caught.value)


def test_an_epoch_whose_unit_changes_within_a_file_is_refused() -> None:
    read = time_reader(["epoch"])
    assert read("1522540831") == 1_522_540_831_000
    with pytest.raises(Unfit, match="seconds since 1970, such as 1522540800, as in the rows before"):
        read("1522540831123")


def test_of_several_forms_the_first_that_fits_is_taken() -> None:
    read = time_reader(["%Y%m%d", "%Y%m%d%H%M%S", "%y%m%d"])
    assert [read(cell) for cell in ("20260105", "20260105100000", "260105")] == [
        ms("2026-01-05"), ms("2026-01-05T10:00"), ms("2026-01-05"),
    ]  # fmt: skip
    with pytest.raises(Unfit, match="260131"):
        read("5.1.2026")


def test_times_without_a_zone_are_in_the_zone_of_the_profile() -> None:
    berlin = time_reader(["iso"], "Europe/Berlin")
    assert berlin("2026-01-05T10:00") == ms("2026-01-05T09:00")
    assert berlin("2026-07-05T10:00") == ms("2026-07-05T08:00")
    assert berlin("2026-07-05T10:00Z") == ms("2026-07-05T10:00")
    assert time_reader(["day-first"], "America/New_York")("05.07.2026 10:00") == ms("2026-07-05T14:00")


@pytest.mark.parametrize(
    ("form", "zone", "expected"),
    [
        ("soon", "UTC", "--time soon: expected iso, epoch"),
        ("%H:%M", "UTC", "directives for the year"),
        ("%Q %Y", "UTC", "no %Q there"),
        ("%Y %Y", "UTC", "no %Y there, or twice"),
        ("iso", "Mars/Base", "--zone Mars/Base: no such time zone"),
        ("iso", "../etc", "no such time zone"),
    ],
)
def test_what_is_no_form_or_zone_is_refused(form: str, zone: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        time_reader([form], zone)


@given(
    form=st.sampled_from([*FORMS, "%d.%m.%Y %H:%M", "%y%m%d"]),
    cell=st.one_of(
        st.text(), st.text("0123456789.eE+-:TZ /"), st.from_regex("[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}")
    ),
)
def test_whatever_a_cell_holds_it_is_read_or_refused(form: str, cell: str) -> None:
    with suppress(Unfit):
        assert abs(time_reader([form])(cell)) < 10**15


@given(st.lists(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), min_size=1), st.sampled_from(" T"))
def test_a_column_of_plain_times_is_read_as_cell_by_cell(moments: list[datetime], between: str) -> None:
    texts = [moment.isoformat(between, "seconds") for moment in moments]
    times = plain_times(texts)
    assert times is not None
    assert times.tolist() == [iso(text) for text in texts]


@pytest.mark.parametrize(
    "cell",
    ["2018-02-30 00:00:00", "2018-04-01 24:00:00", "2018-04-01 00:00:60", "0000-01-01 00:00:00", "2018-04-01_00:00:00",
     "2018-04-01 00:00", "2018-04-01T00:00:00Z", "٢018-04-01 00:00:0", "+018-04-01 00:00:00", "NaT"],
)  # fmt: skip
def test_a_column_with_another_time_is_left_to_be_read_by_cell(cell: str) -> None:
    assert plain_times(["2018-04-01 00:00:00", cell]) is None
