"""Proposals: what is found, what a person is told to check, and how it is shown."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.support.transaction_files import SCHEMA, written
from tools.transaction_files.guessing import Proposal, propose
from tools.transaction_files.guessing.forms import time_form
from tools.transaction_files.guessing.report import report
from tools.transaction_files.guessing.table_layout import TableLayout, layout_of
from tools.transaction_files.guessing.words import name_score
from tools.transaction_files.profile import Profile, Source


def shown(proposal: Proposal, written_to: Path | None) -> str:
    console = Console(file=io.StringIO(), width=200)
    with console.capture() as capture:
        console.print(report(proposal, written_to))
    return capture.get()


def test_a_statement_is_shown_with_what_to_check(tmp_path: Path) -> None:
    path = written(tmp_path / "bank.csv", "Kontostand;1,00\n\nDatum;Empfänger;Betrag;Info\n05.01.26;Shop A;-12,50;x\n")
    proposal = propose(path, Profile(), SCHEMA)
    assert proposal.profile == Profile(
        {
            "source": Source(value="own-account"), "target": Source(("Empfänger",)), "amount": Source(("Betrag",)),
            "currency": Source(value="EUR"), "created_at": Source(("Datum",)),
        },
        skip=2, decimal=",", paid_out="negative", times=("day-first",),
    )  # fmt: skip
    text = shown(proposal, tmp_path / "bank.toml")
    for expected in (
        f"{path}: CSV, UTF-8, semicolons between cells", "amount       Betrag", "decimal comma, negative is paid out",
        "not used: Info", "of the first 1 rows 1 are transactions, 0 don't fit", "own-account   Shop A    12.50   EUR",
        "currency: no column has one; EUR is taken for all: is it?", "dates without a time of day",
        f"written: {tmp_path / 'bank.toml'}; change it where it is wrong", "--dry-run",
    ):  # fmt: skip
        assert expected in text, text


def test_a_shipped_layout_is_named(tmp_path: Path) -> None:
    header = "TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO\n"
    path = written(tmp_path / "x.csv", header + "2018-04-01,1,2,3,0,0\n")
    proposal = propose(path, Profile(), SCHEMA)
    assert proposal.shipped == "handbook"
    text = shown(proposal, None)
    assert "This is the layout of the profile handbook" in text
    assert "--profile handbook --dry-run" in text


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "a,b\nx,y\n")
    proposal = propose(path, Profile(), SCHEMA)
    assert proposal.block is None
    text = shown(proposal, tmp_path / "x.toml")
    for expected in ("no column has times", "no column has amounts", "no column has who receives"):
        assert expected in text


def test_rows_that_do_not_fit_are_shown(tmp_path: Path) -> None:
    row = "a,b,1,EUR,2026-01-05T10:00\n"
    content = "source,target,amount,currency,created_at\n" + row * 9 + row.replace("EUR", "XXQ")
    path = written(tmp_path / "x.csv", content)
    text = shown(propose(path, Profile(), SCHEMA), None)
    assert "9 are transactions, 1 don't fit" in text
    assert "currency 'XXQ'" in text
    assert "currency: no currency of ISO 4217: XXQ" in text


def test_the_same_numbers_of_customers_and_shops_are_kept_apart(tmp_path: Path) -> None:
    content = "customer_id;merchant_id;amount;currency;date;state\n"
    content += "7;7;10;978;2026-01-05 10:00;BOOKED\n8;7;11;978;2026-01-05 11:00;DECLINED\n"
    proposal = propose(written(tmp_path / "x.csv", content), Profile(), SCHEMA)
    assert (proposal.profile.source("source").prefix, proposal.profile.source("target").prefix) == ("C", "T")
    assert proposal.profile.where == "state == 'BOOKED'"
    assert any("DECLINED are left out" in doubt for doubt in proposal.doubts)
    assert any("if they count cents: minor_units = true" in doubt for doubt in proposal.doubts)


@pytest.mark.parametrize(
    ("cells", "forms", "doubt"),
    [
        (["2026-01-05", ""], ("iso",), ""),
        (["31/01/2026", "01/02/2026"], ("day-first",), ""),
        (["01/31/2026", "02/01/2026"], ("month-first",), ""),
        (["01/02/2026", "03/02/2026"], ("day-first",), "may be day first or month first"),
        (["05.02.2026"], ("day-first",), ""),
        (["5 Jan 2026"], ("%d %b %Y",), ""),
        (["930105"], ("%y%m%d",), ""),
        (["010203"], ("%y%m%d",), "may have the year or the day first"),
        (["20260105", "260113"], ("iso", "%y%m%d"), "may have the year or the day first"),
        (["1767607200"], ("epoch",), ""),
        (["46027.5", "46028"], ("spreadsheet",), "may be a spreadsheet's day"),
        (["1", "743"], ("offset-h",), "which start?"),
        (["x"], (), ""),
        ([], (), ""),
    ],
)
def test_forms_of_times(cells: list[str], forms: tuple[str, ...], doubt: str) -> None:
    form = time_form(cells)
    assert form.forms == forms
    assert doubt in form.doubt
    assert bool(form.doubt) == bool(doubt)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", TableLayout(",", 0, True)),
        ("Account;0042\n\nDate;Amount;Payee\n1;2;3\n4;5;6\n", TableLayout(";", 2, True)),
        ("2026-01-05|7|9\n2026-01-06|7|9\n", TableLayout("|", 0, False)),
        ("Title\na,b,c\n1,2,3,\n4,5,6,\n", TableLayout(",", 1, True)),
        ("word\n", TableLayout(",", 0, True)),
    ],
)
def test_layouts_of_tables(text: str, expected: TableLayout) -> None:
    assert layout_of(text) == expected


def test_names_of_columns_fit_fields_in_several_languages() -> None:
    for field, column in (
        ("source", "CdtTrfTxInf.DbtrAcct.Id"), ("target", "Beneficiary"),
        ("amount", "Betrag (€)"), ("currency", "Währung"), ("created_at", "Buchungstag"), ("fraud", "isFraud"),
        ("direction", "Af Bij"), ("debit", "Débit"), ("id", "Transaction ID"), ("scenario", "fraud_type"),
    ):  # fmt: skip
        assert name_score(field, column) > 0.3, column
    assert name_score("id", "CdtTrfTxInf.DbtrAcct.Id") < 0.3
