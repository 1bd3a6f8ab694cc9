"""The verdict of `avroguard check --against registry` is what the registry says when the schema is registered."""

from collections.abc import Callable

from services.contracts import Registry, RegistrySettings
from tests.support.compare_with_registry import compare
from tools.local_cluster import Cluster


def test_random_changes(cluster: Cluster, unique: Callable[[str], str]) -> None:
    with Registry(RegistrySettings.load(url=cluster.registry_url)) as registry:
        found = compare(registry, seed=20, count=60, prefix=unique("pair"))
    assert found.differences == []
    assert found.verdicts["taken"] >= 10
    assert found.verdicts.total() - found.verdicts["taken"] >= 10
