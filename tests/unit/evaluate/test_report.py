import json
import re
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from services.contracts import load_contracts
from services.errors import ContractError, UsageError
from services.history import History, Truth
from services.rules.loading import constants_of, parse_rules
from tools.evaluate.baseline import compare, write_baseline
from tools.evaluate.page import page
from tools.evaluate.pictures import pictures
from tools.evaluate.report import Report, report_on, scores
from tools.evaluate.terminal_report import show
from tools.history.formatting import days, rate

MINUTE = 60_000
RULES = "".join(
    f"""
[rules.{name}]
severity = "{severity}"
mode = "{mode}"
when = "amount >= 1"
reason = "x"
"""
    for name, severity, mode in (("low", "low", "live"), ("high", "high", "live"), ("watched", "critical", "shadow"))
)


def history(fired: list[list[int]], scenario: list[int], incident: list[int]) -> History:
    """Ten transactions, one a minute; scenario 0 is fan-in, 1 is rapid-fire, -1 no fraud."""
    schema = load_contracts().topic("queueing.transactions").required_schema
    rules = parse_rules(RULES, "rules.toml", schema, constants_of()).rules
    truth = Truth(
        np.array(scenario) >= 0, np.array(scenario, np.int16), np.array(incident, np.int32), ("fan-in", "rapid-fire")
    )
    return History(
        rules,
        tuple(np.array(rows, np.int64) for rows in fired),
        tuple(range(len(fired))),
        np.arange(len(scenario), dtype=np.int64) * MINUTE,
        truth,
        late=0,
        warm_up=0,
        seconds=0.5,
    )


#             0   1   2   3  4   5   6   7   8   9
SCENARIO = [-1, 0, 0, -1, 0, 1, 1, -1, 0, -1]
INCIDENT = [-1, 0, 0, -1, 0, 1, 1, -1, 2, -1]
FIRED = [[0, 2, 4], [4, 7], [1, 5, 6]]


def report(fired: list[list[int]] = FIRED) -> Report:
    return report_on(history(fired, SCENARIO, INCIDENT), rules_file="rules.toml", rules_version="v", source="these")


def test_shadow_rules_decide_nothing() -> None:
    total = report().total
    assert (total.transactions, total.fraud, total.flagged, total.caught) == (10, 6, 4, 2)
    assert (total.detection.incidents, total.detection.found) == (3, 1)


def test_a_score_goes_by_severity_and_then_by_how_many_fired() -> None:
    score = scores(history([[0, 1], [1, 2], [3]], SCENARIO, INCIDENT), [0, 1, 2]).tolist()
    assert score[3] > score[1] > score[2] > score[0] > score[4] == 0


def test_a_scenario_is_measured_beside_what_is_no_fraud() -> None:
    fan_in, rapid_fire = report().scenarios
    assert (fan_in.name, fan_in.quality.transactions, fan_in.quality.fraud) == ("fan-in", 8, 4)
    assert (fan_in.quality.precision, fan_in.quality.recall) == (0.5, 0.5)
    assert fan_in.seconds == (60.0,)  # the second payment of incident 0; incident 2 isn't found
    assert (rapid_fire.quality.caught, rapid_fire.seconds) == (0, ())


def test_a_rule_is_measured_as_if_it_were_the_only_one() -> None:
    low, high, watched = report().rules
    assert (low.quality.flagged, low.quality.caught, low.only_caught, low.only_false) == (3, 2, 1, 1)
    assert (high.quality.flagged, high.quality.caught, high.only_caught, high.only_false) == (2, 1, 0, 1)
    assert (low.only_incidents, high.only_incidents) == (0, 0)  # both find incident 0
    assert low.incidents == {"fan-in": 0.5, "rapid-fire": 0.0}
    # What a shadow rule would add to the live ones.
    assert (watched.mode, watched.quality.caught, watched.only_caught, watched.only_incidents) == ("shadow", 3, 3, 1)


def test_days_add_up() -> None:
    (day,) = report().days
    assert (day.transactions, day.caught, day.false, day.missed) == (10, 2, 2, 4)


