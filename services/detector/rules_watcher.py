"""Watches the rules file while the detector runs: a changed file is loaded, and rejected where it is broken."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import structlog

from services.detection.metrics import DetectorMetrics
from services.detection.rule_versions import RuleVersions
from services.errors import ExpectedError
from services.rules.models.loading import model_files
from services.rules.topology import Topology
from services.streaming.change_watcher import ChangeWatcher, content_and_digest

log = structlog.get_logger()


class RulesWatcher(ChangeWatcher):
    """Looks for a changed rules file, or model file that it names.

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
        super().__init__("rules-file", self._digest_of_files, self._propose, stop)

    def _propose(self) -> None:
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

    def _digest_of_files(self) -> str:
        content, digest = content_and_digest(self._path)
        models = (content_and_digest(self._path.parent / file)[1] for file in model_files(content))
        return " ".join([digest, *models])
