"""Progress of a start on stderr: bars on a terminal, a few plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn


class Reporter(Protocol):
    """Reporter of progress; its methods are called from several threads."""

    def download(self, name: str, done: int, total: int) -> None:
        """Bytes of a part that have come, and that will have."""

    def say(self, line: str) -> None:
        """Report an event."""


class PlainReporter:
    """Lines with the seconds since the beginning; a download has one when it begins and one when it ends."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._downloading: set[str] = set()
        self._lock = threading.Lock()

    def download(self, name: str, done: int, total: int) -> None:
        """Bytes of a part that have come, and that will have."""
        with self._lock:
            if name not in self._downloading:
                self._downloading.add(name)
                self.say(f"{name}: downloading {total / 1e6:.0f} MB")
        if done == total:
            self.say(f"{name}: downloaded")

    def say(self, line: str) -> None:
        """Report an event."""
        seconds = time.monotonic() - self._began
        print(f"local-cluster: {seconds:5.1f} s  {line}", file=sys.stderr, flush=True)


class BarReporter(PlainReporter):
    """The same lines above a bar for each download."""

    def __init__(self, bars: Progress) -> None:
        super().__init__()
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def download(self, name: str, done: int, total: int) -> None:
        """Bytes of a part that have come, and that will have."""
        with self._lock:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=total)
            self._bars.update(self._tasks[name], completed=done)


@contextmanager
def reporter() -> Iterator[Reporter]:
    """The reporter that suits stderr."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield PlainReporter()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as bars:
        yield BarReporter(bars)
