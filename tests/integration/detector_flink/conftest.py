"""A Flink cluster for all tests of the folder."""

from collections.abc import Iterator

import pytest

from tools.local_flink.cluster import FlinkCluster
from tools.local_flink.environment import FlinkEnvironment


@pytest.fixture(scope="package")
def flink_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    """A JobManager and two TaskManagers of one slot each."""
    cluster = FlinkCluster(tmp_path_factory.mktemp("flink"), FlinkEnvironment())
    try:
        cluster.start(2)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def flink(flink_cluster: FlinkCluster) -> Iterator[FlinkCluster]:
    """The cluster, without jobs of earlier tests."""
    yield flink_cluster
    flink_cluster.cancel_all()
