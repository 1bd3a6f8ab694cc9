"""Forms of values: how times and amounts are written in some cells."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tools.transaction_files.amounts import AmountForm, AmountReader
from tools.transaction_files.cells import Unfit
from tools.transaction_files.profile import ISO
from tools.transaction_files.times import DAY_FIRST, EPOCH, MONTH_FIRST, NUMBERS, SPREADSHEET, time_reader

_FORMATS = (
    "%d %b %Y", "%d %b %Y %H:%M", "%d %b %Y %H:%M:%S", "%d %b %Y, %H:%M", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y",
    "%b %d, %Y", "%b %d, %Y %H:%M:%S", "%b %d, %Y, %I:%M %p", "%d-%b-%Y %H:%M:%S", "%a %b %d %H:%M:%S %Y",
    "%Y/%m/%d %H.%M", "%d.%m.%Y %H.%M", "%y%m%d", "%d%m%Y", "%d%b%Y", "%Y-%m-%d-%H.%M.%S.%f",
)  # fmt: skip
_CANDIDATES = (ISO, EPOCH, DAY_FIRST, MONTH_FIRST, *_FORMATS)
_MOST_FORMS = 3
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?( ?[AaPp][Mm])?|\d{6}")
_TURNED = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}")


def share_read(read: Callable[[str], Any], cells: Sequence[str]) -> float:
    """Return the share of cells that are not empty which a reader takes; 0 without any."""
    texts = [cell for cell in cells if cell.strip()]
    return sum(_is_read(read, cell) for cell in texts) / len(texts) if texts else 0.0


def _is_read(read: Callable[[str], Any], cell: str) -> bool:
    try:
        read(cell)
    except Unfit:
        return False
    return True


@dataclass(frozen=True)
class TimeForm:
    """Form of times.

    Attributes:
        forms: As the profile has them.
        share: Share of the cells that they read.
        doubt: What is not sure about it; empty if nothing is.
    """

    forms: tuple[str, ...]
    share: float
    doubt: str = ""

    @property
    def is_number(self) -> bool:
        """Return whether times count from an unknown start."""
        return bool({*self.forms} & {*NUMBERS})


def time_form(cells: Sequence[str]) -> TimeForm:
    """Return the form that most of the cells have, and further ones that read the rest."""
    texts = [cell for cell in cells if cell.strip()]
    forms: list[str] = []
    left = texts
    while left and len(forms) < _MOST_FORMS:
        unread = {form: _unread(form, left) for form in _CANDIDATES}
        best = min(unread, key=lambda form: len(unread[form]))
        if len(unread[best]) == len(left):
            break
        forms.append(best)
        left = unread[best]
    share = 1 - len(left) / len(texts) if texts else 0.0
    if share < 0.5 and texts and all(re.fullmatch(r"\d{1,8}(\.\d+)?", text.strip()) for text in texts):
        return _counted(texts)
    doubt = ""
    if DAY_FIRST in forms and not _unread(MONTH_FIRST, texts) and _may_be_turned(texts):
        doubt = f"{texts[0]!r} may be day first or month first"
    if "%y%m%d" in forms and not _unread("%d%m%y", [text for text in texts if len(text.strip()) == 6]):
        doubt = "dates of six digits may have the year or the day first"
    return TimeForm(tuple(forms), share, doubt)


def _unread(form: str, texts: Sequence[str]) -> list[str]:
    read = time_reader([form])
    return [text for text in texts if not _is_read(read, text)]


def _counted(texts: Sequence[str]) -> TimeForm:
    """Return the form of small numbers: days of a spreadsheet, or time since a start."""
    numbers = [float(text) for text in texts]
    if all(30_000 < number < 60_000 for number in numbers) and any(number % 1 for number in numbers):
        return TimeForm((SPREADSHEET,), 1.0, f"{texts[0]} may be a spreadsheet's day")
    doubt = f"{texts[0]} may be hours since a start (or offset-s, offset-d); which start?"
    return TimeForm(("offset-h",), 1.0, doubt)


def _may_be_turned(texts: Sequence[str]) -> bool:
    """Return whether no date is the same either way and none has its day told by dots."""
    matches = [match for text in texts if (match := _TURNED.match(text.strip()))]
    return bool(matches) and "." not in matches[0][0] and any(match[1] != match[2] for match in matches)


def is_clock(cells: Sequence[str]) -> bool:
    """Return whether cells are times of day."""
    texts = [cell.strip() for cell in cells if cell.strip()]
    return bool(texts) and all(_CLOCK.fullmatch(text) for text in texts)


def decimal_of(cells: Sequence[str], precision: int, scale: int) -> tuple[str, float]:
    """Return the decimal separator with which most cells are amounts, and their share."""
    point, comma = (
        share_read(AmountReader(precision, scale, AmountForm(decimal, round=True)), cells) for decimal in (".", ",")
    )
    # 1,234 and 1.234 can be read either way: two digits after the last separator decide.
    ends = sum(bool(re.search(r",\d{1,2}\D*$", cell)) for cell in cells)
    return (",", comma) if comma > point or (comma == point and ends) else (".", point)
