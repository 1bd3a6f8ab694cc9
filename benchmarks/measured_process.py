"""Processes under measurement."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tools.harness.processes import ChildProcess


class MeasuredProcess(ChildProcess):
    """A process and its children, which end with the block, or with this process.

    Args:
        command: Program and arguments.
        environment: Variables besides those of this process.
        log: The file that its output is appended to; its name is that of the process.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        super().__init__(log.stem, command, {**os.environ, **environment}, log)
        self._tree = psutil.Process(self.process.pid)

    @property
    def cpu(self) -> float:
        """Processor seconds, user and system, of the process and its children so far."""
        return sum(cpu_seconds(process) for process in self._all())

    @property
    def rss_mb(self) -> float:
        """Resident memory of the process and its children, in MB."""
        total = 0
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total / 1e6

    def kill(self) -> None:
        """Ask it to end, and end it and its children where that takes more than 10 s."""
        children = self._all()[1:]
        if not self.ended:
            self.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        super().kill()
        for child in children:
            with suppress(psutil.NoSuchProcess):  # psutil never takes another process with that id for this one
                child.kill()

    def _all(self) -> list[psutil.Process]:
        try:
            return [self._tree, *self._tree.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def cpu_seconds(process: psutil.Process) -> float:
    """Processor seconds, user and system, of one process; 0 when it is gone."""
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0
