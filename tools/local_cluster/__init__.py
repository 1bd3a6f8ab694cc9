"""A real Kafka and a real schema registry on this machine, without Docker and without an installed Java.

``LocalCluster`` is the one that stays (``scripts/local-cluster``); ``ephemeral`` gives a test one of its own::

    with ephemeral(brokers=3) as cluster:
        run_service(environment=cluster.environment())
        cluster.broker(2).kill()
        cluster.broker(2).start()

A ``Cluster`` has ``brokers`` and a ``registry``, each with ``start``, ``stop``, ``kill``, ``pause``, ``resume``,
``healthy`` and ``wait_healthy``; port and data stay the same over a restart.
"""

from tools.local_cluster.cluster import Cluster
from tools.local_cluster.ephemeral import ephemeral
from tools.local_cluster.persistent import LocalCluster, NodeStatus

__all__ = ["Cluster", "LocalCluster", "NodeStatus", "ephemeral"]
