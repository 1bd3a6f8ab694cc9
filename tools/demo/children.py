"""The generator and the detector as processes of their own, with their logs in files."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from services.errors import FatalError

LAST_LINES = 8


class ServiceDied(FatalError):  # noqa: N818 - reads as the state that it reports
    """A service ended when it should not have, or not the way it should have."""


class Child:
    """A service as a process of its own session, so that a Ctrl-C on the terminal reaches the demo alone.

    Args:
        name: What people call it.
        module: What ``python -m`` runs.
        environment: All of its variables.
        log: Where its output goes; what was there is replaced.
    """

    def __init__(self, name: str, module: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def require_alive(self) -> None:
        """Make sure that it still runs.

        Raises:
            ServiceDied: It doesn't; with the last lines of its log.
        """
        if self.ended:
            raise self._died("ended early")

    def ask_to_end(self) -> None:
        """Send SIGTERM, upon which services finish what they have begun."""
        self._process.send_signal(signal.SIGTERM)

    def require_clean_end(self) -> None:
        """Make sure that it has ended as services do when asked to.

        Raises:
            ServiceDied: It still runs, or ended with an error.
        """
        if not self.ended:
            raise self._died("did not end when asked to")
        if self._process.returncode:
            raise self._died("did not end cleanly")

    def kill(self) -> None:
        """End it at once, if it still runs."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def _died(self, how: str) -> ServiceDied:
        code = self._process.returncode
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        shown = "".join(f"\n  {line}" for line in lines[-LAST_LINES:])
        exit_code = "" if code is None else f" with exit code {code}"
        return ServiceDied(f"the {self.name} {how}{exit_code}; the end of {self.log}:{shown or ' (empty)'}")


class Services:
    """The services of one run. They end with the block, or with this process, however it ends.

    Args:
        logs: Directory of their logs.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: dict[str, Child] = {}
        self._guard = subprocess.Popen(
            [sys.executable, "-P", "-m", "tools.demo.guard"], stdin=subprocess.PIPE, start_new_session=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.kill()
        self._guard.communicate()

    def __getitem__(self, name: str) -> Child:
        """The service of that name, which was started."""
        return self._children[name]

    def start(self, name: str, variables: Mapping[str, str]) -> Child:
        """Start the service ``services.<name>`` with some variables besides those of this process."""
        inherited = {name: value for name, value in os.environ.items() if name != "METRICS_PORT"}  # fits only one
        child = Child(name, f"services.{name}", {**inherited, **variables}, self._logs / f"{name}.log")
        self._children[name] = child
        if self._guard.stdin is not None:
            self._guard.stdin.write(f"{child.pid}\n".encode())
            self._guard.stdin.flush()
        return child

    def require_alive(self) -> None:
        """Make sure that all of them still run.

        Raises:
            ServiceDied: One doesn't; with the last lines of its log.
        """
        for child in self._children.values():
            child.require_alive()
