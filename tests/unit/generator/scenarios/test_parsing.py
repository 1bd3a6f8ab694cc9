"""Values of SCENARIOS, and errors for invalid ones."""

import tomllib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.errors import UsageError
from services.generator.scenarios import HARD, STANDARD, AccountTakeover, FanIn, RapidFire, Structuring, read_scenarios

NAMES = "fan-in, rapid-fire, structuring, account-takeover, compromised-receiver, spending-change, honest-change"
EXPECTED = f"expected standard, hard, a TOML file, or some of {NAMES}"


def test_standard_means_the_scenarios_that_rules_find() -> None:
    assert read_scenarios("standard") == STANDARD == (FanIn(), RapidFire(), Structuring(), AccountTakeover())


def test_a_choice_has_given_or_default_rates() -> None:
    assert read_scenarios(" structuring , fan-in=0.01,") == (Structuring(), FanIn(rate=0.01))


def test_a_file_has_parameters(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        """
        [fan-in]
        rate = 0.01
        payments = [10, 20]
        amount = [99.5, 199]
        round = 0.5
        over = ["90s", "2h"]

        [account-takeover]
        dormant = 1
        """
    )
    assert read_scenarios(str(path)) == (
        FanIn(
            rate=0.01,
            payments=(10, 20),
            amount=(Decimal("99.5"), Decimal(199)),
            round=Decimal("0.5"),
            over=(timedelta(seconds=90), timedelta(hours=2)),
        ),
        AccountTakeover(dormant=1),
    )


def test_the_guide_shows_every_parameter_with_its_default(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[4] / "docs" / "scenarios.md").read_text()
    toml = guide.split("```toml")[1].split("```")[0]
    path = tmp_path / "guide.toml"
    path.write_text(toml)
    assert read_scenarios(str(path)) == HARD == read_scenarios("hard")
    for table, scenario in zip(tomllib.loads(toml).values(), HARD, strict=True):
        assert set(table) == set(type(scenario).model_fields)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1", f"no scenario '1': expected standard, hard, a TOML file, or some of {NAMES}"),
        ("fanin=0.1", f"no scenario 'fanin': {EXPECTED}; did you mean fan-in?"),
        ("fan-in,oops", f"no scenario 'oops': expected standard, hard, a TOML file, or some of {NAMES}"),
        (",", f"no scenario: expected one or more of {NAMES}"),
        ("fan-in=much", "fan-in: expected a rate such as 0.001 after the =, not 'much'"),
        ("fan-in=", "fan-in: expected a rate such as 0.001 after the =, not ''"),
        ("fan-in=0", "fan-in: rate: input should be greater than 0"),
        ("fan-in=nan", "fan-in: rate: input should be less than 1"),
        ("fan-in=0.1,fan-in=0.2", "fan-in is given twice"),
        ("fan-in=0.5,structuring=0.5", "the rates of fan-in, structuring sum up to 1: expected below 1"),
        ("no/such/file.toml", "no/such/file.toml: can't read the file: No such file or directory"),
        ("missing.toml", "missing.toml: can't read the file: No such file or directory"),
    ],
)
def test_a_wrong_choice_is_an_error_with_the_expectation(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_scenarios(text)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[fan-in", "not TOML: Expected ']' at the end of a table declaration (at end of document)"),
        ("", f"no scenario: expected one or more of {NAMES}"),
        ("fan-in = 0.1", "fan-in: expected a table of parameters, [fan-in]"),
        ("[fan]", f"no scenario 'fan': {EXPECTED}; did you mean fan-in?"),
        (
            "[fan-in]\nsenders = 3",
            "fan-in: senders: no such parameter; expected some of rate, payments, over, amount, ",
        ),
        ("[fan-in]\npayments = 3", "fan-in: payments: expected two values, the lower and the upper limit"),
        ("[fan-in]\npayments = [3]", "fan-in: payments: expected two values, the lower and the upper limit"),
        ("[fan-in]\npayments = [3, 4, 5]", "fan-in: payments: expected two values, the lower and the upper limit"),
        ("[fan-in]\npayments = [0, 3]", "fan-in: payments[0]: input should be greater than or equal to 1"),
        ("[fan-in]\npayments = [5, 4]", "fan-in: payments: expected the lower limit first, then the upper one"),
        ("[fan-in]\nover = ['1h', 7]", "fan-in: over[1]: expected a duration such as 90s, 5m, 12h or 2d"),
        ("[fan-in]\nover = ['2h', '1h']", "fan-in: over: expected the lower limit first, then the upper one"),
        ("[fan-in]\namount = [150, 180]", "fan-in: amount: expected a multiple of round (100) in the range"),
        ("[fan-in]\nround = 0.001", "fan-in: round: decimal input should have no more than 2 decimal places"),
        ("[structuring]\nlimit = 0.5", "structuring: limit: input should be greater than or equal to 1"),
        ("[structuring]\nbelow = 2", "structuring: below: input should be less than or equal to 1"),
        ("[rapid-fire]\namount = ['a', 3]", "rapid-fire: amount[0]: input should be a valid decimal"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_it_and_the_parameter(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(content)
    with pytest.raises(UsageError) as caught:
        read_scenarios(str(path))
    assert str(caught.value).startswith(f"{path}: {message}")


def test_every_fault_of_a_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[fan-in]\nrate = 2\nround = -1\n[oops]\n[structuring]\nlimit = 'x'\n")
    with pytest.raises(UsageError) as caught:
        read_scenarios(str(path))
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert all(line.startswith(f"{path}: ") for line in lines)
