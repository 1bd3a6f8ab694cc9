"""Types of the scenarios' parameters: ranges, lower limit first, both ends included."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,6})([smhd])", value)):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    raise ValueError("expected a duration such as 90s, 5m, 12h or 2d")


T = TypeVar("T", int, Decimal, timedelta)


def _ordered(value: tuple[T, T]) -> tuple[T, T]:
    if value[0] > value[1]:
        raise ValueError("expected the lower limit first, then the upper one")
    return value


Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Amount = Annotated[Decimal, Field(gt=0, lt=10_000_000, decimal_places=2)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]

Counts = Annotated[tuple[Count, Count], AfterValidator(_ordered)]
Amounts = Annotated[tuple[Amount, Amount], AfterValidator(_ordered)]
Durations = Annotated[tuple[Duration, Duration], AfterValidator(_ordered)]
"""Range of durations; in settings each is a number and one of s, m, h, d."""

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]
