"""Formats of times, as `datetime.strptime` has them, but strict about the number of digits: %d%m%y is six digits."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from services.errors import UsageError
from tools.transaction_files.cells import Unfit

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PATTERNS = {
    "Y": r"(?P<Y>\d{4})", "y": r"(?P<y>\d{2})", "m": r"(?P<m>\d{2})", "d": r"(?P<d>\d{2})", "H": r"(?P<H>\d{2})",
    "I": r"(?P<I>\d{2})", "M": r"(?P<M>\d{2})", "S": r"(?P<S>\d{2})", "f": r"(?P<f>\d{1,9})",
    "b": r"(?P<b>[A-Za-z]{3})[a-z]*\.?", "B": r"(?P<B>[A-Za-z]{3})[a-z]*\.?", "p": r"(?P<p>[AaPp])\.?[Mm]\.?",
    "z": r"(?P<z>Z|[+-]\d{2}:?(?:\d{2})?)", "a": r"[A-Za-z]+\.?", "A": r"[A-Za-z]+\.?", "%": "%",
}  # fmt: skip
_LOOSE = set("mdHIMS")
"""Directives that may have one digit where no digit stands beside them."""


def format_reader(form: str, example: str = "") -> Callable[[str], datetime]:
    """Return a reader of times in a format.

    Args:
        form: With the directives %Y %y %m %d %H %I %M %S %f %b %B %p %z %a %A; %y is 1970 to 2069.
        example: What the format looks like, in errors; the format itself unless told.

    Raises:
        UsageError: If there is no such format.
    """
    pattern = _pattern(form)
    expected = f"a time such as {example or datetime(2026, 1, 31, 18, 5).strftime(form)} ({form})"

    def read(cell: str) -> datetime:
        match = pattern.fullmatch(cell.strip())
        if match is None:
            raise Unfit(expected)
        try:
            return _moment(match.groupdict())
        except ValueError as error:
            raise Unfit(f"{expected}: {error}") from None

    return read


def _pattern(form: str) -> re.Pattern[str]:
    parts = re.findall(r"%(.)|([^%]+)", form)
    text = ""
    for place, (directive, literal) in enumerate(parts):
        if literal:
            text += re.sub(r"(?:\\ |\s)+", r"\\s+", re.escape(literal))
            continue
        if directive not in _PATTERNS or (directive in text and f"(?P<{directive}>" in text):
            raise UsageError(f"--time-format {form}: no %{directive} there, or twice; such as %d.%m.%Y %H:%M:%S")
        before, after = (place and parts[place - 1][0]), (place + 1 < len(parts) and parts[place + 1][0])
        part = _PATTERNS[directive]
        text += part.replace("{2}", "{1,2}") if directive in _LOOSE and not before and not after else part
    if not {"Y", "y"} & {directive for directive, _ in parts}:
        raise UsageError(f"--time-format {form}: expected directives for the year at least, such as %d.%m.%Y %H:%M:%S")
    return re.compile(text, re.ASCII)


def _moment(parts: dict[str, str | None]) -> datetime:
    def number(name: str, default: int) -> int:
        return int(parts[name] or 0) if parts.get(name) else default

    year = number("Y", 0)
    if not year:
        short = number("y", 0)
        year = 2000 + short if short < 70 else 1900 + short
    name = parts.get("b") or parts.get("B")
    month = _month(name) if name else number("m", 1)
    hour = number("H", 0)
    if parts.get("I"):
        if not 1 <= number("I", 0) <= 12:
            raise ValueError("the hour of a half day is 1 to 12")
        hour = number("I", 12) % 12 + (12 if (parts.get("p") or "a").lower() == "p" else 0)
    fraction = int(((parts.get("f") or "0") + "000000")[:6])
    moment = datetime(year, month, number("d", 1), hour, number("M", 0), number("S", 0), fraction)
    return moment if parts.get("z") is None else moment.replace(tzinfo=_zone(parts["z"] or "Z"))


def _month(name: str) -> int:
    if name.lower() not in _MONTHS:
        raise ValueError(f"no month {name}")
    return _MONTHS.index(name.lower()) + 1


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
