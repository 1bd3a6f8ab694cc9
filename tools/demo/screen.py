"""The live screen, the plain line of figures and the summary, drawn from plain data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tools.demo.figures import Figures, Step
from tools.demo.summary import Summary

MAX_WIDTH = 100
_BLOCKS = "▁▂▃▄▅▆"  # none as high as its line, so that rows of them stay apart
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_LABEL, _STRONG, _QUIET, _GOOD, _BAD, _ACCENT = "grey62", "bold", "grey50", "green", "bold red", "cyan"


@dataclass
class View:
    """Everything on the screen.

    Attributes:
        steps: The steps to a running pipeline, by name, in order.
        duration: Seconds that the run lasts; None: until Ctrl-C.
        ending: The steps after it.
        downloads: Bytes that have come and bytes in total, by name.
        figures: The pipeline; None before it runs.
    """

    steps: dict[str, Step]
    duration: float | None
    ending: dict[str, Step] = field(default_factory=dict)
    downloads: dict[str, tuple[int, int]] = field(default_factory=dict)
    figures: Figures | None = None

    def update(self, step: Step) -> None:
        """Replace the step of that name; a new one belongs to the end of the run."""
        (self.steps if step.name in self.steps else self.ending)[step.name] = step


def render(view: View, width: int, height: int, clock: float) -> RenderableType:
    """The whole live screen.

    Args:
        view: The view to show.
        width: Columns of the terminal.
        height: Its lines; the list of transactions is cut where there are few.
        clock: Seconds of any clock, which turn the spinner.
    """
    inner = min(width, MAX_WIDTH) - 2
    parts: list[RenderableType] = [_title(view, inner), Text()]
    if view.figures is None:
        parts += [_step_list(view.steps.values(), clock), *_downloads(view.downloads, inner)]
    else:
        parts += [
            _step_line((view.ending or view.steps).values(), clock),
            Text(),
            _numbers(view.figures, inner),
            *_suspicious(view.figures.suspicious[: max(0, height - 14)]),
        ]
    return Padding(Group(*parts), (1, 1, 0, 1))


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last values as a row of blocks, from 0 to the highest; a space where there is none."""
    shown = values[-width:]
    highest = max((value for value in shown if value is not None), default=0) or 1
    top = len(_BLOCKS) - 1
    line = "".join(" " if value is None else _BLOCKS[round(top * value / highest)] for value in shown)
    return line.rjust(width)


def figures_line(figures: Figures) -> str:
    """The pipeline in one plain line."""
    now = figures.now
    parts = [
        f"{int(figures.seconds):4} s",
        f"{now.rate:,.0f}/s",
        f"generated {figures.generated:,}",
        f"legit {figures.legit:,}",
        f"fraud {figures.fraud:,} ({figures.share(figures.fraud):.1f} %)",
        f"dead letters {figures.dead_letter:,}",
        f"lag {now.lag:,}",
        f"p50 {_milliseconds(now.p50)}",
        f"p99 {_milliseconds(now.p99)}",
    ]
    return "  ".join(parts)


def summary_lines(summary: Summary) -> list[str]:
    """A run in a few plain lines, the verdict first."""
    total = f"legit {summary.legit:,} + fraud {summary.fraud:,} + dead letters {summary.dead_letter:,}"
    relation = "=" if summary.generated == summary.judged else "is not"
    verdict = "every transaction judged exactly once" if summary.exactly_once else "NOT all judged exactly once"
    unexpected = f", {summary.unexpected:,} unexpected" if summary.unexpected else ""
    latency = f"latency p50 {_milliseconds(summary.latency_ms_p50)}, p99 {_milliseconds(summary.latency_ms_p99)}"
    return [
        f"{verdict}: {summary.duplicates:,} duplicates, {summary.missing:,} missing{unexpected}",
        f"generated {summary.generated:,} {relation} {total}",
        f"{summary.rate:,.0f}/s for {summary.seconds:,.1f} s, {summary.fraud_percent:.1f} % fraud",
        f"{latency}, lag up to {summary.lag_max:,}",
        *(["unexpected: not generated in this run; is another generator at work?"] if summary.unexpected else []),
    ]


def summary(result: Summary, notes: Sequence[str], width: int) -> RenderableType:
    """The summary, as the last thing on the terminal."""
    color, mark = (_GOOD, "✓") if result.exactly_once else (_BAD, "✗")
    verdict, *figures = summary_lines(result)
    lines = Group(Text(f"{mark} {verdict}", style=color), *(Text(f"  {line}") for line in figures))
    panel = Panel(lines, border_style=color, width=min(width, MAX_WIDTH) - 2)
    return Padding(Group(panel, *(Text(f"  {note}", style=_LABEL) for note in notes)), (1, 1))


