import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.latency import Latency
from benchmarks.pictures import plots
from benchmarks.results import Results, Round
from benchmarks.soak import Moment
from benchmarks.tables import render
from benchmarks.targets import TARGETS, growth


def rounds(*rates: float) -> list[Round]:
    return [Round(1_000_000, rate, 2.0, 1.0, 150.0) for rate in rates]


@pytest.fixture
def results() -> Results:
    return Results(
        about={"machine": "2 cores & <more>"},
        labels={
            "detectors.ours": "this detector, exactly once",
            "detectors.tutorial": "tutorial's way",
            "detectors.c": "C loop",
            "generators.ours": "this generator",
        },
        detectors={"ours": rounds(480_000, 500_000, 520_000), "tutorial": rounds(10_000, 10_000, 10_000)},
        generators={"ours": rounds(600_000)},
        latencies={"ours@20000": [Latency(55, 112, 140)]},
        rules={"1": 0.3, "50": 0.5},
        soak=[Moment(float(number), number * 1000, 150) for number in range(11)],
        skipped={"detectors.c": "no C compiler is installed"},
    )


def test_the_table_has_medians_ranges_and_ratios(results: Results) -> None:
    text = render(results)
    (line,) = [line for line in text.splitlines() if line.startswith("this detector, exactly once  ") and "480" in line]
    cells = line.removeprefix("this detector, exactly once").split()
    assert cells[:3] == ["500", "480..520", "50"]
    assert "skipped: C loop: no C compiler is installed" in text


def test_targets_are_judged_only_where_measured(results: Results) -> None:
    text = render(results)
    assert "vs the tutorial's way" in text
    assert "vs the C loop" not in text  # the C loop did not take part


def test_what_falls_short_is_said() -> None:
    slow = Results({}, {"detectors.ours": "a", "detectors.tutorial": "b"},
                   {"ours": rounds(20_000), "tutorial": rounds(10_000)})  # fmt: skip
    assert "NOT reached" in render(slow)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.figure)
def test_a_target_is_reached_at_its_bound_and_not_beyond(target: Any) -> None:
    better, worse = (1.01, 0.99) if target.at_least else (0.99, 1.01)
    assert target.reached(target.reach)
    assert target.reached(target.reach * better)
    assert not target.reached(target.reach * worse)


def test_growth_is_seen_behind_the_beginning(results: Results) -> None:
    flat, growing = growth(results), growth(
        replace(results, soak=[Moment(float(n), n * 1000, 100 + n * 20) for n in range(11)])
    )  # fmt: skip
    assert flat is not None
    assert growing is not None
    assert flat.median == 0
    assert growing.median > 50


def test_results_survive_json(results: Results) -> None:
    assert Results.of_json(json.loads(json.dumps(results.as_json()))) == results


def test_every_part_gets_a_well_formed_picture(results: Results) -> None:
    pictures = plots(results)
    assert len(pictures) == 5
    for picture in pictures.values():
        root = ET.fromstring(picture)
        words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "machine: 2 cores & <more>" in words
    assert plots(Results({})) == {}
