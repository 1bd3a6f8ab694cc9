"""The verdict of `avroguard check --against registry` is what the registry says when the schema is registered."""

from collections.abc import Callable

from services.contracts import Registry, RegistrySettings
from tests.support.compare_with_registry import compare
from tools.local_cluster import Cluster


def test_random_changes(cluster: Cluster, unique: Callable[[str], str]) -> None:
    with Registry(RegistrySettings.load(url=cluster.registry_url)) as registry:
        comparison = compare(registry, seed=20, count=60, prefix=unique("pair"))
    assert comparison.differences == []
    assert comparison.verdicts["taken"] >= 10
    assert comparison.verdicts.total() - comparison.verdicts["taken"] >= 10
