"""Arguments that say how a file is laid out."""

import argparse
from datetime import UTC, datetime

import pytest

from services.errors import UsageError
from tools.replay.layout import PRESETS, Layout
from tools.replay.options import add_layout_options, layout_of


def layout(*arguments: str) -> Layout:
    parser = argparse.ArgumentParser()
    add_layout_options(parser)
    return layout_of(parser.parse_args(["x.csv", *arguments]))


def test_without_arguments_columns_have_the_names_of_the_fields() -> None:
    assert layout() == Layout()
    assert layout().column("source") == "source"


def test_a_preset_is_changed_by_what_else_is_said() -> None:
    assert layout("--preset", "paysim") == PRESETS["paysim"]
    changed = layout(
        "--preset", "paysim", "--start", "2024-01-01", "--map", "currency=code", "--set", "source=C1",
        "--map", "scenario=type", "--prefix", "target=X",
    )  # fmt: skip
    assert changed.start == datetime(2024, 1, 1, tzinfo=UTC)
    assert changed.columns == {
        "created_at": "step", "target": "nameDest", "amount": "amount", "fraud": "isFraud", "currency": "code",
        "scenario": "type",
    }  # fmt: skip
    assert changed.constants == {"source": "C1"}
    assert changed.prefixes == {"target": "X"}
    assert changed.time == "offset-h"


def test_every_preset_is_complete() -> None:
    for preset in PRESETS.values():
        assert {"source", "target", "amount", "currency", "created_at"} <= {*preset.columns, *preset.constants}


def test_column_names_may_have_an_equals_sign_and_a_delimiter_may_be_a_tab() -> None:
    assert layout("--map", "amount=a=b", "--delimiter", "\\t") == Layout(columns={"amount": "a=b"}, delimiter="\t")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--map", "amount"], "--map amount: expected --map FIELD=..., such as --map source=..."),
        (["--set", "=EUR"], "--set =EUR: expected"),
        (["--map", "amount=a", "--map", "amount=b"], "--map amount=b: amount is already 'a'"),
        (["--map", "sauce=a"], "no field sauce"),
        (["--time", "offset-s"], "--start 2018-04-01"),
        (["--delimiter", ""], "the delimiter is one character"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        layout(*arguments)
    assert expected in str(caught.value)


def test_a_start_that_is_no_time_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        layout("--start", "soon")
    assert "expected a time such as 2026-01-31T12:00, found 'soon'" in capsys.readouterr().err
