"""A cluster for the length of a test run: free ports, a temporary directory, and an end that comes with its owner's."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.local_cluster.artifacts import ArtifactCache, Progress, silent
from tools.local_cluster.cluster import Cluster, ClusterPlan, Say
from tools.local_cluster.kafka import Amend, new_cluster_id, unchanged
from tools.local_cluster.persistent import DEFAULT_CACHE
from tools.local_cluster.ports import free_ports


@contextmanager
def ephemeral(
    brokers: int = 1,
    cache: ArtifactCache | None = None,
    progress: Progress = silent,
    say: Say = silent,
    amend: Amend = unchanged,
    *,
    secure: bool = False,
) -> Iterator[Cluster]:
    """Run a cluster inside a ``with`` block.

    It ends with the block, or with the process that entered the block, however that process ends.

    Args:
        brokers: Number of brokers; topics have min(3, brokers) replicas by default.
        cache: The artefacts; by default those of this repository.
        progress: Receives the progress of downloads.
        say: Receives a line about everything else.
        amend: Changes the brokers' properties, for those who want a listener or a limit of their own.
        secure: Clients have to log in over TLS, and may do what ACLs grant.

    Yields:
        The healthy cluster.
    """
    root = Path(tempfile.mkdtemp(prefix="local-cluster-"))
    ports = free_ports(brokers + 1)
    plan = ClusterPlan(new_cluster_id(), ports[1:], ports[0], secure)
    cluster = Cluster(root, cache or ArtifactCache(DEFAULT_CACHE), plan, amend)
    guard = subprocess.Popen(
        [sys.executable, "-m", "tools.local_cluster.guard", str(root)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        cluster.start(progress, say)
        yield cluster
    finally:
        cluster.kill()
        guard.communicate()
