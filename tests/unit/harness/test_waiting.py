"""Polling returns the result, and ends with the error that was asked for."""

import pytest

from services.errors import FatalError
from tools.harness.waiting import NeverCame, wait_for, wait_for_count


def test_it_returns_the_first_true_result_and_pauses_before() -> None:
    results, pauses = iter([0, "", "there"]), []
    assert wait_for(lambda: next(results), "it", pause=lambda: pauses.append(1)) == "there"
    assert len(pauses) == 2


def test_the_error_names_the_condition_and_the_time() -> None:
    with pytest.raises(NeverCame, match="not within 0 s: 3 of 5"):
        wait_for(lambda: False, lambda: "3 of 5", timeout=0, pause=0)


def test_another_error_has_the_reason_alone() -> None:
    with pytest.raises(FatalError, match=r"^it stalls$"):
        wait_for(lambda: False, "it stalls", timeout=0, pause=0, error=FatalError)


def test_an_error_of_the_condition_ends_the_waiting() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_for(lambda: 1 // 0, "it")


def test_a_count_may_take_any_time_as_long_as_it_grows() -> None:
    numbers = iter([0, 3, 3, 5, 9])
    wait_for_count(lambda: next(numbers), 8, "outputs", pause=0)
    assert list(numbers) == []
    wait_for_count(lambda: 0, 0, "outputs", pause=0)


def test_a_count_that_stays_is_an_error() -> None:
    numbers = iter([2, 3])
    with pytest.raises(NeverCame, match="not within 0 s: more than 3 of 8 outputs"):
        wait_for_count(lambda: next(numbers, 3), 8, "outputs", patience=0, pause=0)
