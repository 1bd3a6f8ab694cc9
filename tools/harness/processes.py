"""Services as real processes, with their log as something that one can wait for."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools.harness.waiting import DEADLINE, NeverCame, wait_for


class Service:
    """A `python -m services.X` process that ends with the `with` block.

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
        self.end()
        if kind is not None:
            sys.stderr.write(f"--- {self._log} ---\n{self.text[-6000:]}\n")

    @property
    def text(self) -> str:
        """The log as it is now."""
        return self._log.read_text(errors="replace")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log's JSON lines."""
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{") and line.endswith("}")]

    def events(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """The log's lines of one event, with these values where given."""
        return [
            line
            for line in self.lines
            if line["event"] == name and all(line.get(field) == value for field, value in fields.items())
        ]

    def wait_for(self, event: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Waits until the log has `count` lines of this event; the last of them.

        Raises:
            NeverCame: The process has ended, or the time is over.
        """

        def look() -> list[dict[str, Any]]:
            code = self.process.poll()
            found = self.events(event, **fields)
            if len(found) < count and code is not None:
                raise NeverCame(f"ended with {code} before {event}:\n{self.text}")
            return found if len(found) >= count else []

        return wait_for(look, lambda: f"{event} {fields}:\n{self.text}")[-1]

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.exit_code()

    def exit_code(self) -> int:
        """Waits for its end."""
        return self.process.wait(DEADLINE)

    def end(self) -> None:
        """Ends it at once if it still runs, paused or not."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
