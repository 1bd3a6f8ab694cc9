"""Accounts keep their names up to 34 characters; longer ones lead back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import UsageError
from tools.transaction_files.accounts import LONGEST, Accounts, shortened, write_lookup
from tools.transaction_files.cells import Unfit

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1)


@pytest.mark.parametrize(
    "name",
    [
        "DE89370400440532013000", "MT84MALT011000012345MTLCAST001S", "4532000011112222", "ACC_1327", "acct-0007",
        "4961", "0042", "C1231006815", "tok_1MqLiJLkdIwHu7ix", "Café Zürich", "8000EBD30", "a@b.com",
        "x" * LONGEST, "口座" * 17,
    ],
)  # fmt: skip
def test_usual_accounts_pass_unchanged(name: str) -> None:
    accounts = Accounts()
    assert accounts.reader("source")[name] == accounts.reader("target")[f" {name} "] == name.encode()
    assert (accounts.shortened, accounts.floats) == ({}, "")


@given(NAMES)
def test_a_long_account_has_34_characters_and_leads_back(name: str) -> None:
    accounts = Accounts()
    short = accounts.reader("source")[name].decode()
    assert len(short) <= LONGEST
    assert accounts.shortened.get(short, short) == name or accounts.floats


def test_a_shortened_account_begins_as_it_did_and_ends_in_its_hash() -> None:
    name = "123e4567-e89b-12d3-a456-426614174000"
    assert shortened(name) == "123e4567-e89b-12d3-a4~kesa0AyrjR1f"
    assert shortened(name) != shortened(name[:-1] + "1")
    assert len(shortened(name)) == LONGEST


def test_a_prefix_keeps_customer_7_and_shop_7_apart() -> None:
    accounts = Accounts()
    assert accounts.reader("source", "C")["7"] == b"C7"
    assert accounts.reader("target", "T")["7"] == b"T7"


def test_a_printed_iban_is_the_electronic_one() -> None:
    assert Accounts().reader("source")["GB29 NWBK 6016 1331 9268 19"] == b"GB29NWBK60161331926819"


def test_a_name_over_several_lines_is_one_of_several_words() -> None:
    assert Accounts().reader("target")["Shop A\r\n  Main Street"] == b"Shop A Main Street"


def test_a_whole_number_written_as_a_float_is_noticed() -> None:
    accounts = Accounts()
    assert accounts.reader("source")["596.0"] == b"596"
    assert accounts.floats == "596.0"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", "--default target=CASH"), ("  ", "an account"), ("2.70319E+15", "a spreadsheet has cut this number"),
        ("4,53E+15", "a spreadsheet"), ("caf\udce9 1234567890", "UTF-8"), ("a\x01b", "control characters"),
        ("a\0", "control characters"),
    ],
)  # fmt: skip
def test_what_is_no_account_is_refused(cell: str, expected: str) -> None:
    with pytest.raises(Unfit, match=expected.replace("+", r"\+")):
        Accounts().reader("target")[cell]


def test_the_table_of_shortened_accounts_keeps_those_of_earlier_runs(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    write_lookup(path, {"b~2": "b, and more"})
    write_lookup(path, {"a~1": "a"})
    assert path.read_text().splitlines() == ["account,original", "a~1,a", 'b~2,"b, and more"']


def test_another_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text("name,iban\nx,y\n")
    with pytest.raises(UsageError, match="no table of accounts"):
        write_lookup(path, {"a~1": "a"})
    assert path.read_text() == "name,iban\nx,y\n"
    with pytest.raises(UsageError, match="can't be written"):
        write_lookup(tmp_path / "nowhere" / "x.csv", {"a~1": "a"})
