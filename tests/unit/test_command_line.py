"""Argument types and error output of the tools' commands."""

import argparse
from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.errors import Unavailable
from tools.command_line import moment, positive_number, print_error, whole_number


@pytest.mark.parametrize("text", ["0", "8", "-1", "1.5", "²", "", "x"])
def test_a_number_outside_the_limits_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number from 1 to 7, found"):
        whole_number(1, 7)(text)


@pytest.mark.parametrize("text", ["1", "7"])
def test_the_limits_of_a_number_are_inclusive(text: str) -> None:
    assert whole_number(1, 7)(text) == int(text)


def test_a_number_without_an_upper_limit() -> None:
    assert whole_number(0)("0") == 0
    with pytest.raises(argparse.ArgumentTypeError, match="a whole number, 1 or more"):
        whole_number(1)("0")


@pytest.mark.parametrize("text", ["0", "-2", "nan", "inf", "fast"])
def test_a_number_that_is_not_positive_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number above 0"):
        positive_number(text)


def test_a_time_without_an_offset_is_utc() -> None:
    assert moment("2026-01-31T12:00") == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert moment("2026-01-31T12:00+02:00").tzinfo == timezone(timedelta(hours=2))
    with pytest.raises(argparse.ArgumentTypeError, match="expected a time such as"):
        moment("soon")


def test_every_line_of_an_error_names_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_error("tail", Unavailable("first\nsecond")) == 3
    assert capsys.readouterr().err == "tail: first\ntail: second\n"
