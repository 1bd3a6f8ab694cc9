"""One persistent cluster for the tests of this directory."""

from collections.abc import Iterator

import pytest

from tools.local_cluster import LocalCluster
from tools.local_cluster.ports import free_ports


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    cluster = LocalCluster(tmp_path_factory.mktemp("persistent"))
    assert cluster.up(*free_ports(2)) is True
    yield cluster
    cluster.up()
    assert cluster.down() == ["kafka", "registry"]
    assert cluster.down() == []


@pytest.fixture
def up(local: LocalCluster) -> LocalCluster:
    """The cluster, running whatever the test before did to it."""
    local.up()
    return local
