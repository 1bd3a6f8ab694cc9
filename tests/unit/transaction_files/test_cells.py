"""Conversion of cells to ids, labels, directions, currencies and names."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.transaction_files import cells
from tools.transaction_files.cells import Remembered, Unfit, name_reader, with_values
from tools.transaction_files.currencies import currency, decimals_of


def test_a_uuid_stays_and_any_other_id_always_becomes_the_same_uuid() -> None:
    given_id = "EC94C84A-2d81-43e1-b4d7-a5b687f7858d"
    assert cells.identifier(given_id) == given_id.lower().encode()
    assert cells.identifier("1") == cells.identifier(" 1 ") != cells.identifier("2")
    assert uuid.UUID(cells.identifier("1").decode()).version == 5
    for cell, expected in [("", "an id"), ("\udce9", "UTF-8")]:
        with pytest.raises(Unfit, match=expected):
            cells.identifier(cell)


def test_labels_and_names() -> None:
    words = ("1", "TRUE", " yes", "1.0", "Y", "t", "0", "False", "no", "n", "F")
    assert [cells.fraud(cell) for cell in words] == [True] * 6 + [False] * 5
    assert [cells.fraud(cell) for cell in ("", " ")] == [None, None]
    name = name_reader()
    assert [name(cell) for cell in ("", "0", " fan-in ", "é")] == [b"", b"", b"fan-in", "é".encode()]


@pytest.mark.parametrize("cell", ["2", "fraud", "NaN", "None"])
def test_what_is_no_label_is_refused(cell: str) -> None:
    with pytest.raises(Unfit, match="1 or 0.*--value fraud:WORD=1"):
        cells.fraud(cell)


@pytest.mark.parametrize(("cell", "expected"), [("a\0", "zero byte"), ("\ud800", "UTF-8")])
def test_what_is_no_name_is_refused(cell: str, expected: str) -> None:
    with pytest.raises(Unfit, match=expected):
        name_reader()(cell)


def test_directions_are_the_words_of_statements() -> None:
    assert [cells.is_paid_out(cell) for cell in ("DBIT", "D", " Debit ", "out", "Af", "S")] == [True] * 6
    assert [cells.is_paid_out(cell) for cell in ("CRDT", "C", "credit", "IN", "Bij", "H")] == [False] * 6
    with pytest.raises(Unfit, match="--value direction:WORD=out"):
        cells.is_paid_out("over")


def test_texts_of_a_file_mean_values_and_empty_cells_the_default() -> None:
    read = with_values(currency, {"US Dollar": "USD"}, "EUR")
    assert [read(cell) for cell in ("US Dollar", " US Dollar ", "GBP", "", " ")] == [
        b"USD",
        b"USD",
        b"GBP",
        b"EUR",
        b"EUR",
    ]
    assert with_values(currency, {}, None) is currency


def test_currencies_by_letters_and_numbers() -> None:
    assert [currency(cell) for cell in (" EUR ", "eur", "978", "36", "DEM")] == [b"EUR", b"EUR", b"EUR", b"AUD", b"DEM"]
    assert [decimals_of(code) for code in (b"EUR", b"JPY", b"KWD", b"CLF")] == [2, 0, 3, 4]


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("", "--default currency=EUR"), ("euro", "is it EUR"), ("€", "--value 'currency:€=EUR'"),
        ("XXQ", "currency:XXQ="),
        ("US Dollar", "'currency:US Dollar=USD'"), ("ÄÖÜ", "ISO 4217"), ("BTC", "ISO 4217"), ("000", "ISO 4217"),
    ],
)  # fmt: skip
def test_what_is_no_currency_is_refused(cell: str, hint: str) -> None:
    with pytest.raises(Unfit) as caught:
        currency(cell)
    assert "ISO 4217" in str(caught.value)
    assert hint in str(caught.value)


def test_remembered_cells_are_read_once_and_limited_in_number() -> None:
    seen = []
    remembered = Remembered(lambda cell: seen.append(cell) or len(seen), limit=2)
    assert [remembered[cell] for cell in "abab"] == [1, 2, 1, 2]
    assert [remembered[cell] for cell in "cc"] == [3, 3]
    assert len(remembered) == 1


@pytest.mark.parametrize("read", [currency, cells.identifier, cells.fraud, cells.is_paid_out, name_reader()])
@given(cell=st.text())
def test_whatever_a_cell_holds_it_is_read_or_refused(read: Callable[[str], Any], cell: str) -> None:
    with suppress(Unfit):
        assert isinstance(read(cell), (bytes, bool, type(None)))