def test_without_truth_or_transactions_there_are_no_figures() -> None:
    with pytest.raises(UsageError, match="no labels say which transactions are fraud"):
        report_on(
            replace(history(FIRED, SCENARIO, INCIDENT), truth=None), rules_file="", rules_version="", source="these"
        )
    with pytest.raises(UsageError, match="no transactions"):
        report_on(history([[], [], []], [], []), rules_file="", rules_version="", source="these")


@pytest.mark.parametrize("fired", [FIRED, [[], [], []]])
def test_it_can_be_shown_in_every_way(fired: list[list[int]]) -> None:
    shown_report = report(fired)
    assert json.loads(json.dumps(asdict(shown_report)))["total"]["transactions"] == 10
    console = Console(width=160, file=StringIO())
    with console.capture() as shown:
        show(shown_report, console)
    assert "rapid-fire" in shown.get()
    for name, picture in pictures(shown_report).items():
        root = ET.fromstring(picture.svg(alone=True))
        assert root.tag == "{http://www.w3.org/2000/svg}svg", name
        assert "nan" not in picture.svg(alone=True)


def test_the_page_loads_nothing_and_shows_every_picture() -> None:
    text = page(report())
    assert text.count("<svg") == len(pictures(report())) == 4  # one day alone has no picture of days
    assert not re.search(r"""(src|href)\s*=|@import|url\(""", text)
    assert "prefers-color-scheme:dark" in text


def test_a_page_takes_names_as_text() -> None:
    assert "<b>mine" not in page(replace(report(), source="<b>mine</b>"))


def test_names_that_are_too_long_for_their_column_are_cut_in_two() -> None:
    scenarios = tuple(
        replace(scenario, name=f"terminal-compromised-{scenario.name}") for scenario in report().scenarios * 3
    )
    rules = tuple(
        replace(rule, incidents=dict.fromkeys((scenario.name for scenario in scenarios), 0.5))
        for rule in report().rules
    )
    text = pictures(replace(report(), scenarios=scenarios, rules=rules))["rules-and-scenarios"].svg(alone=True)
    assert ">terminal-<" in text


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0 s"), (0.003, "4.3 min"), (0.99, "23.8 h"), (1, "1.0 days"), (28.94, "28.9 days")]
)
def test_how_much_time_transactions_cover(value: float, shown: str) -> None:
    assert days(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0, "0.0"), (0.034, "0.03"), (4.17, "4.2"), (1582.0, "1,582.0")])
def test_how_many_a_day(value: float, shown: str) -> None:
    assert rate(value) == shown


def test_what_became_worse_is_told_and_what_became_better_is_not(tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    write_baseline(report(), baseline)
    assert compare(report(), baseline) == []
    better = report([[*FIRED[0], 5], *FIRED[1:]])
    assert compare(better, baseline) == []
    worse = {(difference.where, difference.figure) for difference in compare(report([[0, 4], *FIRED[1:]]), baseline)}
    assert ("fan-in", "recall") in worse
    assert ("fan-in", "seconds_to_detection") in worse
    assert not [where for where, _ in worse if where == "rapid-fire"]
    gone = {
        (difference.where, difference.now)
        for difference in compare(report([[], [], []]), baseline)
        if difference.figure == "precision"
    }
    assert gone == {("all", None), ("fan-in", None)}


def test_a_baseline_of_other_transactions_is_refused(tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    write_baseline(report(), baseline)
    with pytest.raises(ContractError, match="can't be compared"):
        compare(replace(report(), source="others"), baseline)
    baseline.write_text("{}")
    with pytest.raises(ContractError, match="no baseline"):
        compare(report(), baseline)
    with pytest.raises(ContractError, match="--write-baseline"):
        compare(report(), tmp_path / "none.json")


def test_the_alerts_of_each_rule_are_counted() -> None:
    assert [(rule.name, rule.alerts) for rule in report().rules] == [("low", 0), ("high", 1), ("watched", 2)]
