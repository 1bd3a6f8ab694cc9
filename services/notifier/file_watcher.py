"""Looks for a changed notifications file; a broken one is reported and not used."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import structlog

from services.errors import ExpectedError
from services.notifier.metrics import NotifierMetrics
from services.notifier.model import Notifications
from services.streaming.change_watcher import ChangeWatcher, content_and_digest
from services.streaming.progress import LoopProgress

log = structlog.get_logger()


class FileWatcher(ChangeWatcher):
    """Looks for a changed notifications file, and has the one that is in force.

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
        super().__init__("notifications-file", lambda: content_and_digest(path)[1], self._activate, stop)
        self.current = load()
        self.changed = Event()

    def _activate(self) -> None:
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
