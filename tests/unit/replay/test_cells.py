"""Conversion of cells to fields of the contract."""

import string
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.replay import cells
from tools.replay.cells import Remembered, Unfit, account_reader, amount_reader, name_reader, time_reader

cents = amount_reader(12, 2)
iso = time_reader("iso")
account = account_reader()

MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))  # in UTC they are in the same range


@given(
    st.decimals(0, Decimal("9999999999.99"), places=2), st.sampled_from(["{:f}", "{:e}", "+{:f}", " {:f}0 ", "0{:f}"])
)
def test_an_amount_is_exact_however_it_is_written(value: Decimal, form: str) -> None:
    assert cents(form.format(value)) == int(value * 100)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("12", 1200),
        ("12.", 1200),
        (".5", 50),
        ("1e3", 100_000),
        ("12.3400", 1234),
        ("0", 0),
        ("-0.00", 0),
        ("0e-999999", 0),
        ("1." + "0" * 60, 100),
        ("0" * 60 + "1", 100),
        ("0" * 5000 + "1.00", 100),
        ("9999999999.99", 999_999_999_999),
    ],
)
def test_amounts_at_the_edges(cell: str, expected: int) -> None:
    assert cents(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", "1234.56"),
        (" ", "1234.56"),
        ("abc", "1234.56"),
        ("NaN", "1234.56"),
        ("Infinity", "1234.56"),
        ("1,234.56", "1234.56"),
        ("12,34", "1234.56"),
        ("€12", "1234.56"),
        ("12 EUR", "1234.56"),
        ("1_000", "1234.56"),
        ("١٢", "1234.56"),
        ("true", "1234.56"),
        ("1e", "1234.56"),
        ("--1", "1234.56"),
        ("0x10", "1234.56"),
        ("-0.01", "0 or more"),
        ("12.345", "2 digits after"),
        ("1e-9999999", "2 digits after"),
        ("10000000000", "at most 9999999999.99"),
        ("1e999999999", "at most 9999999999.99"),
        ("9999999999.995", "2 digits after"),
        ("1e9999999999", "1234.56"),
        ("9" * 5000 + ".00", "at most 9999999999.99"),
        ("0." + "1" * 5000, "2 digits after"),
    ],
)
def test_what_is_no_amount_is_refused(cell: str, expected: str) -> None:
    with pytest.raises(Unfit, match=expected):
        cents(cell)


def test_amounts_have_the_scale_of_the_contract() -> None:
    assert amount_reader(9, 0)("12") == 12
    assert amount_reader(18, 4)("12.5") == 125_000
    with pytest.raises(Unfit, match="0 digits after"):
        amount_reader(9, 0)("12.5")


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
    "cell", ["", "nope", "2018-02-30", "2018-04-01 25:00", "1522540800", "now", "NaT", "01/04/2018", "2018-13-01"]
)
def test_what_is_no_time_by_iso_8601_is_refused(cell: str) -> None:
    with pytest.raises(Unfit, match="2018-04-01T12:00:31Z"):
        iso(cell)


@pytest.mark.parametrize(
    ("form", "cell", "expected"),
    [
        ("epoch-s", "1522540831", 1_522_540_831_000),
        ("epoch-s", "1522540831.25", 1_522_540_831_250),
        ("epoch-s", "-1", -1000),
        ("epoch-ms", "1522540831123", 1_522_540_831_123),
        ("epoch-ms", "1.5225e12", 1_522_500_000_000),
        ("epoch-ms", "0.9", 0),
        ("offset-s", "31", 1_000_031_000),
        ("offset-h", "2", 1_007_200_000),
        ("offset-h", " 0.5 ", 1_001_800_000),
    ],
)
def test_times_that_are_numbers(form: str, cell: str, expected: int) -> None:
    assert time_reader(form, 1_000_000_000)(cell) == expected


@pytest.mark.parametrize(
    ("form", "cell", "expected"),
    [
        ("epoch-s", "1522540831123", "--time epoch-ms"),
        ("epoch-ms", "9" * 30, "years 1 to 9999"),
        ("offset-h", "1e999999999", "years"),
        ("epoch-s", "9" * 5000, "years"),
        ("offset-h", "one", "hours since the start"),
        ("epoch-s", "", "seconds since 1970"),
        ("epoch-s", "NaN", "seconds since"),
        ("epoch-s", "2018-04-01", "seconds since 1970"),
    ],
)
def test_what_is_no_such_number_is_refused(form: str, cell: str, expected: str) -> None:
    with pytest.raises(Unfit, match=expected):
        time_reader(form)(cell)


