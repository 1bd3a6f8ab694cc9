"""The cluster that a tool works with: the one that the environment names, or the local one."""

from collections.abc import Mapping

from services.errors import UsageError
from tools.local_cluster import LocalCluster
from tools.local_cluster.errors import ClusterError

BROKER = "KAFKA_BROKER_URL"
REGISTRY = "SCHEMA_REGISTRY_URL"
_NAMED_BY = {BROKER: (BROKER,), REGISTRY: (REGISTRY, f"{REGISTRY}_FILE")}


def named_cluster(environment: Mapping[str, str]) -> bool:
    """Return whether the environment says which broker and which registry to use.

    Raises:
        UsageError: It names one of the two only: half of one cluster and half of another is never meant.
    """
    named = {
        variable: any(environment.get(alternative) for alternative in alternatives)
        for variable, alternatives in _NAMED_BY.items()
    }
    missing = [variable for variable, is_named in named.items() if not is_named]
    if len(missing) == 1:
        (present,) = set(named) - set(missing)
        raise UsageError(f"{missing[0]}: not set, but {present} is; set both, or neither to use the local cluster")
    return not missing


def cluster_variables(environment: Mapping[str, str], local: LocalCluster) -> Mapping[str, str]:
    """The variables to add to an environment so that it names a running cluster: none where it does already.

    Raises:
        UsageError: The environment names half a cluster.
        ClusterError: It names none, and the local cluster is not up.
    """
    if named_cluster(environment):
        return {}
    try:
        return local.environment()
    except ClusterError as error:
        raise ClusterError(f"{error}, or set {BROKER} and {REGISTRY}") from None
