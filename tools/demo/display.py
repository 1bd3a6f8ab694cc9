"""Shows a run while it happens: a live screen on a terminal, plain lines elsewhere."""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from tools.demo import screen
from tools.demo.figures import Figures, Step
from tools.demo.summary import Summary

FRAMES_PER_SECOND = 5


class StepProgress:
    """A step under way; call it with each new detail.

    Args:
        display: Shows the details.
        name: Of the step.
    """

    def __init__(self, display: "Display", name: str) -> None:
        self._display = display
        self._name = name
        self.detail = ""

    def __call__(self, detail: str) -> None:
        """Show a detail, unless it is shown already."""
        if detail != self.detail:
            self.detail = detail
            self._display.show_step(Step(self._name, detail))


class Display:
    """Plain lines: one per step, and one per second of the run that gets rarer as the run gets longer.

    Args:
        console: Takes the lines.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._quarters: dict[str, int] = {}
        self._next_figures = 0.0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave what is shown."""

    @contextmanager
    def step(self, name: str, detail: str) -> Iterator[StepProgress]:
        """A step of the run: under way inside the block, done when the block ends without an error.

        Yields:
            Takes further details; `detail` set on it is the result.
        """
        began = time.monotonic()
        progress = StepProgress(self, name)
        progress(detail)
        yield progress
        self.show_step(Step(name, progress.detail, time.monotonic() - began))

    def show_step(self, step: Step) -> None:
        """Show a step that has begun, gone on or ended."""
        duration = "" if step.seconds is None else f" ({step.seconds:.1f} s)"
        self._print(f"{step.name}: {step.detail or 'done'}{duration}")

    def show_download(self, name: str, done: int, total: int) -> None:
        """Show bytes that have come of a total: at the beginning and at every quarter. Called by several threads."""
        quarter = 4 * done // total
        with self._lock:
            if self._quarters.get(name) == quarter:
                return
            self._quarters[name] = quarter
        self._print(f"{name}: downloaded {25 * quarter} % of {total / 1e6:.0f} MB")

    def show_figures(self, figures: Figures) -> None:
        """Show figures where they are due: every second for half a minute, every ten seconds later on."""
        if figures.seconds < self._next_figures:
            return
        self._next_figures = math.floor(figures.seconds) + (1 if figures.seconds < 30 else 10)
        self._print(screen.figures_line(figures))

    def show_summary(self, summary: Summary, notes: Sequence[str]) -> None:
        """Show the summary, and what stays behind."""
        for line in [*screen.summary_lines(summary), *notes]:
            self._print(line)

    def _print(self, line: str) -> None:
        text = f"demo: {time.monotonic() - self._began:6.1f} s  {line}"
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveDisplay(Display):
    """The live screen, drawn by a thread of its own.

    Args:
        console: The terminal.
        steps: The names of the steps to a running pipeline, in order.
        duration: Seconds that the run lasts; None: until Ctrl-C.
    """

    def __init__(self, console: Console, steps: Sequence[str], duration: float | None) -> None:
        super().__init__(console)
        self._view = screen.View([Step(name) for name in steps], duration)
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

    def show_step(self, step: Step) -> None:
        """Show a step that has begun, gone on or ended."""
        with self._lock:
            self._view.update(step)

    def show_download(self, name: str, done: int, total: int) -> None:
        """Show bytes that have come of a total. Called by several threads."""
        with self._lock:
            self._view.downloads[name] = (done, total)

    def show_figures(self, figures: Figures) -> None:
        """Show the pipeline as it is now."""
        with self._lock:
            self._view.figures = figures

    def show_summary(self, summary: Summary, notes: Sequence[str]) -> None:
        """Draw the last frame, and the summary below it."""
        self._live.stop()
        self.console.print(screen.summary(summary, notes, self.console.width))

    def _render(self) -> RenderableType:
        with self._lock:
            return screen.render(self._view, self.console.width, self.console.height, time.monotonic())


def display(steps: Sequence[str], duration: float | None, *, json: bool) -> Display:
    """The display that suits the output: standard error where standard output is for JSON."""
    console = Console(stderr=json)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveDisplay(console, steps, duration)
    return Display(console)