@pytest.mark.parametrize(
    ("prefix", "cell", "expected"),
    [
        ("", "abcDEF012345", b"abcDEF012345"),
        ("", "4961", b"000000004961"),
        ("C", "4961", b"C00000004961"),
        ("C", "04961", b"C00000004961"),
        ("", "C1231006815", b"C01231006815"),
        ("", " M42 ", b"M00000000042"),
        ("C", "0", b"C00000000000"),
    ],
)
def test_accounts_get_the_shape_of_the_contract(prefix: str, cell: str, expected: bytes) -> None:
    assert account_reader(prefix)(cell) == expected


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip))
def test_every_account_has_the_shape_of_the_contract_and_stays_the_same(name: str) -> None:
    shaped = account(name)
    assert len(shaped) == 12
    assert set(shaped.decode()) <= set(string.ascii_letters + string.digits)
    assert account_reader()(f" {name} ") == shaped
    assert account(shaped.decode()) == shaped


def test_a_long_account_is_the_hash_that_the_documentation_says() -> None:
    shaped = account("DE89370400440532013000")
    assert shaped == b"c6HJsbisPO9t"
    assert account("DE89370400440532013001") != shaped
    assert account_reader("C")("DE89370400440532013000") != shaped


@pytest.mark.parametrize(
    ("cell", "expected"), [("", "an account"), ("  ", "an account"), ("caf\udce9 1234567890", "UTF-8")]
)
def test_what_is_no_account_is_refused(cell: str, expected: str) -> None:
    with pytest.raises(Unfit, match=expected):
        account_reader("C")(cell)


def test_a_uuid_stays_and_any_other_id_always_becomes_the_same_uuid() -> None:
    given_id = "EC94C84A-2d81-43e1-b4d7-a5b687f7858d"
    assert cells.identifier(given_id) == given_id.lower().encode()
    assert cells.identifier("1") == cells.identifier(" 1 ") != cells.identifier("2")
    assert uuid.UUID(cells.identifier("1").decode()).version == 5
    for cell, expected in [("", "an id"), ("\udce9", "UTF-8")]:
        with pytest.raises(Unfit, match=expected):
            cells.identifier(cell)


def test_currencies_labels_and_names() -> None:
    assert cells.currency(" EUR ") == b"EUR"
    assert [cells.fraud(cell) for cell in ("1", "TRUE", " yes", "1.0", "0", "False", "no")] == [True] * 4 + [False] * 3
    name = name_reader({"2": "terminal"})
    assert [name(cell) for cell in ("", "0", "2", " fan-in ", "é")] == [b"", b"", b"terminal", b"fan-in", "é".encode()]


@pytest.mark.parametrize("cell", ["", "eur", "EURO", "€", "978", "ÄÖÜ", "EU\n"])
def test_what_is_no_currency_is_refused(cell: str) -> None:
    with pytest.raises(Unfit, match="ISO 4217"):
        cells.currency(cell)


@pytest.mark.parametrize("cell", ["", "2", "fraud", "NaN", "None"])
def test_what_is_no_label_is_refused(cell: str) -> None:
    with pytest.raises(Unfit, match="1 or 0"):
        cells.fraud(cell)


@pytest.mark.parametrize(("cell", "expected"), [("a\0", "zero byte"), ("\ud800", "UTF-8")])
def test_what_is_no_name_is_refused(cell: str, expected: str) -> None:
    with pytest.raises(Unfit, match=expected):
        name_reader({})(cell)


def test_remembered_cells_are_read_once_and_limited_in_number() -> None:
    seen = []
    remembered = Remembered(lambda cell: seen.append(cell) or len(seen), limit=2)
    assert [remembered[cell] for cell in "abab"] == [1, 2, 1, 2]
    assert [remembered[cell] for cell in "cc"] == [3, 3]
    assert len(remembered) == 1


@pytest.mark.parametrize(
    "read",
    [
        cents,
        iso,
        time_reader("epoch-s"),
        time_reader("offset-h"),
        account,
        cells.currency,
        cells.identifier,
        cells.fraud,
        name_reader({}),
    ],
)
@given(
    cell=st.one_of(st.text(), st.text("0123456789.eE+-:TZ "), st.from_regex("[+-]?[0-9.]{1,40}([eE][+-]?[0-9]{1,12})?"))
)
def test_whatever_a_cell_holds_it_is_read_or_refused(read: Callable[[str], Any], cell: str) -> None:
    with suppress(Unfit):
        value = read(cell)
        assert isinstance(value, (bytes, bool)) or abs(value) < 10**15
