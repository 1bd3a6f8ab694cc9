"""The live view and the summary, drawn from plain data."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tools.demo.summary import Summary
from tools.demo.view import Download, Figures, State, Step, Suspicious, View

MAX_WIDTH = 100
_BLOCKS = "▁▂▃▄▅▆"  # none as high as its line, so that rows of them stay apart
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_LABEL, _STRONG, _QUIET, _GOOD, _BAD, _ACCENT = "grey62", "bold", "grey50", "green", "bold red", "cyan"


def render(view: View, width: int, height: int, clock: float) -> RenderableType:
    """The whole live view.

    Args:
        view: What to show.
        width: Columns of the terminal.
        height: Its lines; the list of transactions gives way where there are few.
        clock: Seconds of any clock, which turn the spinner.
    """
    inner = min(width, MAX_WIDTH) - 2
    parts: list[RenderableType] = [_title(view, inner), Text()]
    if view.figures is None:
        parts += [_step_list(view.steps, clock), *_downloads(view.downloads, inner)]
    else:
        parts += [
            _step_line(view.ending or view.steps, clock),
            Text(),
            _numbers(view.figures, inner),
            *_suspicious(view.figures.suspicious, height - 14),
        ]
    return Padding(Group(*parts), (1, 1, 0, 1))


def milliseconds(value: int | None) -> str:
    """A latency as people read it."""
    return "-" if value is None else f"{value:,} ms"


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last values as a row of blocks, from 0 to the highest; a space where there is none."""
    shown = values[-width:]
    highest = max((value for value in shown if value is not None), default=0) or 1
    top = len(_BLOCKS) - 1
    line = "".join(" " if value is None else _BLOCKS[round(top * value / highest)] for value in shown)
    return line.rjust(width)


def verdict_lines(summary: Summary) -> list[str]:
    """A run in a few plain lines, the verdict first."""
    sum_of = f"legit {summary.legit:,} + fraud {summary.fraud:,} + dead letters {summary.dead_letter:,}"
    relation = "=" if summary.generated == summary.judged else "is not"
    kept = "every transaction judged exactly once" if summary.exactly_once else "NOT all judged exactly once"
    unexpected = f", {summary.unexpected:,} unexpected" if summary.unexpected else ""
    latency = f"latency p50 {milliseconds(summary.latency_ms_p50)}, p99 {milliseconds(summary.latency_ms_p99)}"
    return [
        f"{kept}: {summary.duplicates:,} duplicates, {summary.missing:,} missing{unexpected}",
        f"generated {summary.generated:,} {relation} {sum_of}",
        f"{summary.rate:,.0f}/s for {summary.seconds:,.1f} s, {summary.fraud_percent:.1f} % fraud",
        f"{latency}, lag up to {summary.lag_max:,}",
        *(["unexpected: not generated in this run; is another generator at work?"] if summary.unexpected else []),
    ]


def summary(result: Summary, notes: Sequence[str], width: int) -> RenderableType:
    """What a run came to, as the last thing on the terminal."""
    color, mark = (_GOOD, "✓") if result.exactly_once else (_BAD, "✗")
    kept, *figures = verdict_lines(result)
    lines = Group(Text(f"{mark} {kept}", style=color), *(Text(f"  {line}") for line in figures))
    panel = Panel(lines, box=box.ROUNDED, border_style=color, width=min(width, MAX_WIDTH) - 2, padding=(0, 1))
    return Padding(Group(panel, *(Text(f"  {note}", style=_LABEL) for note in notes)), (1, 1))


def _title(view: View, width: int) -> RenderableType:
    seconds = min(view.figures.seconds if view.figures else 0.0, view.duration or float("inf"))
    if view.duration is None:
        right = f"{_clock(seconds)}   Ctrl-C ends it" if view.figures else ""
    else:
        right = f"{_clock(seconds)} of {_clock(view.duration)}"
    line = Table.grid(expand=False)
    line.width = width
    line.add_column(ratio=1)
    line.add_column(justify="right")
    line.add_row(Text("Fraud detection on a stream", style=_STRONG), Text(right, style=_LABEL))
    if view.duration is None:
        return Group(line, Text("━" * width, style="grey23"))
    bar = ProgressBar(view.duration, seconds, width, style="grey23", complete_style=_ACCENT,
                      finished_style=_ACCENT)  # fmt: skip
    return Group(line, bar)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _mark(step: Step, clock: float) -> Text:
    match step.state:
        case State.DONE:
            return Text("✓", style=_GOOD)
        case State.RUNNING:
            return Text(_SPINNER[int(clock * 10) % len(_SPINNER)], style=_ACCENT)
        case State.WAITING:
            return Text("·", style=_QUIET)


