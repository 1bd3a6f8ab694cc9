"""The live screen and the summary at the widths of common terminals."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console, RenderableType

from tools.demo import screen
from tools.demo.samples import Sample
from tools.demo.screen import Step, View
from tools.demo.summary import Summary


def named(*steps: Step) -> dict[str, Step]:
    return {step.name: step for step in steps}


STEPS = named(
    Step("cluster", "kafka 4.1.0 on port 9092", 4.2),
    Step("topics", "asking"),
    Step("x"),
)
ALERTS = tuple(
    {
        "detected_at": datetime(2026, 1, 2, 3, 4, 5, 6000, UTC),
        "transaction": {"target": "b" * 12},
        "rule": "many-senders",
        "reason": "52 transfers of 100.00 EUR",
    }
    for _ in range(10)
)
SAMPLES = (Sample(3_725.0, 74_500_000, 67_049_000, 7_450_000, 3, 20_000.4, 1_204, 58, 117),) * 100
SUMMARY = Summary(1_200_000, 1_080_000, 119_999, 1, 0, 0, 0, 60.0, 20_000.0, 10.0, 58, 117, 2_210)


def drawn(what: RenderableType, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("duration", [None, 3_800.0])
@pytest.mark.parametrize("samples", [(), SAMPLES])
def test_no_line_is_wider_than_the_terminal(width: int, duration: float | None, samples: tuple[Sample, ...]) -> None:
    view = View(STEPS, duration, downloads={"kafka": (5, 50_000_000)}, samples=samples, alerts=ALERTS)
    lines = drawn(screen.render(view, width, 40, 0.0), width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize("width", [80, 120])
def test_the_numbers_stand_in_full_with_their_units(width: int) -> None:
    text = drawn(screen.render(View(STEPS, None, samples=SAMPLES, alerts=ALERTS), width, 40, 0.0), width)
    totals = ("74,500,000", "67,049,000", "90.0 %", "7,450,000", "10.0 %")
    for expected in (*totals, "20,000/s", "1,204", "58 ms", "117 ms", "1:02:05", "Ctrl-C"):
        assert expected in text
    assert re.search(r"\d\d:\d\d:05 +b{12} +many-senders +52 transfers of 100.00 EUR", text)


def test_before_it_runs_every_step_is_listed_with_what_it_does() -> None:
    text = drawn(screen.render(View(STEPS, 30.0), 80, 24, 0.0), 80)
    assert "00:00 of 00:30" in text
    assert re.search(r"✓ +cluster +kafka 4\.1\.0 on port 9092 +4\.2 s", text)
    assert [line.split()[0] for line in text.splitlines() if line[1:2] in "✓·⠋" and line.strip()] == ["✓", "⠋", "·"]


def test_a_download_says_how_far_it_is() -> None:
    view = View(STEPS, None, downloads={"registry": (61_000_000, 159_000_000)})
    assert "61 of 159 MB" in drawn(screen.render(view, 80, 24, 0.0), 80)


def test_few_lines_leave_room_for_the_numbers_and_not_the_list() -> None:
    view = View(STEPS, None, samples=SAMPLES, alerts=ALERTS)
    assert "bbbb" not in drawn(screen.render(view, 80, 14, 0.0), 80)
    assert drawn(screen.render(view, 80, 18, 0.0), 80).count("bbbb") < drawn(
        screen.render(view, 80, 30, 0.0), 80
    ).count("bbbb")


@pytest.mark.parametrize("height", range(16, 30))
def test_the_view_fits_the_height(height: int) -> None:
    text = drawn(screen.render(View(STEPS, 30.0, samples=SAMPLES, alerts=ALERTS), 80, height, 0.0), 80)
    assert len(text.splitlines()) <= height


def test_the_end_of_a_run_takes_the_place_of_its_beginning() -> None:
    view = View(STEPS, None, ending=named(Step("drain", "1,204 left to evaluate")), samples=SAMPLES, alerts=ALERTS)
    text = drawn(screen.render(view, 80, 24, 0.0), 80)
    assert "drain 1,204 left to evaluate" in text
    assert "cluster" not in text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "   "),
        ([5.0], "  ▆"),
        ([0.0, 5.0, 10.0], "▁▃▆"),
        ([99.0, 0.0, 5.0, 10.0], "▁▃▆"),
        ([None, 10.0], "  ▆"),
        ([0.0, 0.0], " ▁▁"),
    ],
)
def test_a_sparkline_shows_the_last_values_from_zero_to_the_highest(values: list[float | None], expected: str) -> None:
    assert screen.sparkline(values, 3) == expected


def test_the_summary_of_a_good_run() -> None:
    text = drawn(screen.summary(SUMMARY, ["where the logs are"], 80), 80)
    assert "✓ every transaction evaluated exactly once: 0 duplicates, 0 missing" in text
    assert "generated 1,200,000 = legit 1,080,000 + fraud 119,999 + dead letters 1" in text
    assert "20,000/s for 60.0 s, 10.0 % fraud" in text
    assert "where the logs are" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_summary_of_a_bad_run_says_what_is_wrong() -> None:
    bad = replace(SUMMARY, legit=1_079_998, duplicates=1, missing=3, unexpected=2)
    text = drawn(screen.summary(bad, [], 80), 80)
    assert "✗ NOT all evaluated exactly once: 1 duplicates, 3 missing, 2 unexpected" in text
    assert "generated 1,200,000 is not legit 1,079,998" in text
    assert "is another generator at work?" in text
