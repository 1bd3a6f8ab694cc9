"""Processes of tests, benchmarks and the demo: each has a log file, and none outlives its owner."""

import atexit
import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from services.errors import FatalError
from tools.harness.waiting import DEADLINE, NeverCame, wait_for

LAST_LINES = 15


class ProcessDied(FatalError):  # noqa: N818 - reads as what happened
    """A process ended when it should not have, or not the way it should have."""


@functools.cache
def _guard() -> subprocess.Popen[bytes]:
    """The process that ends what this one leaves behind, however it ends."""
    command = [sys.executable, "-P", "-m", "tools.harness.process_guard"]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    atexit.register(guard.communicate)
    return guard


def _end_with_owner(pid: int) -> None:
    pids = cast("IO[bytes]", _guard().stdin)
    pids.write(f"{pid}\n".encode())
    pids.flush()


class ChildProcess:
    """A process that ends with the `with` block, or with its owner.

    It has a session of its own: a Ctrl-C on the terminal reaches the owner alone.

    Args:
        name: Named in errors.
        command: Program and arguments.
        environment: All of its variables.
        log: The file that its output is appended to.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        _end_with_owner(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def text(self) -> str:
        """The log as it is now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def ended(self) -> bool:
        """Return whether it has ended."""
        return self.process.poll() is not None

    def require_alive(self) -> None:
        """Make sure that it still runs.

        Raises:
            ProcessDied: It has ended; with the last lines of its log.
        """
        if self.ended:
            raise self._died("ended early")

    def require_no_failure(self) -> None:
        """Make sure that it still runs, or has ended with exit code 0.

        Raises:
            ProcessDied: It has failed; with the last lines of its log.
        """
        if self.process.poll():
            raise self._died("failed")

    def require_success(self) -> None:
        """Make sure that it has ended with exit code 0.

        Raises:
            ProcessDied: It still runs, or has failed; with the last lines of its log.
        """
        if not self.ended:
            raise self._died("did not end when asked to")
        self.require_no_failure()

    def terminate(self) -> None:
        """Send SIGTERM, upon which services finish what they have begun."""
        self.process.terminate()

    def kill(self) -> None:
        """End it at once if it still runs, paused or not."""
        self.process.kill()
        self.process.wait()

    def _died(self, how: str) -> ProcessDied:
        code = self.process.returncode
        exit_code = "" if code is None else f" with exit code {code}"
        lines = "".join(f"\n  {line}" for line in self.text.splitlines()[-LAST_LINES:])
        return ProcessDied(f"the {self.name} {how}{exit_code}; the end of {self.log}:{lines or ' (empty)'}")


class Service(ChildProcess):
    """A `python -m services.X` process whose JSON log can be waited on.

    Args:
        module: `services.detector`, `services.generator`.
        environment: Its settings, on top of a PATH and nothing else.
        log: The file that its output is appended to.
    """

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        inherited = {
            name: value for name, value in os.environ.items() if name.startswith(("PATH", "COVERAGE_", "SSL_"))
        }
        super().__init__(module.rpartition(".")[2], [sys.executable, "-m", module], inherited | dict(environment), log)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if kind is not None:
            sys.stderr.write(f"--- {self.log} ---\n{self.text[-6000:]}\n")

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
        """Wait until the log has `count` lines of this event, and return the last of them.

        Raises:
            NeverCame: The process has ended, or the time is over.
        """

        def look() -> list[dict[str, Any]]:
            code = self.process.poll()
            events = self.events(event, **fields)
            if len(events) < count and code is not None:
                raise NeverCame(f"ended with {code} before {event}:\n{self.text}")
            return events if len(events) >= count else []

        return wait_for(look, lambda: f"{event} {fields}:\n{self.text}")[-1]

    def stop(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit code."""
        self.terminate()
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait for the end, and return the exit code."""
        return self.process.wait(DEADLINE)