def _step_list(steps: Sequence[Step], clock: float) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    for step in steps:
        seconds = f"{step.seconds:.1f} s" if step.state is State.DONE else ""
        name = Text(step.name, style=_QUIET if step.state is State.WAITING else "")
        table.add_row(_mark(step, clock), name, Text(step.detail, style=_LABEL), Text(seconds, style=_QUIET))
    return table


def _step_line(steps: Sequence[Step], clock: float) -> RenderableType:
    line = Text(no_wrap=True, overflow="ellipsis")
    for step in steps:
        line.append_text(_mark(step, clock))
        line.append(f" {step.name}", style=_LABEL)
        if step.state is State.RUNNING and step.detail:
            line.append(f" {step.detail}", style=_QUIET)
        line.append("   ")
    return line


def _downloads(downloads: Sequence[Download], width: int) -> list[RenderableType]:
    if not downloads:
        return []
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    for download in downloads:
        bar = ProgressBar(download.total, download.done, max(10, width - 40), style="grey23", complete_style=_ACCENT)
        size = f"{download.done / 1e6:,.0f} of {download.total / 1e6:,.0f} MB"
        table.add_row(Text(f"   {download.name}", style=_LABEL), bar, Text(size, style=_LABEL))
    return [Text(), table]


def _numbers(figures: Figures, width: int) -> RenderableType:
    left = (width - 1) // 2
    right = width - 1 - left
    both = Table.grid()
    both.add_column(width=left + 1)
    both.add_column(width=right)
    both.add_row(Padding(_totals(figures, left), (0, 1, 0, 0)), _pulse(figures, right))
    return both


def _totals(figures: Figures, width: int) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, style=_LABEL)
    table.add_column(justify="right", no_wrap=True, ratio=1)
    table.add_column(justify="right", no_wrap=True, width=8, style=_LABEL)
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
    now, history = figures.now, figures.history
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, style=_LABEL, width=11)
    table.add_column(justify="right", no_wrap=True, width=9, style=_STRONG)
    table.add_column(justify="right", no_wrap=True, style=_ACCENT)
    lines = max(5, width - 26)
    rows: list[tuple[str, str, list[float | None]]] = [
        ("rate", f"{now.rate:,.0f}/s", [sample.rate for sample in history]),
        ("lag", f"{now.lag:,}", [sample.lag for sample in history]),
        ("latency p50", milliseconds(now.p50), [sample.p50 for sample in history]),
        ("latency p99", milliseconds(now.p99), [sample.p99 for sample in history]),
    ]
    for label, value, values in rows:
        table.add_row(label, value, sparkline(values, lines))
    return _panel(table, "now", width)


def _panel(content: RenderableType, title: str, width: int) -> RenderableType:
    heading = Text(title, style=_LABEL)
    return Panel(
        content, title=heading, title_align="left", box=box.ROUNDED, border_style="grey35", width=width, padding=(0, 1)
    )


def _suspicious(transactions: Sequence[Suspicious], lines: int) -> list[RenderableType]:
    shown = transactions[: max(0, lines)]
    if not shown:
        return []
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style=_QUIET)
    table.add_column("  suspicious at", no_wrap=True, style=_LABEL)
    table.add_column("from", no_wrap=True)
    table.add_column("", no_wrap=True, style=_QUIET)
    table.add_column("to", no_wrap=True)
    table.add_column("amount", no_wrap=True, justify="right", style="yellow")
    table.add_column("", no_wrap=True, style=_LABEL)
    for one in shown:
        local = one.created_at.astimezone()
        at = f"  {local:%H:%M:%S}.{local.microsecond // 1000:03}"
        table.add_row(at, one.source, "→", one.target, f"{one.amount:,}", one.currency)
    return [Text(), table]
