"""Times as files have them, as milliseconds since 1970; what is finer is cut off."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import NoReturn
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from services.errors import UsageError
from tools.transaction_files.cells import Unfit
from tools.transaction_files.profile import ISO
from tools.transaction_files.time_format import format_reader

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # what a time without a zone is compared with
_MILLISECOND = timedelta(milliseconds=1)
_FIRST_MS = (datetime.min - _NAIVE_EPOCH) // _MILLISECOND
_LAST_MS = (datetime.max - _NAIVE_EPOCH) // _MILLISECOND
_DAY_MS = 86_400_000
_SPREADSHEET = -25_569 * _DAY_MS  # 1899-12-30

EPOCHS: Mapping[str, tuple[Decimal, str]] = {
    "epoch-s": (Decimal(1000), "seconds since 1970, such as 1522540800"),
    "epoch-ms": (Decimal(1), "milliseconds since 1970, such as 1522540800000"),
    "epoch-us": (Decimal("1e-3"), "microseconds since 1970, such as 1522540800000000"),
    "epoch-ns": (Decimal("1e-6"), "nanoseconds since 1970, such as 1522540800000000000"),
}
"""Units of times that count from 1970: milliseconds in one, and what they look like."""

OFFSETS: Mapping[str, tuple[Decimal, str]] = {
    "offset-s": (Decimal(1000), "seconds since the start, such as 86400"),
    "offset-m": (Decimal(60_000), "minutes since the start, such as 1440"),
    "offset-h": (Decimal(3_600_000), "hours since the start, such as 24"),
    "offset-d": (Decimal(_DAY_MS), "days since the start, such as 7"),
}
"""Units of times that count from a start."""

SPREADSHEET = "spreadsheet"
EPOCH = "epoch"
NUMBERS = (EPOCH, *EPOCHS, *OFFSETS, SPREADSHEET)
"""Forms of times that are numbers. "epoch" tells the unit by the size; "spreadsheet" is days since 1899-12-30."""

DAY_FIRST, MONTH_FIRST = "day-first", "month-first"
FORMS = (ISO, *NUMBERS, DAY_FIRST, MONTH_FIRST)

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_YEAR_FIRST = re.compile(r"([12]\d{3})[/.](\d{1,2})[/.](\d{1,2})(?:[T ]+(.+))?")
_COMPACT = re.compile(r"((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?:(\d\d)(\d\d)(\d\d)?)?")
_TURNED = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?:,?[T ]+(.+))?")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?([AaPp])\.?[Mm]\.?)?")

Read = Callable[[str], int]


def time_reader(forms: Sequence[str], zone: str = "UTC", start_ms: int = 0) -> Read:
    """Return a reader of times as milliseconds since 1970.

    Args:
        forms: "iso", one of `NUMBERS`, "day-first", "month-first" or a format with %; the first that fits is taken.
        zone: The zone of times that name none.
        start_ms: The time that offsets count from.

    Raises:
        UsageError: If there is no such form or zone.
    """
    readers = [_reader(form, _milliseconds(zone), start_ms) for form in forms]
    if len(readers) == 1:
        return readers[0]

    def read(cell: str) -> int:
        for reader in readers[:-1]:
            try:
                return reader(cell)
            except Unfit:
                continue
        return readers[-1](cell)

    return read


_PLAIN = 19  # characters of 2018-04-01 12:00:31
_MARKS = {4: b"-", 7: b"-", 10: b" T", 13: b":", 16: b":"}


def plain_times(texts: Sequence[str]) -> NDArray[np.int64] | None:
    """Return times such as 2018-04-01 12:00:31, all in UTC, as milliseconds since 1970; None if one isn't so.

    Most files have no others, and a column of them is read ten times as fast as cell by cell.
    """
    if set(map(len, texts)) != {_PLAIN}:
        return None
    try:
        characters = np.array(texts, f"S{_PLAIN}").view(np.uint8).reshape(-1, _PLAIN)
    except UnicodeEncodeError:
        return None
    for place in range(_PLAIN):
        column = characters[:, place]
        marks = _MARKS.get(place)
        is_right = (column >= ord("0")) & (column <= ord("9")) if marks is None else np.isin(column, list(marks))
        if not is_right.all():
            return None
    try:
        times = np.array(texts, "M8[ms]").astype(np.int64)
    except ValueError:
        return None
    return times if times.min() >= _FIRST_MS else None  # there is no year 0


def _reader(form: str, milliseconds: Callable[[datetime], int], start_ms: int) -> Read:
    if "%" in form:
        read = format_reader(form)
        return lambda cell: milliseconds(read(cell))
    match form:
        case "iso":
            return partial(_iso, milliseconds)
        case "day-first" | "month-first":
            return partial(_turned, milliseconds, form == DAY_FIRST)
        case "epoch":
            return _Epoch()
        case "spreadsheet":
            return partial(_number_of, Decimal(_DAY_MS), _SPREADSHEET, "days since 1899-12-30, such as 46053.75", "")
    unit, expected = {**EPOCHS, **OFFSETS}.get(form, (None, ""))
    if unit is None:
        raise UsageError(f"--time {form}: expected {', '.join(FORMS)}, or a format such as %d.%m.%Y %H:%M")
    return partial(_number_of, unit, start_ms if form in OFFSETS else 0, expected, form)


def _milliseconds(zone: str) -> Callable[[datetime], int]:
    """Return the function from a moment to milliseconds since 1970; a moment without a zone is in this one."""
    if zone.upper() == "UTC":
        return lambda moment: (moment - (_NAIVE_EPOCH if moment.tzinfo is None else _EPOCH)) // _MILLISECOND
    try:
        place = ZoneInfo(zone)
    except (OSError, ValueError, KeyError):  # of names that are no zones, or lead out of the directory of zones
        raise UsageError(
            f"--zone {zone}: no such time zone here; a name such as Europe/Berlin (on a bare system install tzdata)"
        ) from None

    def milliseconds(moment: datetime) -> int:
        return ((moment if moment.tzinfo else moment.replace(tzinfo=place)) - _EPOCH) // _MILLISECOND

    return milliseconds


def _iso(milliseconds: Callable[[datetime], int], cell: str) -> int:
    """ISO 8601, extended and basic, and what can't be anything else: the year first, with slashes or dots."""
    try:
        if not cell.isdigit():
            return milliseconds(datetime.fromisoformat(cell.strip()))
    except (ValueError, OverflowError):
        pass
    text = cell.strip()
    try:
        if match := _COMPACT.fullmatch(text):
            return milliseconds(datetime(*(int(part or 0) for part in match.groups())))  # type: ignore[arg-type]
        if match := _YEAR_FIRST.fullmatch(text):
            year, month, day, clock = match.groups()
            date = f"{year}-{int(month):02}-{int(day):02}"
            return milliseconds(datetime.fromisoformat(f"{date}T{clock}" if clock else date))
        if text.upper().endswith((" UTC", " GMT")):
            return milliseconds(datetime.fromisoformat(text[:-4]).replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        pass
    raise Unfit(f"a time by ISO 8601 such as 2018-04-01T12:00:31Z{_hint(text)}") from None


def _hint(text: str) -> str:
    """Return what to do about times of another form."""
    if text.isdigit() and text.isascii():
        return _number_hint(len(text))
    if match := _TURNED.fullmatch(text):
        return _turned_hint(int(match[1]), int(match[2]), "." in text[:6])
    return "; another form by --time-format, such as --time-format '%d %b %Y %H:%M'" if text else ""


def _number_hint(digits: int) -> str:
    if digits == 6:
        return "; a compact date? then --time-format %y%m%d or %d%m%y"
    if 10 <= digits <= 19:
        return "; a number of seconds or parts of them since 1970? then --time epoch"
    return "; a number of hours since a start? then --time offset-h --start 2018-04-01"


def _turned_hint(first: int, second: int, has_dots: bool) -> str:
    if first > 12 or has_dots:
        return "; the day first? then --time day-first"
    if second > 12:
        return "; the month first? then --time month-first"
    return "; --time day-first or --time month-first says which is the day"


def _turned(milliseconds: Callable[[datetime], int], day_first: bool, cell: str) -> int:
    """Dates with the day or the month first, with or without a time of day."""
    match = _TURNED.fullmatch(cell.strip())
    example = "31.01.2026 18:05" if day_first else "01/31/2026 18:05"
    if match is None:
        raise Unfit(f"a time such as {example}")
    first, second, year, clock = match.groups()
    day, month = (int(first), int(second)) if day_first else (int(second), int(first))
    full = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 70 else 1900)
    try:
        return milliseconds(datetime(full, month, day, *_clock(clock)))
    except (ValueError, OverflowError) as error:
        raise Unfit(f"a time such as {example}: {error}") from None


