"""JSON that keeps decimals exact."""

import json
import math
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.tail.exact_json import dumps


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("12.30"), "12.30"),
        (Decimal("-0.05"), "-0.05"),
        (Decimal("1E+3"), "1000"),
        (Decimal("9999999999.99"), "9999999999.99"),
        (datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC), '"2026-01-02T03:04:05.678Z"'),
        (datetime(2026, 1, 2, 3, 4, 5, 0, UTC), '"2026-01-02T03:04:05.000Z"'),
        (datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC), '"2026-01-02T03:04:05.678901Z"'),
        (datetime(2026, 1, 2, 3, 4, 5), '"2026-01-02T03:04:05.000"'),
        (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))), '"2026-01-02T00:00:00.000+02:00"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (time(3, 4, 5, 678_000), '"03:04:05.678"'),
        (uuid.UUID(int=5), '"00000000-0000-0000-0000-000000000005"'),
        (b"\x00\xff", '"AP8="'),
        ("Zürich \n", '"Zürich \\n"'),
        (math.nan, '"NaN"'),
        (-math.inf, '"-Infinity"'),
        (True, "true"),
        (None, "null"),
        ([Decimal("1.0"), {"a": Decimal("2.0")}], '[1.0, {"a": 2.0}]'),
        ({}, "{}"),
    ],
)
def test_each_kind_of_value(value: Any, expected: str) -> None:
    assert dumps(value) == expected


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(plain)
def test_what_json_knows_itself_comes_back_the_same_from_one_line(value: Any) -> None:
    text = dumps(value)
    assert json.loads(text) == value
    assert "\n" not in text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**10), max_value=10**10))
def test_a_decimal_keeps_every_digit(value: Decimal) -> None:
    back = json.loads(dumps({"amount": value}), parse_float=Decimal)["amount"]
    assert (back, back.as_tuple().exponent) == (value, -2)
