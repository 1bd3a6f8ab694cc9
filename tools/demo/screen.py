"""The live screen, the plain line of a sample and the summary, drawn from plain data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tools.demo.samples import Sample
from tools.demo.summary import Summary

MAX_WIDTH = 100
_BLOCKS = "▁▂▃▄▅▆"  # none as high as its line, so that rows of them stay apart
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_LABEL, _STRONG, _QUIET, _GOOD, _BAD, _ACCENT = "grey62", "bold", "grey50", "green", "bold red", "cyan"


@dataclass
class Step:
    """A step of the run.

    Attributes:
        name: A word or two.
        detail: The current action, or the result; None before the step begins.
        seconds: Duration; None until the step is done.
    """

    name: str
    detail: str | None = None
    seconds: float | None = None


@dataclass
class View:
    """Everything on the screen.

    Attributes:
        steps: The steps to a running pipeline, by name, in order.
        duration: Seconds that the run lasts; None: until Ctrl-C.
        ending: The steps after it.
        downloads: Bytes that have come and bytes in total, by name.
        samples: The running pipeline, oldest first; none before it runs.
        alerts: The latest alerts, latest first.
    """

    steps: dict[str, Step]
    duration: float | None
    ending: dict[str, Step] = field(default_factory=dict)
    downloads: dict[str, tuple[int, int]] = field(default_factory=dict)
    samples: Sequence[Sample] = ()
    alerts: Sequence[Mapping[str, Any]] = ()

    def update(self, step: Step) -> bool:
        """Replace the step of that name, and return whether it was another; a new one belongs to the end of the run."""
        steps = self.steps if step.name in self.steps else self.ending
        before, steps[step.name] = steps.get(step.name), step
        return step != before


def render(view: View, width: int, height: int, clock: float) -> RenderableType:
    """The whole live screen.

    Args:
        view: The view to show.
        width: Columns of the terminal.
        height: Its lines; the list of transactions is cut where there are few.
        clock: Seconds of any clock, which turn the spinner.
    """
    inner = min(width, MAX_WIDTH) - 2
    parts: list[RenderableType] = [*_title(view), Text()]
    if view.samples:
        numbers = Table.grid(expand=True, padding=(0, 1, 0, 0), pad_edge=False)
        numbers.add_column(ratio=1)
        numbers.add_column(ratio=1)
        numbers.add_row(_totals(view.samples[-1]), _pulse(view.samples, inner // 2))
        alerts = view.alerts[: max(0, height - 15)]
        parts += [
            _step_line((view.ending or view.steps).values(), clock),
            Text(),
            numbers,
            *_link(view.steps),
            *_alerts(alerts),
        ]
    else:
        parts += [_step_list(view.steps.values(), clock), *_downloads(view.downloads)]
    return Padding(Constrain(Group(*parts), inner), (1, 1, 0, 1))


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last values as a row of blocks, from 0 to the highest; a space where there is none."""
    shown = values[-width:]
    highest = max((value for value in shown if value is not None), default=0) or 1
    top = len(_BLOCKS) - 1
    line = "".join(" " if value is None else _BLOCKS[round(top * value / highest)] for value in shown)
    return line.rjust(width)


def sample_line(sample: Sample) -> str:
    """The pipeline in one plain line."""
    return (
        f"{int(sample.seconds):4} s  {sample.rate:,.0f}/s  generated {sample.generated:,}  legit {sample.legit:,}  "
        f"fraud {sample.fraud:,} ({sample.share(sample.fraud):.1f} %)  dead letters {sample.dead_letter:,}  "
        f"lag {sample.lag:,}  p50 {_milliseconds(sample.p50)}  p99 {_milliseconds(sample.p99)}"
    )


def summary_lines(summary: Summary) -> list[str]:
    """A run in a few plain lines, the verdict first."""
    total = f"legit {summary.legit:,} + fraud {summary.fraud:,} + dead letters {summary.dead_letter:,}"
    relation = "=" if summary.generated == summary.evaluated else "is not"
    verdict = "every transaction evaluated exactly once" if summary.exactly_once else "NOT all evaluated exactly once"
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
    verdict, *details = summary_lines(result)
    lines = Group(Text(f"{mark} {verdict}", style=color), *(Text(f"  {line}") for line in details))
    panel = Panel(lines, border_style=color, width=min(width, MAX_WIDTH) - 2)
    return Padding(Group(panel, *(Text(f"  {note}", style=_LABEL) for note in notes)), (1, 1))


