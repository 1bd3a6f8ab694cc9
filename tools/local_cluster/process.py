"""A process that outlives the command which started it, found again by its id *and* its start time."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tools.local_cluster.files import read_json, write_whole

START_TIME_TOLERANCE = 2.0
"""Seconds by which two readings of one process's start may differ when the clock was set meanwhile."""


def exists(pid: int) -> bool:
    """Return whether a process of that id exists, under any user."""
    return bool(psutil.pid_exists(pid))


class ManagedProcess:
    """One long-running process with a directory of its own: id file, log, working directory.

    Args:
        name: Its name; also the log's name.
        directory: Directory of its files; made when it starts.
    """

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.id_file = directory / "process.json"
        self.log = directory / f"{name}.log"

    def find(self) -> psutil.Process | None:
        """The running process, or None; never another one that got its id later."""
        record = read_json(self.id_file)
        try:
            process = psutil.Process(int(record["pid"]))
            same = abs(process.create_time() - float(record["started"])) <= START_TIME_TOLERANCE
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (KeyError, TypeError, ValueError, psutil.NoSuchProcess):
            return None

    @property
    def uptime(self) -> float:
        """Seconds since it started; 0 when it doesn't run."""
        process = self.find()
        return float(time.time() - process.create_time()) if process else 0.0

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> psutil.Process:
        """Start it in a session of its own, its output in the log; the previous log stays as ``.log.1``.

        Args:
            command: Program and arguments.
            environment: Variables besides those of this process.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        with self.log.open("wb") as log:
            child = subprocess.Popen(
                command,
                cwd=self.directory,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = psutil.Process(child.pid)
        child.returncode = 0  # psutil waits for it from here on: Popen must neither reap it nor warn that it runs
        write_whole(self.id_file, json.dumps({"pid": process.pid, "started": process.create_time()}))
        return process

    def stop(self, grace: float) -> bool:
        """Ask it to end, and make it end when it has not after ``grace`` seconds.

        Returns:
            Whether it ran.
        """
        process = self.find()
        if process is None:
            return False
        try:
            process.resume()  # a paused process would not hear the request
            process.terminate()
            process.wait(grace)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired:
            self.kill()
        return True

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if process := self.find():
            try:
                process.kill()
                process.wait(10)
            except psutil.NoSuchProcess:
                pass

    def pause(self) -> None:
        """Halt it (SIGSTOP).

        Raises:
            ProcessLookupError: It does not run.
        """
        self._existing().suspend()

    def resume(self) -> None:
        """Let it go on after ``pause`` (SIGCONT).

        Raises:
            ProcessLookupError: It does not run.
        """
        self._existing().resume()

    def _existing(self) -> psutil.Process:
        if process := self.find():
            return process
        raise ProcessLookupError(f"{self.name} does not run; start it first")

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""
