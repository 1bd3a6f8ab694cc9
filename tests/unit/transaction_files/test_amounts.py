"""Amounts as people, banks and programs write them."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.transaction_files.amounts import AmountForm, AmountReader
from tools.transaction_files.cells import Unfit

cents = AmountReader(12, 2)
comma = AmountReader(12, 2, AmountForm(decimal=","))
rounding = AmountReader(12, 2, AmountForm(round=True))


@given(
    st.decimals(0, Decimal("9999999999.99"), places=2),
    st.sampled_from(
        ["{:f}", "{:e}", "+{:f}", " {:f}0 ", "0{:f}", "{:,f}", "{:,f} EUR", "€{:,f}", "USD {:f}", "$ {:f}"]
    ),
)
def test_an_amount_is_exact_however_it_is_written(value: Decimal, form: str) -> None:
    assert cents(form.format(value)) == int(value * 100)


@given(st.decimals(Decimal("-99999999.99"), Decimal("99999999.99"), places=2))
def test_a_decimal_comma_with_thousands_and_a_sign_on_either_side(value: Decimal) -> None:
    text = f"{abs(value):,f}".translate(str.maketrans(",.", ".,"))
    sign = "-" if value < 0 else ""
    for written in (f"{sign}{text}", f"{text}{sign}", f"{sign}{text} €", f"{sign}{text.replace('.', ' ')}"):
        assert comma(written) == int(value * 100), written


@given(st.integers(0, 10**12 - 1), st.floats(-1e-8, 1e-8))
def test_a_cent_that_a_program_wrote_as_a_binary_float_is_that_cent(unscaled: int, noise: float) -> None:
    for number in (unscaled / 100, unscaled / 100 * 5 / 5, unscaled / 100 + noise * (unscaled > 0)):
        assert cents(repr(number)) == unscaled, repr(number)


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
        ("85.64999999999999", 8565),
        ("52.300000000000004", 5230),
        ("9999999999.990001", 999_999_999_999),
        ("-12.50", -1250),
        ("12.50-", -1250),
        ("(12.50)", -1250),
        ("($1,234.50)", -123_450),
        ("-$12.50", -1250),
        ("$-12.50", -1250),
        ("\u221212.50", -1250),
        ("1\u00a0234.50", 123_450),
        ("1'234.50", 123_450),
        ("1\u2019234.50", 123_450),
        ("12,34,567.50", 123_456_750),
        ("1,234", 123_400),
        ("12.50 kr", 1250),
        ("Rs.12.50", 1250),
        ("US$12.50", 1250),
        ("CHF 1'000.--", None),
    ],
)
def test_amounts_at_the_edges(cell: str, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(Unfit):
            cents(cell)
    else:
        assert cents(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", "1234.56"),
        (" ", "1234.56"),
        ("abc", "1234.56"),
        ("NaN", "1234.56"),
        ("Infinity", "1234.56"),
        ("12,34", "is , the decimal separator"),
        ("1.234,56", "is , the decimal separator"),
        ("1_000", "1234.56"),
        ("١٢", "1234.56"),
        ("true", "1234.56"),
        ("1e", "1234.56"),
        ("--1", "1234.56"),
        ("0x10", "1234.56"),
        ("EUR", "1234.56"),
        ("12.345", "2 digits after"),
        ("0.00012345", "2 digits after"),
        ("0.0000000001", "2 digits after"),
        ("1e-9999999", "2 digits after"),
        ("12.340001", "2 digits after"),
        ("10000000000", "at most 9999999999.99"),
        ("1e999999999", "at most 9999999999.99"),
        ("-10000000000", "at most 9999999999.99"),
        ("9999999999.995", "2 digits after"),
        ("1e9999999999", "1234.56"),
        ("9" * 5000 + ".00", "at most 9999999999.99"),
        ("0." + "1" * 5000, "2 digits after"),
    ],
)
def test_what_is_no_amount_is_refused(cell: str, expected: str) -> None:
    with pytest.raises(Unfit, match=expected):
        cents(cell)


def test_what_a_decimal_comma_is_not_is_refused() -> None:
    for cell in ("12.34", "1.23", "1.2345,00", "1,2,3"):
        with pytest.raises(Unfit):
            comma(cell)


def test_amounts_have_the_scale_of_the_contract() -> None:
    assert AmountReader(9, 0)("12") == 12
    assert AmountReader(18, 4)("12.5") == 125_000
    assert AmountReader(12, 3)("12.345") == 12_345
    with pytest.raises(Unfit, match="0 digits after"):
        AmountReader(9, 0)("12.5")


@pytest.mark.parametrize(
    ("cell", "expected"), [("12.345", 1235), ("-12.345", -1235), ("0.004", 0), ("0.00012345", 0), ("12.344", 1234)]
)
def test_rounding_is_half_away_from_zero_and_remembered(cell: str, expected: int) -> None:
    assert rounding(cell) == expected
    assert rounding.rounded is not None


def test_minor_units_have_the_decimals_of_their_currency() -> None:
    assert [cents("1234", 2), cents("1234", 0), cents("1230", 3)] == [1234, 123_400, 123]
    with pytest.raises(Unfit, match="2 digits after"):
        cents("1234", 3)


@given(
    cell=st.one_of(
        st.text(), st.text("0123456789.,eE+-() €'"), st.from_regex("[+-]?[0-9.]{1,40}([eE][+-]?[0-9]{1,12})?")
    )
)
def test_whatever_a_cell_holds_it_is_read_or_refused(cell: str) -> None:
    for read in (cents, comma, rounding):
        with suppress(Unfit):
            assert abs(read(cell)) < 10**12