def _milliseconds(value: int | None) -> str:
    return "-" if value is None else f"{value:,} ms"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _title(view: View, width: int) -> RenderableType:
    seconds = min(view.figures.seconds if view.figures else 0.0, view.duration or float("inf"))
    if view.duration is None:
        right = f"{_clock(seconds)}   Ctrl-C ends it" if view.figures else ""
    else:
        right = f"{_clock(seconds)} of {_clock(view.duration)}"
    line = Table.grid()
    line.width = width
    line.add_column(ratio=1)
    line.add_row(Text("Fraud detection on a stream", style=_STRONG), Text(right, style=_LABEL))
    rule = Text("━" * width, style="grey23") if view.duration is None else _bar(seconds, view.duration, width)
    return Group(line, rule)


def _bar(done: float, total: float, width: int) -> ProgressBar:
    return ProgressBar(total, done, width, style="grey23", complete_style=_ACCENT, finished_style=_ACCENT)


def _mark(step: Step, clock: float) -> Text:
    if step.detail is None:
        return Text("·", style=_QUIET)
    if step.seconds is None:
        return Text(_SPINNER[int(clock * 10) % len(_SPINNER)], style=_ACCENT)
    return Text("✓", style=_GOOD)


def _step_list(steps: Iterable[Step], clock: float) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for _ in range(4):
        table.add_column(no_wrap=True, overflow="ellipsis")
    for step in steps:
        name = Text(step.name, style=_QUIET if step.detail is None else "")
        seconds = "" if step.seconds is None else f"{step.seconds:.1f} s"
        table.add_row(_mark(step, clock), name, Text(step.detail or "", style=_LABEL), Text(seconds, style=_QUIET))
    return table


def _step_line(steps: Iterable[Step], clock: float) -> RenderableType:
    line = Text(no_wrap=True, overflow="ellipsis")
    for step in steps:
        line.append_text(_mark(step, clock))
        line.append(f" {step.name}", style=_LABEL)
        if step.detail and step.seconds is None:
            line.append(f" {step.detail}", style=_QUIET)
        line.append("   ")
    return line


def _downloads(downloads: Mapping[str, tuple[int, int]], width: int) -> list[RenderableType]:
    table = Table.grid(padding=(0, 2))
    for name, (done, total) in sorted(downloads.items()):
        if done < total:
            size = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
            table.add_row(Text(f"   {name}", style=_LABEL), _bar(done, total, max(10, width - 40)), size)
    return [Text(), table] if table.row_count else []


def _numbers(figures: Figures, width: int) -> RenderableType:
    left = (width - 1) // 2
    table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    table.add_row(_totals(figures, left), _pulse(figures, width - 1 - left))
    return table


def _totals(figures: Figures, width: int) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(style=_LABEL)
    table.add_column(justify="right", ratio=1)
    table.add_column(justify="right", width=8, style=_LABEL)
    rows = [
        ("generated", figures.generated, "", _STRONG),
        ("legit", figures.legit, f"{figures.share(figures.legit):.1f} %", ""),
        ("fraud", figures.fraud, f"{figures.share(figures.fraud):.1f} %", "bold yellow"),
        ("dead letters", figures.dead_letter, "", _BAD if figures.dead_letter else ""),
    ]
    for label, count, share, style in rows:
        table.add_row(label, Text(f"{count:,}", style=style), share)
    return _panel(table, "transactions", width)


def _pulse(figures: Figures, width: int) -> RenderableType:
    now, samples = figures.now, figures.samples
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, style=_LABEL, width=11)
    table.add_column(justify="right", no_wrap=True, width=9, style=_STRONG)
    table.add_column(justify="right", no_wrap=True, style=_ACCENT)
    rows: list[tuple[str, str, list[float | None]]] = [
        ("rate", f"{now.rate:,.0f}/s", [sample.rate for sample in samples]),
        ("lag", f"{now.lag:,}", [sample.lag for sample in samples]),
        ("latency p50", _milliseconds(now.p50), [sample.p50 for sample in samples]),
        ("latency p99", _milliseconds(now.p99), [sample.p99 for sample in samples]),
    ]
    for label, value, values in rows:
        table.add_row(label, value, sparkline(values, max(5, width - 26)))
    return _panel(table, "now", width)


def _panel(content: RenderableType, title: str, width: int) -> RenderableType:
    return Panel(content, title=Text(title, style=_LABEL), title_align="left", border_style="grey35", width=width)


def _suspicious(transactions: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style=_QUIET)
    for heading, style in (
        ("  suspicious at", _LABEL), ("from", ""), ("", _QUIET), ("to", ""), ("amount", "yellow"), ("", _LABEL)
    ):  # fmt: skip
        table.add_column(heading, no_wrap=True, style=style, justify="right" if heading == "amount" else "left")
    for record in transactions:
        local = record["created_at"].astimezone()
        at = f"  {local:%H:%M:%S}.{local.microsecond // 1000:03}"
        table.add_row(at, record["source"], "→", record["target"], f"{record['amount']:,}", record["currency"])
    return [Text(), table] if transactions else []
