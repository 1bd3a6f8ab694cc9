"""The cluster of this repository, whose topics and schemas stay between its runs."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.errors import UsageError
from tools.local_cluster.artifacts import ArtifactCache, Progress, silent
from tools.local_cluster.cluster import Cluster, ClusterPlan, Say
from tools.local_cluster.errors import ClusterError, NoSpace
from tools.local_cluster.files import exclusive, read_json, write_whole
from tools.local_cluster.kafka import new_cluster_id
from tools.local_cluster.ports import require_free
from tools.local_cluster.security import ADMIN

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_ROOT = REPOSITORY / ".local" / "cluster"
DEFAULT_CACHE = REPOSITORY / ".local" / "artifacts"
DEFAULT_KAFKA_PORT = 9092
DEFAULT_REGISTRY_PORT = 8081

SPACE_TO_INSTALL = 1 << 30
"""Bytes that must be free where artefacts are still missing: the downloads, the unpacked registry, the first data."""
SPACE_TO_RUN = 256 << 20
"""Bytes that must be free for a start with all artefacts there: Kafka ends by itself on a full disk."""


@dataclass(frozen=True)
class NodeStatus:
    """State of one server.

    Attributes:
        name: ``kafka`` or ``registry``.
        version: Version of the software.
        port: Its port on 127.0.0.1.
        pid: Its process id; None when it does not run.
        uptime: Seconds since its start.
        healthy: Whether it answers.
    """

    name: str
    version: str
    port: int
    pid: int | None
    uptime: float
    healthy: bool


class LocalCluster:
    """A single broker and a registry, kept under a directory.

    Args:
        root: Its data, configuration, logs and settings.
        cache: The artefacts; by default those of this repository.
        free_space: Bytes free on the disk of a path.
    """

    def __init__(
        self,
        root: Path = DEFAULT_ROOT,
        cache: ArtifactCache | None = None,
        free_space: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self.root = root
        self.cache = cache or ArtifactCache(DEFAULT_CACHE)
        self.free_space = free_space
        self._settings_file = root / "settings.json"
        self._lock_file = root / "lock"

    def up(
        self,
        kafka_port: int | None = None,
        registry_port: int | None = None,
        progress: Progress = silent,
        say: Say = silent,
        *,
        secure: bool | None = None,
    ) -> bool:
        """Start what does not run, and wait until both answer.

        Args:
            kafka_port: Port of the broker; by default that of the last time, at first 9092.
            registry_port: Port of the registry; by default that of the last time, at first 8081.
            progress: Receives the progress of downloads.
            say: Receives a line about everything else.
            secure: Whether clients have to log in; a secured cluster has data of its own. By default as the cluster
                that runs; if none does, not.

        Returns:
            Whether anything had to be started.

        Raises:
            UsageError: Another port or security was asked for while the cluster runs.
            ClusterError: A port is in use, the disk is full, an artefact is corrupt, a server does not start.
            Unavailable: A download failed.
        """
        with exclusive(self._lock_file, waiting=lambda: say("another command is at work on this cluster; waiting")):
            before = self._plan()
            ran = any(node.running for node in self.cluster().nodes)
            plan = ClusterPlan(
                before.cluster_id,
                [kafka_port or before.kafka_ports[0]],
                registry_port or before.registry_port,
                secure if secure is not None else before.secure and ran,
            )
            if ran and plan != before:
                raise UsageError(
                    f"the cluster runs on ports {before.kafka_ports[0]} and {before.registry_port}, "
                    f"{'secured' if before.secure else 'not secured'}; "
                    "stop it with `scripts/local-cluster down` before you choose otherwise"
                )
            cluster = self._cluster(plan)
            running = [node for node in cluster.nodes if node.running]
            if len(running) == len(cluster.nodes) and all(node.healthy() for node in running):
                return False
            if len({*plan.kafka_ports, plan.registry_port}) < 2:
                raise UsageError(f"Kafka and the registry can't both have port {plan.registry_port}")
            for node, option in zip(cluster.nodes, ("--kafka-port", "--registry-port"), strict=True):
                if node not in running:
                    require_free(node.port, node.name, option)
            self._require_space()
            self._remember(plan)
            cluster.start(progress, say)
            return True

    def down(self, say: Say = silent) -> list[str]:
        """Stop what runs; the names of what ran. Topics and schemas stay."""
        if not self._settings_file.exists():
            return []
        with exclusive(self._lock_file, waiting=lambda: say("another command is at work on this cluster; waiting")):
            return self.cluster().stop()

    def status(self) -> list[NodeStatus]:
        """State of broker and registry."""
        statuses = []
        for node, part in zip(self.cluster().nodes, ("kafka", "registry"), strict=True):
            process = node.process.find()
            statuses.append(
                NodeStatus(
                    name=node.name,
                    version=self.cache.lock[part].artifacts[0].version,
                    port=node.port,
                    pid=process.pid if process else None,
                    uptime=node.process.uptime,
                    healthy=node.healthy(),
                )
            )
        return statuses

    @property
    def is_secure(self) -> bool:
        """Return whether clients have to log in."""
        return self._plan().secure

    def environment(self, user: str = ADMIN) -> dict[str, str]:
        """The variables by which services and scripts find the cluster, and log in as a user where it is secured.

        Raises:
            ClusterError: It is not up.
            UsageError: There is no such user.
        """
        cluster = self.cluster()
        if not all(node.running for node in cluster.nodes):
            raise ClusterError("the local cluster is not up; start it with `scripts/local-cluster up`")
        return cluster.environment(user)

    def logs(self) -> dict[str, Path]:
        """The log file of each server by its name."""
        return {node.name: node.process.log for node in self.cluster().nodes}

    def cluster(self) -> Cluster:
        """The cluster with its servers, running or not."""
        return self._cluster(self._plan())

    def _cluster(self, plan: ClusterPlan) -> Cluster:
        return Cluster(self.root / "secure" if plan.secure else self.root, self.cache, plan)

    def _plan(self) -> ClusterPlan:
        settings = read_json(self._settings_file)
        return ClusterPlan(
            settings.get("cluster_id") or new_cluster_id(),
            [settings.get("kafka_port", DEFAULT_KAFKA_PORT)],
            settings.get("registry_port", DEFAULT_REGISTRY_PORT),
            settings.get("secure", False),
        )

    def _remember(self, plan: ClusterPlan) -> None:
        settings = {
            "cluster_id": plan.cluster_id,
            "kafka_port": plan.kafka_ports[0],
            "registry_port": plan.registry_port,
            "secure": plan.secure,
        }
        write_whole(self._settings_file, json.dumps(settings, indent=2) + "\n")

    def _require_space(self) -> None:
        needed = SPACE_TO_INSTALL if self.cache.missing_bytes() else SPACE_TO_RUN
        free = self.free_space(self.root)
        if free < needed:
            raise NoSpace(
                f"{self.root}: {free >> 20} MiB free, {needed >> 20} MiB needed for the local cluster; "
                "make room and run the command again"
            )
