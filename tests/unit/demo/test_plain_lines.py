"""The plain lines: each step and download once, and a run that does not fill a log."""

import io

from rich.console import Console

from tools.demo.display import Display
from tools.demo.samples import Sample


def plain_display() -> tuple[Display, io.StringIO]:
    output = io.StringIO()
    return Display(Console(file=output, width=80)), output


def samples(seconds: float) -> list[Sample]:
    return [Sample(seconds, 2_000, 1_700, 200, 0, 1000.0, 100, 50, None)]


def test_a_step_is_shown_once_with_its_result() -> None:
    shown, output = plain_display()
    shown.show_step("topics", "asking the broker")
    shown.show_step("topics", "4 created", 1.25)
    shown.show_step("topics", "4 created", 1.25)
    first, second = output.getvalue().splitlines()
    assert first.endswith("topics: asking the broker")
    assert second.endswith("topics: 4 created (1.2 s)")


def test_a_download_is_shown_at_every_quarter_only() -> None:
    shown, output = plain_display()
    for megabyte in range(101):
        shown.show_download("kafka", megabyte * 1_000_000, 100_000_000)
    details = [line.split("  ")[-1] for line in output.getvalue().splitlines()]
    assert details == [f"kafka: downloaded {percent} % of 100 MB" for percent in (0, 25, 50, 75, 100)]


def test_a_sample_is_one_line_however_narrow_the_output() -> None:
    shown, output = plain_display()
    shown.show_samples(samples(2.0))
    (line,) = output.getvalue().splitlines()
    assert line.endswith(
        "2 s  1,000/s  generated 2,000  legit 1,700  fraud 200 (10.5 %)  dead letters 0  lag 100  p50 50 ms  p99 -"
    )


def test_a_long_run_gets_fewer_lines() -> None:
    shown, output = plain_display()
    for second in range(1, 131):
        shown.show_samples(samples(second + 0.05))
    assert len(output.getvalue().splitlines()) == 30 + 10
