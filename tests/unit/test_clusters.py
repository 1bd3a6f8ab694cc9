"""Choice of the cluster that a tool works with."""

from pathlib import Path

import pytest

from services.errors import UsageError
from tools.clusters import cluster_variables, named_cluster
from tools.local_cluster import LocalCluster
from tools.local_cluster.errors import ClusterError

BOTH = {"KAFKA_BROKER_URL": "broker:9092", "SCHEMA_REGISTRY_URL": "http://registry:8081"}


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, False),
        ({"KAFKA_BROKER_URL": "", "SCHEMA_REGISTRY_URL": ""}, False),
        (BOTH, True),
        ({"KAFKA_BROKER_URL": "broker:9092", "SCHEMA_REGISTRY_URL_FILE": "/run/secrets/registry"}, True),
    ],
)
def test_a_cluster_is_named_by_broker_and_registry(environment: dict[str, str], named: bool) -> None:
    assert named_cluster(environment) is named


@pytest.mark.parametrize("present", BOTH)
def test_half_a_cluster_is_wrong_usage_that_names_the_other_half(present: str) -> None:
    (absent,) = set(BOTH) - {present}
    with pytest.raises(UsageError, match=f"{absent}: not set, but {present} is"):
        named_cluster({present: BOTH[present]})


def test_a_named_cluster_needs_no_more_variables(tmp_path: Path) -> None:
    assert cluster_variables(BOTH, LocalCluster(tmp_path)) == {}


def test_without_any_cluster_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="scripts/local-cluster up.*or set KAFKA_BROKER_URL and SCHEMA_REGISTRY_URL"):
        cluster_variables({}, LocalCluster(tmp_path))
