"""Processes under measurement."""

import functools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]

from services.errors import ExpectedError

LAST_LINES = 15


class ContenderFailed(ExpectedError):  # noqa: N818 - reads as what happened
    """A contender ended, or did not do all of its work."""


@functools.cache
def _guard() -> subprocess.Popen[bytes]:
    """A process that outlives this one, and ends what this one leaves behind however it ends."""
    command = [sys.executable, "-P", "-m", "tools.demo.guard"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


class Running:
    """A process and its children, which end with the block, or with this process.

    Args:
        command: Program and arguments.
        environment: Variables besides those of this process.
        log: Takes its output.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._tree = psutil.Process(self._process.pid)
        guard = _guard().stdin
        assert guard is not None
        guard.write(f"{self._process.pid}\n".encode())
        guard.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def cpu(self) -> float:
        """Processor seconds, user and system, of the process and its children so far."""
        return sum(cpu_seconds(one) for one in self._all())

    @property
    def rss_mb(self) -> float:
        """Resident memory of the process and its children, in MB."""
        total = 0
        for one in self._all():
            with suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
        return total / 1e6

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._process.poll() is not None

    def require_alive(self) -> None:
        """Make sure that it runs, or ended well.

        Raises:
            ContenderFailed: It ended with an error; with the end of its log.
        """
        if self._process.poll():
            lines = self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            raise ContenderFailed("\n".join([f"ended with exit code {self._process.returncode}; {self._log}:", *lines]))

    def stop(self, grace: float = 10) -> None:
        """Ask it to end, and make it end where it doesn't."""
        children = self._all()[1:]
        if not self.ended:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
            self._process.kill()
            self._process.wait()
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
