"""Arguments that say how a file is laid out."""

import argparse
import dataclasses
from datetime import UTC, datetime

import pytest

from services.errors import UsageError
from tools.transaction_files.options import add_profile_options, ordering_of, profile_of
from tools.transaction_files.profile import Profile, Source
from tools.transaction_files.profile_file import load_profile, shipped_names
from tools.transaction_files.time_order import Ordering


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_profile_options(parser)
    return parser.parse_args(["x.csv", *arguments])


def profile(*arguments: str) -> Profile:
    return profile_of(options(*arguments))


def test_without_arguments_columns_have_the_names_of_the_fields() -> None:
    assert profile() == Profile()
    assert profile().source("source") == Source(("source",))


def test_a_profile_is_changed_by_what_else_is_said() -> None:
    paysim = load_profile("paysim")
    assert profile("--preset", "paysim") == profile("--profile", "paysim") == paysim
    changed = profile(
        "--profile", "paysim", "--start", "2024-01-01", "--map", "currency=code", "--set", "source=C1",
        "--map", "scenario=type", "--prefix", "target=X", "--default", "target=CASH", "--value", "scenario:a=b=c",
    )  # fmt: skip
    assert changed == dataclasses.replace(
        paysim,
        start=datetime(2024, 1, 1, tzinfo=UTC),
        fields={
            **paysim.fields,
            "currency": Source(("code",)),
            "source": Source(value="C1"),
            "target": Source(("nameDest",), prefix="X", default="CASH"),
            "scenario": Source(("type",), values={"a=b": "c"}),
        },
    )


def test_every_option_is_in_the_profile() -> None:
    changed = profile(
        "--format", "csv", "--encoding", "cp1252", "--delimiter", "\\t", "--skip", "3", "--no-header",
        "--records", "a.b", "--where", "x == 'y'",
        "--decimal", ",", "--signed", "negative", "--minor-units", "--round", "--time", "epoch",
        "--time-format", "%Y", "--zone", "Europe/Berlin",
    )  # fmt: skip
    assert changed == Profile(
        {}, "csv", "cp1252", "\t", 3, False, "a.b", "x == 'y'", ",", True, True, "negative", ("epoch", "%Y"),
        "Europe/Berlin",
    )  # fmt: skip


def test_debit_and_credit_take_the_place_of_an_amount() -> None:
    changed = profile("--profile", "revolut", "--map", "debit=Out", "--map", "credit=In")
    assert "amount" not in changed.fields
    assert changed.has_debit_and_credit


def test_the_treatment_of_rows_out_of_order() -> None:
    assert ordering_of(options()) is Ordering.SORT
    assert ordering_of(options("--no-sort")) is Ordering.REFUSE
    assert ordering_of(options("--keep-order")) is Ordering.KEEP


def test_every_shipped_profile_is_complete() -> None:
    assert len(shipped_names()) >= 10
    for name in shipped_names():
        shipped = load_profile(name)
        assert {"source", "target", "currency", "created_at"} <= set(shipped.fields)
        assert {"amount", "debit"} & set(shipped.fields)
        assert shipped.about


def test_column_names_may_have_an_equals_sign() -> None:
    assert profile("--map", "amount=a=b") == Profile({"amount": Source(("a=b",))})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--map", "amount"], "--map amount: expected --map FIELD=..., such as --map source=..."),
        (["--set", "=EUR"], "--set =EUR: expected"),
        (["--map", "amount=a", "--map", "amount=b"], "--map amount=b: amount is already 'a'"),
        (["--map", "amount=a", "--set", "amount=1"], "amount: both mapped to a column and set to a constant"),
        (["--value", "currency=EUR"], "--value currency=EUR: expected FIELD:TEXT=VALUE"),
        (["--prefix", "amount=X"], "amount: only source and target are accounts"),
        (["--time", "offset-s"], "--start 2018-04-01"),
        (["--delimiter", ""], "the delimiter is one character"),
        (["--profile", "nowhere"], "--profile nowhere: no such file, and no shipped profile; there are camt,"),
        (["--map", "direction=x", "--signed", "negative"], "say the direction already; choose one"),
        (["--map", "debit=x", "--map", "amount=y"], "either one column of amounts, or debit and credit"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        profile(*arguments)
    assert expected in str(caught.value)


def test_a_start_that_is_no_time_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options("--start", "soon")
    assert "expected a time such as 2026-01-31T12:00, found 'soon'" in capsys.readouterr().err
