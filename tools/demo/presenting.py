"""Shows a run while it happens: a live view on a terminal, plain lines elsewhere."""

import math
import threading
import time
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live

from tools.demo import screen
from tools.demo.summary import Summary
from tools.demo.view import Download, Figures, State, Step, View

FRAMES_PER_SECOND = 5


class Presenter(Protocol):
    """Told what happens; steps and downloads from several threads."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def step(self, step: Step) -> None:
        """A step has begun, gone on or ended."""

    def download(self, download: Download) -> None:
        """More of a download has come."""

    def figures(self, figures: Figures) -> None:
        """What the pipeline does now; about once a second."""

    def summary(self, summary: Summary, notes: list[str]) -> None:
        """The end, and what to know about what stays behind."""


class PlainPresenter:
    """A line per step, and one per second of the run that gets rarer as the run gets longer.

    Args:
        console: Where the lines go.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._quarters: dict[str, int] = {}
        self._next_figures = 0.0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put away."""

    def step(self, step: Step) -> None:
        """A step has begun, gone on or ended."""
        ended = f" ({step.seconds:.1f} s)" if step.state is State.DONE else ""
        self._say(f"{step.name}: {step.detail or 'done'}{ended}")

    def download(self, download: Download) -> None:
        """Say so when it begins and at every quarter."""
        quarter = 4 * download.done // download.total
        with self._lock:
            if self._quarters.get(download.name) == quarter:
                return
            self._quarters[download.name] = quarter
        self._say(f"{download.name}: downloaded {25 * quarter} % of {download.total / 1e6:.0f} MB")

    def figures(self, figures: Figures) -> None:
        """A line, if one is due: every second for half a minute, every ten seconds later on."""
        if figures.seconds < self._next_figures:
            return
        interval = 1 if figures.seconds < 30 else 10
        self._next_figures = math.floor(figures.seconds) + interval
        now = figures.now
        parts = [
            f"{math.floor(figures.seconds):4} s",
            f"{now.rate:,.0f}/s",
            f"generated {figures.generated:,}",
            f"legit {figures.legit:,}",
            f"fraud {figures.fraud:,} ({figures.share(figures.fraud):.1f} %)",
            f"dead letters {figures.dead_letter:,}",
            f"lag {now.lag:,}",
            f"p50 {screen.milliseconds(now.p50)}",
            f"p99 {screen.milliseconds(now.p99)}",
        ]
        self._say("  ".join(parts))

    def summary(self, summary: Summary, notes: list[str]) -> None:
        """The end, and what to know about what stays behind."""
        for line in screen.verdict_lines(summary):
            self._say(line)
        for note in notes:
            self._say(note)

    def _say(self, line: str) -> None:
        text = f"demo: {time.monotonic() - self._began:6.1f} s  {line}"
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class ScreenPresenter:
    """The live view, drawn by a thread of its own from what was last told.

    Args:
        console: The terminal.
        steps: The names of the steps to a running pipeline, in order.
        duration: Seconds that the run shall take; None: until Ctrl-C.
    """

    def __init__(self, console: Console, steps: list[str], duration: float | None) -> None:
        self._console = console
        self._view = View(tuple(Step(name) for name in steps), duration)
        self._lock = threading.Lock()
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=FRAMES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def step(self, step: Step) -> None:
        """A step has begun, gone on or ended."""
        with self._lock:
            steps = tuple(step if one.name == step.name else one for one in self._view.steps)
            ending = self._view.ending
            if step not in steps:
                ending = (*(one for one in ending if one.name != step.name), step)
            self._view = replace(self._view, steps=steps, ending=ending)

    def download(self, download: Download) -> None:
        """More of a download has come."""
        with self._lock:
            others = [one for one in self._view.downloads if one.name != download.name]
            moving = [*others, download] if download.done < download.total else others
            self._view = replace(self._view, downloads=tuple(sorted(moving, key=lambda one: one.name)))

    def figures(self, figures: Figures) -> None:
        """What the pipeline does now."""
        with self._lock:
            self._view = replace(self._view, figures=figures)

    def summary(self, summary: Summary, notes: list[str]) -> None:
        """Draw the last frame for good, and the summary below it."""
        self._live.stop()
        self._console.print(screen.summary(summary, notes, self._console.width))

    def _render(self) -> RenderableType:
        return screen.render(self._view, self._console.width, self._console.height, time.monotonic())


def presenter(steps: list[str], duration: float | None, *, json: bool) -> Presenter:
    """The one that suits where the output goes: standard error where standard output is for JSON."""
    console = Console(stderr=json)
    if console.is_terminal and not console.is_dumb_terminal:
        return ScreenPresenter(console, steps, duration)
    return PlainPresenter(console)