def _clock(text: str | None) -> tuple[int, int, int, int]:
    if text is None:
        return 0, 0, 0, 0
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"no time of day {text!r}")
    hour, minute, second, fraction, half = match.groups()
    hours = int(hour) if half is None else int(hour) % 12 + (12 if half in "Pp" else 0)
    return hours, int(minute), int(second or 0), int(((fraction or "0") + "000000")[:6])


_FIRST_DIGITS = (("epoch-s", 9), ("epoch-ms", 12), ("epoch-us", 15), ("epoch-ns", 18))
"""The least number of digits of a time after 1973."""


class _Epoch:
    """Times since 1970 whose unit is told by their size; all of a file have to be of the same."""

    def __init__(self) -> None:
        self._form = ""

    def __call__(self, cell: str) -> int:
        number = _number(cell, "a number of seconds, milli-, micro- or nanoseconds since 1970")
        digits = number.adjusted() + 1
        form = next((form for form, low in _FIRST_DIGITS if low <= digits < low + 3), "")
        if not form:
            raise Unfit("a number of seconds, milli-, micro- or nanoseconds since 1970, after 1973")
        self._form = self._form or form
        if form != self._form:
            raise Unfit(f"{EPOCHS[self._form][1]}, as in the rows before")
        return _number_of(EPOCHS[form][0], 0, EPOCHS[form][1], form, cell)


def _number_of(unit: Decimal, base: int, expected: str, form: str, cell: str) -> int:
    if cell.isdigit() and cell.isascii() and len(cell) < 20 and unit >= 1:
        moment = base + int(cell) * int(unit)
    else:
        number = _number(cell, expected)
        if number.adjusted() > 24:
            _out_of_range(form)
        moment = base + math.floor(number * unit)
    if form == "epoch-s" and (date := _COMPACT.fullmatch(cell.strip())):
        raise Unfit(f"{expected}; it looks like the date {date[1]}-{date[2]}-{date[3]}: --time iso")
    if not _FIRST_MS <= moment <= _LAST_MS:
        _out_of_range(form)
    return moment


def _number(cell: str, expected: str) -> Decimal:
    text = cell.strip()
    if not _NUMBER.fullmatch(text):
        raise Unfit(expected)
    return Decimal(text)


def _out_of_range(form: str) -> NoReturn:
    hint = "; are these milliseconds? then --time epoch-ms" if form == "epoch-s" else ""
    raise Unfit(f"a time in the years 1 to 9999{hint}")
