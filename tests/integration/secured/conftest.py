"""One secured local cluster for all tests here."""

from collections.abc import Iterator

import pytest

from tools.local_cluster import Cluster, LocalCluster
from tools.local_cluster.ports import free_ports


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    cluster = LocalCluster(tmp_path_factory.mktemp("secured"))
    try:
        cluster.up(*free_ports(2), secure=True)
        yield cluster
    finally:
        cluster.down()


@pytest.fixture
def secured(local: LocalCluster) -> Cluster:
    """The running cluster."""
    return local.cluster()
