"""Shows a run while it happens: a live screen on a terminal, plain lines elsewhere."""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.live import Live

from tools.demo import screen
from tools.demo.samples import Sample
from tools.demo.screen import Step
from tools.demo.summary import Summary

FRAMES_PER_SECOND = 5


class Display:
    """Shows steps, measurements and the summary.

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
        self._next_sample = 0.0
        self._printed: set[str] = set()
        self._live: Live | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._live = Live(
                console=console,
                get_renderable=self._render,
                refresh_per_second=FRAMES_PER_SECOND,
                redirect_stdout=False,
                redirect_stderr=False,
            )

    @property
    def is_live(self) -> bool:
        """Return whether a person looks at it."""
        return self._live is not None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    @contextmanager
    def step(self, name: str, detail: str) -> Iterator[Step]:
        """A step of the run: under way inside the block, done when the block ends without an error.

        Yields:
            The step; `detail` set on it is the result.
        """
        began = time.monotonic()
        self.show_step(name, detail)
        result = Step(name)
        yield result
        self.show_step(name, result.detail or "done", time.monotonic() - began)

    def show_step(self, name: str, detail: str, seconds: float | None = None) -> None:
        """Show a step that has begun, gone on or, with its duration, ended; nothing where that is shown already."""
        with self._lock:
            if not self._view.update(Step(name, detail, seconds)):
                return
        duration = "" if seconds is None else f" ({seconds:.1f} s)"
        self._print(f"{name}: {detail}{duration}")

    def show_download(self, name: str, done: int, total: int) -> None:
        """Show bytes that have come of a total; as lines at the beginning and at every quarter. Thread-safe."""
        quarter = 4 * done // total
        with self._lock:
            self._view.downloads[name] = (done, total)
            if self._quarters.get(name) == quarter:
                return
            self._quarters[name] = quarter
        self._print(f"{name}: downloaded {25 * quarter} % of {total / 1e6:.0f} MB")

    def show_samples(self, samples: Sequence[Sample], alerts: Sequence[dict[str, Any]] = ()) -> None:
        """Show the pipeline as it is now; as lines every second for half a minute, every ten seconds later on."""
        with self._lock:
            self._view.samples, self._view.alerts = tuple(samples), alerts
        now = samples[-1]
        if now.seconds >= self._next_sample:
            self._next_sample = math.floor(now.seconds) + (1 if now.seconds < 30 else 10)
            self._print(screen.sample_line(now))
            self._print_new(alerts)

    def show_summary(self, summary: Summary, notes: Sequence[str]) -> None:
        """Show the summary, and what stays behind."""
        if self._live:
            self._live.stop()
            self._console.print(screen.summary(summary, notes, self._console.width))
        for line in [*screen.summary_lines(summary), *notes]:
            self._print(line)

    def _print_new(self, alerts: Sequence[dict[str, Any]]) -> None:
        """Print the latest alert of each rule that has not been printed yet."""
        for alert in alerts:
            if not self._live and alert["rule"] not in self._printed:
                self._printed.add(alert["rule"])
                self._print(f"alert: {alert['rule']}: {alert['reason']}")

    def _print(self, line: str) -> None:
        """Print a line where the screen is not live."""
        if not self._live:
            text = f"demo: {time.monotonic() - self._began:6.1f} s  {line}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _render(self) -> RenderableType:
        with self._lock:
            return screen.render(self._view, self._console.width, self._console.height, time.monotonic())