def _milliseconds(value: int | None) -> str:
    return "-" if value is None else f"{value:,} ms"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _title(view: View) -> list[RenderableType]:
    seconds = view.samples[-1].seconds if view.samples else 0.0
    line = Table.grid(expand=True)
    line.add_column(ratio=1)
    title, rule = Text("Fraud detection on a stream", style=_STRONG), Rule(characters="━", style="grey23")
    if view.duration is None:
        line.add_row(title, Text(f"{_clock(seconds)}   Ctrl-C ends it" if view.samples else "", style=_LABEL))
        return [line, rule]
    seconds = min(seconds, view.duration)
    line.add_row(title, Text(f"{_clock(seconds)} of {_clock(view.duration)}", style=_LABEL))
    return [line, _bar(seconds, view.duration)]


def _bar(done: float, total: float) -> ProgressBar:
    return ProgressBar(total, done, style="grey23", complete_style=_ACCENT, finished_style=_ACCENT)


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
        line.append_text(_mark(step, clock)).append(f" {step.name}", style=_LABEL)
        line.append(f" {step.detail}   " if step.detail and step.seconds is None else "   ", style=_QUIET)
    return line


def _downloads(downloads: Mapping[str, tuple[int, int]]) -> list[RenderableType]:
    table = Table.grid(expand=True, padding=(0, 2))
    table.add_column(style=_LABEL)
    table.add_column(ratio=1)
    for name, (done, total) in sorted(downloads.items()):
        if done < total:
            table.add_row(f"   {name}", _bar(done, total), f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB")
    return [Text(), table] if table.row_count else []


def _totals(now: Sample) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(style=_LABEL)
    table.add_column(justify="right", ratio=1)
    table.add_column(justify="right", width=8, style=_LABEL)
    table.add_row("generated", Text(f"{now.generated:,}", style=_STRONG))
    table.add_row("legit", f"{now.legit:,}", f"{now.share(now.legit):.1f} %")
    table.add_row("fraud", Text(f"{now.fraud:,}", style="bold yellow"), f"{now.share(now.fraud):.1f} %")
    table.add_row("dead letters", Text(f"{now.dead_letter:,}", style=_BAD if now.dead_letter else ""))
    return _panel(table, "transactions")


def _pulse(samples: Sequence[Sample], width: int) -> RenderableType:
    now, columns = samples[-1], max(5, width - 26)
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, style=_LABEL, width=11)
    table.add_column(justify="right", no_wrap=True, width=9, style=_STRONG)
    table.add_column(justify="right", no_wrap=True, style=_ACCENT)
    table.add_row("rate", f"{now.rate:,.0f}/s", sparkline([sample.rate for sample in samples], columns))
    table.add_row("lag", f"{now.lag:,}", sparkline([sample.lag for sample in samples], columns))
    table.add_row("latency p50", _milliseconds(now.p50), sparkline([sample.p50 for sample in samples], columns))
    table.add_row("latency p99", _milliseconds(now.p99), sparkline([sample.p99 for sample in samples], columns))
    return _panel(table, "now")


def _panel(content: RenderableType, title: str) -> RenderableType:
    return Panel(content, title=Text(title, style=_LABEL), title_align="left", border_style="grey35")


def _link(steps: Mapping[str, Step]) -> list[RenderableType]:
    """The console's address, where it runs; whole, however narrow the terminal is."""
    link = steps["console"].detail if "console" in steps else None
    return [Text(f"  console {link}", style=_ACCENT, overflow="fold")] if link and link.startswith("http") else []


def _alerts(alerts: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=_QUIET, expand=True)
    for heading, style in {"  alert at": _LABEL, "account": "", "rule": "yellow", "reason": ""}.items():
        table.add_column(
            heading, no_wrap=True, style=style, ratio=1 if heading == "reason" else None, overflow="ellipsis"
        )
    for alert in alerts:
        at = f"  {alert['detected_at'].astimezone().time().isoformat('seconds')}"
        table.add_row(at, alert["transaction"]["target"], alert["rule"], alert["reason"])
    return [Text(), table] if alerts else []
