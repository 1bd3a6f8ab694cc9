"""Watches the rules file while the detector runs: a changed file is loaded, and rejected where it is broken."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import structlog

from services.detection.metrics import DetectorMetrics
from services.detection.rule_versions import RuleVersions
from services.errors import ExpectedError
from services.rules.models.loading import model_files
from services.rules.topology import Topology

log = structlog.get_logger()

INTERVAL_SECONDS = 0.5


class RulesWatcher:
    """Looks for a changed rules file, or model file that it names, twice a second, in a thread of its own.

    Comparing the files' content, not their date, also notices a file that a mounted ConfigMap or an editor replaces.

    Args:
        path: The file.
        load: Loads it.
        versions: New versions are proposed there.
        metrics: Counts activated and rejected files.
        stop: Ends it when set.
    """

    def __init__(
        self, path: Path, load: Callable[[], Topology], versions: RuleVersions, metrics: DetectorMetrics, stop: Event
    ) -> None:
        self._path = path
        self._load = load
        self._versions = versions
        self._metrics = metrics
        self._stop = stop
        self._seen = self._digest()

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._watch, name="rules-file", daemon=True).start()

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            self.look()

    def look(self) -> None:
        """Look once."""
        digest = self._digest()
        if digest == self._seen:
            return
        self._seen = digest
        try:
            topology = self._load()
        except ExpectedError as error:
            self._metrics.reloads.labels(result="rejected").inc()
            log.error(
                "rules rejected, keeping the previous version",
                reason=str(error),
                version=self._versions.current.version,
            )
            return
        if topology.version == self._versions.proposed.version:
            return  # other words for the same rules
        log.info("rules loaded", version=topology.version, file=str(self._path))
        self._versions.propose(topology)

    def _digest(self) -> str:
        content, digest = _content_and_digest(self._path)
        models = (_content_and_digest(self._path.parent / file)[1] for file in model_files(content))
        return " ".join([digest, *models])


def _content_and_digest(path: Path) -> tuple[bytes, str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        return b"", f"unreadable: {error.strerror}"
    return content, hashlib.sha256(content).hexdigest()
