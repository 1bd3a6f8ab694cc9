"""Looks for a changed notifications file; a broken one is reported and not used."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import structlog

from services.errors import ExpectedError
from services.notifier.metrics import NotifierMetrics
from services.notifier.model import Notifications
from services.streaming.progress import LoopProgress

log = structlog.get_logger()

INTERVAL_SECONDS = 0.5


class FileWatcher:
    """The notifications file that is in force, looked at twice a second.

    Args:
        path: The file.
        load: Loads it.
        metrics: Counts activated and rejected files.
        progress: Is degraded while the file is rejected.
        stop: Ends the watching when set.
    """

    def __init__(
        self,
        path: Path,
        load: Callable[[], Notifications],
        metrics: NotifierMetrics,
        progress: LoopProgress,
        stop: Event,
    ) -> None:
        self._path = path
        self._load = load
        self._metrics = metrics
        self._progress = progress
        self._stop = stop
        self._seen = self._digest()
        self.current = load()
        self.changed = Event()

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._watch, name="notifications-file", daemon=True).start()

    def look(self) -> None:
        """Look once."""
        digest = self._digest()
        if digest == self._seen:
            return
        self._seen = digest
        try:
            notifications = self._load()
        except ExpectedError as error:
            self._metrics.reloads.labels(result="rejected").inc()
            self._progress.degraded("notifications-file", str(error))
            log.error("notifications file rejected, keeping the previous one", reason=str(error))
            return
        self._metrics.reloads.labels(result="activated").inc()
        self._progress.degraded("notifications-file", None)
        log.info("notifications file activated", file=str(self._path))
        self.current = notifications
        self.changed.set()

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            self.look()

    def _digest(self) -> str:
        try:
            return hashlib.sha256(self._path.read_bytes()).hexdigest()
        except OSError as error:
            return f"unreadable: {error.strerror}"
