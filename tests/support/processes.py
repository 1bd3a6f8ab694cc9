"""Services as real processes, with their log as something that a test can wait for."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

DEADLINE = 60.0


class Service:
    """A `python -m services.X` process that this test started, and that ends with the `with` block.

    Args:
        module: `services.detector`, `services.generator`.
        environment: Its settings, on top of a PATH and nothing else.
        log: The file that takes its standard error.
    """

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        keep = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "COVERAGE_", "SSL_"))}
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module], env=keep | dict(environment), stdout=stream, stderr=stream
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        if kind is not None:
            sys.stderr.write(f"--- {self._log} ---\n{self.text[-6000:]}\n")

    @property
    def text(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log's JSON lines."""
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    def events(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        return [
            line
            for line in self.lines
            if line["event"] == name and all(line.get(field) == value for field, value in fields.items())
        ]

    def wait_for(self, event: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Waits until the log has `count` lines of this event."""
        deadline = time.monotonic() + DEADLINE
        while len(found := self.events(event, **fields)) < count:
            assert self.process.poll() is None, f"ended with {self.process.returncode} before {event}:\n{self.text}"
            assert time.monotonic() < deadline, f"no {event} {fields} within {DEADLINE} s:\n{self.text}"
            time.sleep(0.02)
        return found[-1]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.exit_code()

    def exit_code(self) -> int:
        return self.process.wait(DEADLINE)
