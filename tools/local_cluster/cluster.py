"""Brokers and a registry as one thing: started side by side, each as soon as what it runs on is there."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from tools.local_cluster.artifacts import ArtifactCache, Progress, silent
from tools.local_cluster.errors import Cancelled
from tools.local_cluster.kafka import Amend, Broker, BrokerPlan, unchanged
from tools.local_cluster.node import Node
from tools.local_cluster.ports import HOST, free_ports
from tools.local_cluster.registry import Registry
from tools.local_cluster.security import ADMIN, ClusterSecurity

Say = Callable[[str], None]
"""Callback that takes what happens, a short line at a time; called from several threads."""


@dataclass(frozen=True)
class ClusterPlan:
    """Identity of a cluster, the same at its next start.

    Attributes:
        cluster_id: Kafka's id of it, 22 characters.
        kafka_ports: Port of each broker on 127.0.0.1, broker 1 first.
        registry_port: Port of the registry.
        secure: Whether clients have to log in over TLS, and may do what ACLs grant.
    """

    cluster_id: str
    kafka_ports: Sequence[int]
    registry_port: int
    secure: bool = False


class Cluster:
    """One or more brokers and a registry.

    Args:
        root: Directory of its data, configuration and logs.
        cache: The cache of the artefacts.
        plan: Ports and id.
        amend: Changes the brokers' properties.
    """

    def __init__(self, root: Path, cache: ArtifactCache, plan: ClusterPlan, amend: Amend = unchanged) -> None:
        self.root = root
        self.security = ClusterSecurity(root / "security") if plan.secure else None
        controllers = free_ports(len(plan.kafka_ports))
        voters: Mapping[int, int] = dict(enumerate(controllers, 1))
        self.brokers = [
            Broker(
                "kafka" if len(voters) == 1 else f"kafka-{node}",
                root / f"kafka-{node}",
                BrokerPlan(node, port, voters, plan.cluster_id, self.security),
                cache,
                amend,
            )
            for node, port in enumerate(plan.kafka_ports, 1)
        ]
        self.registry = Registry(root / "registry", plan.registry_port, cache, self.security)

    @property
    def nodes(self) -> list[Node]:
        """Brokers and registry."""
        return [*self.brokers, self.registry]

    def broker(self, node: int) -> Broker:
        """The broker with an id, from 1."""
        return self.brokers[node - 1]

    @property
    def bootstrap_servers(self) -> str:
        """Addresses of the brokers, as ``bootstrap.servers`` wants them."""
        return ",".join(f"{HOST}:{broker.port}" for broker in self.brokers)

    @property
    def registry_url(self) -> str:
        """Base address of the registry's Confluent API."""
        return self.registry.url

    def environment(self, user: str = ADMIN) -> dict[str, str]:
        """The variables by which services and scripts find the cluster, and log in as a user where it is secured."""
        addresses = {"KAFKA_BROKER_URL": self.bootstrap_servers, "SCHEMA_REGISTRY_URL": self.registry_url}
        return addresses | (self.security.environment(user) if self.security else {})

    def client_config(self, user: str = ADMIN) -> dict[str, str]:
        """The properties of a Kafka client: the address, and the login of a user where the cluster is secured."""
        address = {"bootstrap.servers": self.bootstrap_servers}
        return address | (self.security.client_config(user) if self.security else {})

    def registry_config(self, user: str = ADMIN) -> dict[str, str]:
        """Settings of a client of the registry: the address, and the login of a user where the cluster is secured."""
        address = {"url": self.registry_url}
        return address | (self.security.registry_config(user) if self.security else {})

    def start(self, progress: Progress = silent, say: Say = silent) -> None:
        """Start what does not run, and wait until everything is healthy.

        Where that fails or is interrupted, what this call started is stopped again.

        Raises:
            ClusterError: An artefact is corrupt, or a server ended or did not answer.
            Unavailable: A download failed.
        """
        if self.security:
            self.security.prepare()
        cancelled = threading.Event()
        started: list[Node] = []

        def bring_up(node: Node) -> None:
            if not node.running:
                node.fetch(progress, cancelled)
                if cancelled.is_set():
                    raise Cancelled(f"{node.name}: start cancelled")
                started.append(node)
                say(f"{node.name}: starting on port {node.port}")
                node.start()
            node.wait_healthy(cancelled=cancelled)
            say(f"{node.name}: up on port {node.port}")

        pool = ThreadPoolExecutor(len(self.nodes))
        jobs = [pool.submit(bring_up, node) for node in self.nodes]
        try:
            done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            for job in done:
                job.result()
            if self.security and any(broker in started for broker in self.brokers):
                self.security.create_users(self.bootstrap_servers, self.broker(1).operator())
        except BaseException:
            cancelled.set()
            pool.shutdown(wait=True)
            for node in started:
                node.stop()
            raise
        pool.shutdown()

    def stop(self) -> list[str]:
        """Stop everything that runs, the registry with the brokers; the names of what ran."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            ran = list(pool.map(lambda node: node.stop(), self.nodes))
        return [node.name for node, did in zip(self.nodes, ran, strict=True) if did]

    def kill(self) -> None:
        """End everything at once."""
        for node in self.nodes:
            node.kill()
