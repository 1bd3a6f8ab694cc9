"""Shows a run while it happens: a live screen on a terminal, plain lines elsewhere."""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    """Shows steps, figures and the summary.

    On a terminal it is a live screen, drawn by a thread of its own. Elsewhere it is a line per step, and one per second
    of the run that gets rarer as the run gets longer.

    Args:
        console: The output.
        steps: The names of the steps to a running pipeline, in order.
        duration: Seconds that the run lasts; None: until Ctrl-C.
    """

    def __init__(self, console: Console, steps: Sequence[str] = (), duration: float | None = None) -> None:
        self._console = console
        self._view = screen.View({name: Step(name) for name in steps}, duration)
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._quarters: dict[str, int] = {}
        self._next_figures = 0.0
        self._live: Live | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._live = Live(
                console=console,
                get_renderable=self._render,
                refresh_per_second=FRAMES_PER_SECOND,
                redirect_stdout=False,
                redirect_stderr=False,
            )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

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
        with self._lock:
            self._view.update(step)
        duration = "" if step.seconds is None else f" ({step.seconds:.1f} s)"
        self._print(f"{step.name}: {step.detail or 'done'}{duration}")

    def show_download(self, name: str, done: int, total: int) -> None:
        """Show bytes that have come of a total; as lines at the beginning and at every quarter. Thread-safe."""
        quarter = 4 * done // total
        with self._lock:
            self._view.downloads[name] = (done, total)
            if self._quarters.get(name) == quarter:
                return
            self._quarters[name] = quarter
        self._print(f"{name}: downloaded {25 * quarter} % of {total / 1e6:.0f} MB")

    def show_figures(self, figures: Figures) -> None:
        """Show the pipeline as it is now; as lines every second for half a minute, every ten seconds later on."""
        with self._lock:
            self._view.figures = figures
        if figures.seconds >= self._next_figures:
            self._next_figures = math.floor(figures.seconds) + (1 if figures.seconds < 30 else 10)
            self._print(screen.figures_line(figures))

    def show_summary(self, summary: Summary, notes: Sequence[str]) -> None:
        """Show the summary, and what stays behind."""
        if self._live:
            self._live.stop()
            self._console.print(screen.summary(summary, notes, self._console.width))
        for line in [*screen.summary_lines(summary), *notes]:
            self._print(line)

    def _print(self, line: str) -> None:
        """Print a line where the screen is not live."""
        if not self._live:
            text = f"demo: {time.monotonic() - self._began:6.1f} s  {line}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _render(self) -> RenderableType:
        with self._lock:
            return screen.render(self._view, self._console.width, self._console.height, time.monotonic())
