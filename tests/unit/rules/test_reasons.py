from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.fields import show_decimal
from services.rules.loading import parse_rules
from services.rules.model import Rule
from services.rules.reasons import duration, names_in, render_aggregate, render_reason, shown_fields
from tests.support.rules import CONSTANTS, FIELDS, SCHEMA


def rule_with(reason: str, **measures: str) -> Rule:
    windows = "\n".join(
        f'windows.{name} = {{ measure = "{measure}", by = ["source"], over = "9d", at_most = '
        + ('"1d" }' if measure == "inactivity" else "99 }")
        for name, measure in measures.items()
    )
    text = f'[rules.one]\nseverity = "low"\nwhen = "online"\nreason = """{reason}"""\n{windows}'
    return parse_rules(text, "rules.toml", SCHEMA, CONSTANTS).rules[0]


def figure_of(measure: str, value: int | Fraction | None) -> str:
    return render_aggregate(rule_with("{it}", it=measure).aggregations[0], value, FIELDS)


def test_a_reason_shows_fields_and_aggregates() -> None:
    rule = rule_with(
        "{payments} transfers of {amount} {currency} from {senders}", payments="count", senders="distinct target"
    )
    values = {"amount": Decimal("1000.00"), "currency": "EUR"}
    assert render_reason(rule, values, {"payments": 61, "senders": 50}, FIELDS) == "61 transfers of 1000.00 EUR from 50"


def test_a_reason_shows_values_exactly() -> None:
    rule = rule_with("{amount} {created_at} {source} {online} {items} {{braces}}")
    values = {
        "amount": Decimal("1E+3"),
        "created_at": datetime(2026, 1, 31, 13, 0, 0, 5000, timezone(timedelta(hours=1))),
        "source": "é".encode(),
        "online": True,
        "items": 3,
    }
    assert render_reason(rule, values, {}, FIELDS) == "1000 2026-01-31T12:00:00.005000Z é True 3 {braces}"


@pytest.mark.parametrize(
    ("measure", "value", "shown"),
    [
        ("count", 7, "7"),
        ("distinct amount", 7, "7"),
        ("sum amount", 123, "1.23"),
        ("sum amount", -5, "-0.05"),
        ("sum amount", 100_000_000_000_000_000_000_000_000_000_000, "1000000000000000000000000000000.00"),
        ("max rate", 10_000, "1.0000"),
        ("min items", 10, "10"),
        ("average amount", Fraction(2005, 20), "1.00"),
        ("average amount", Fraction(2, 3), "0.01"),
        ("average amount", Fraction(5, 2), "0.02"),
        ("average items", Fraction(2, 3), "0.67"),
        ("inactivity", 176_461_000, "2 d 1 h"),
        ("inactivity", None, "none"),
        ("average amount", None, "none"),
    ],
)
def test_an_aggregate_is_shown_with_its_places(measure: str, value: int | Fraction | None, shown: str) -> None:
    assert figure_of(measure, value) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1 s"),
        (1500, "1 s 500 ms"),
        (90_000, "1 min 30 s"),
        (3_600_000, "1 h"),
        (3_601_000, "1 h"),
        (86_399_999, "23 h 59 min"),
        (172_800_000, "2 d"),
        (176_400_000, "2 d 1 h"),
    ],
)
def test_a_duration_is_shown_in_its_two_largest_units(milliseconds: int, shown: str) -> None:
    assert duration(milliseconds) == shown


@given(st.integers(), st.integers(0, 30))
def test_a_decimal_keeps_all_its_digits(unscaled: int, scale: int) -> None:
    text = show_decimal(unscaled, scale)
    assert len(text.partition(".")[2]) == scale
    assert int(text.replace(".", "")) == unscaled
    assert "E" not in text


def test_it_is_known_which_fields_the_reasons_show() -> None:
    rule = rule_with("{payments} {amount} {currency} {amount}", payments="count")
    assert names_in(rule.reason) == ["payments", "amount", "currency", "amount"]
    assert shown_fields([rule, rule_with("{source} {{target}}")]) == ("amount", "currency", "source")


@pytest.mark.parametrize(
    ("field", "raw", "shown"),
    [
        ("amount", 100_000, "1000.00"),
        ("source", b"abc", "abc"),
        ("created_at", 1_769_860_800_005, "2026-01-31T12:00:00.005000Z"),
        ("booked_at", 1_769_860_800_000_005, "2026-01-31T12:00:00.000005Z"),
        ("booked_on", 20_484, "2026-01-31"),
        ("clock", 43_200_000, "12:00:00"),
        ("items", 5, "5"),
        ("online", True, "True"),
    ],
)
def test_a_value_of_a_column_is_shown_in_units(field: str, raw: object, shown: str) -> None:
    assert FIELDS[field].show(raw) == shown


def test_times_are_written_and_shown_alike() -> None:
    for field, text in (("booked_on", "2026-01-31"), ("clock", "12:00:00"), ("created_at", "1969-12-31T23:59:59Z")):
        raw, _ = FIELDS[field].time(text)
        assert FIELDS[field].show(int(raw)) == text
    assert datetime.fromtimestamp(int(FIELDS["created_at"].time("2026-01-31T12:00Z")[0]) / 1000, UTC).hour == 12
