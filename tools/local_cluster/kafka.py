"""A Kafka broker that is its own controller (KRaft, combined mode)."""

import base64
import json
import shutil
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tools.local_cluster.artifacts import ArtifactCache, Progress, silent
from tools.local_cluster.errors import StartFailed
from tools.local_cluster.files import write_whole
from tools.local_cluster.node import Node, java
from tools.local_cluster.ports import HOST, free_ports
from tools.local_cluster.security import ClusterSecurity

# The parallel collector: G1 marks a heap as small as this over and over, and all other processes on the machine wait.
JVM = ("-Xms256m", "-Xmx768m", "-XX:+UseParallelGC", "-Xshare:auto", "-Djava.awt.headless=true",
       "-Dorg.slf4j.simpleLogger.showDateTime=true",
       "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS")  # fmt: skip


Amend = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Makes the properties that a broker runs with out of those that it would have by itself."""


def unchanged(properties: Mapping[str, str]) -> Mapping[str, str]:
    """The properties as they are."""
    return properties


def new_cluster_id() -> str:
    """A random cluster id in Kafka's form: a UUID as 22 characters of URL-safe base64, the first one no dash."""
    return "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def broker_properties(node: int, port: int, voters: Mapping[int, int], data: str) -> dict[str, str]:
    """The configuration of one broker.

    Args:
        node: Its id, from 1.
        port: Its port for clients on 127.0.0.1.
        voters: Controller port of every node by its id, this one among them.
        data: Directory of its log segments, relative to its working directory: Kafka splits this value at commas.

    Returns:
        Properties by name. Internal topics have min(3, nodes) replicas, of which min(2, nodes) must be in sync; topics
        come into being only when they are created; a transaction whose producer is gone is aborted about a second
        after its own timeout.
    """
    nodes = len(voters)
    replicas, in_sync = str(min(3, nodes)), str(min(2, nodes))
    return {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": ",".join(f"{voter}@{HOST}:{at}" for voter, at in sorted(voters.items())),
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{voters[node]}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": "10",
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": "10",
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": "1",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        "group.initial.rebalance.delay.ms": "0",
        "broker.heartbeat.interval.ms": "1000",
        "broker.session.timeout.ms": "6000",  # a killed broker may come back only after its session has ended
    }


def properties_text(properties: Mapping[str, str]) -> str:
    """Properties in the form of java.util.Properties, whose escapes are those of JSON."""
    return "".join(f"{name}={json.dumps(value)[1:-1]}\n" for name, value in properties.items())


@dataclass(frozen=True)
class BrokerPlan:
    """Ports of one broker of a cluster, the voters of its quorum, and its security.

    Attributes:
        node: Its id, from 1.
        port: Its port for clients.
        voters: Controller port of every node by its id.
        cluster_id: The cluster's id, 22 characters.
        security: Certificates and users; None for a broker that lets every client do everything.
    """

    node: int
    port: int
    voters: Mapping[int, int]
    cluster_id: str
    security: ClusterSecurity | None = None


class Broker(Node):
    """One Kafka broker and controller.

    Args:
        name: Its name.
        directory: Its configuration, data and log.
        plan: The addresses of the node and of its fellow nodes.
        cache: The cache of the artefacts that it runs on.
        amend: Changes its properties.
    """

    def __init__(
        self, name: str, directory: Path, plan: BrokerPlan, cache: ArtifactCache, amend: Amend = unchanged
    ) -> None:
        super().__init__(name, directory, plan.port, cache)
        self.plan = plan
        self._amend = amend
        self._security = plan.security
        self._port_file = directory / "internal-port"
        self._jars: Sequence[Path] = ()

    def fetch(self, progress: Progress = silent, cancelled: threading.Event | None = None) -> None:
        """Get Kafka's jars; see ``Node.fetch``."""
        self._jars = self.cache.jars("kafka", progress, cancelled or threading.Event())

    def operator(self) -> AdminClient:
        """Return a new client that may do everything."""
        port, config = self.port, {}
        if self._security:
            port, config = int(self._port_file.read_text(encoding="utf-8")), self._security.operator_config()
        return AdminClient({"bootstrap.servers": f"{HOST}:{port}", "log_level": 0, **config})

    def start(self) -> None:
        """Format its directory the first time, and start it."""
        if self.running:
            return
        if self._security:
            self._port_file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._port_file, str(free_ports(1)[0]))
        if not self._jars:
            self.fetch()
        data = self.process.directory / "data"
        if not (data / "meta.properties").is_file():
            self._format(data)
        self._write_properties("server.properties", data)
        self.process.start([java(), *JVM, "-cp", self._class_path, "kafka.Kafka", "server.properties"], {})

    def healthy(self) -> bool:
        """Return whether it serves metadata that list itself."""
        if not self.running:
            return False
        try:
            socket.create_connection((HOST, self.port), 1).close()
        except OSError:
            return False
        try:
            return self.plan.node in self.operator().list_topics(timeout=2).brokers
        except KafkaException:
            return False

    def _format(self, data: Path) -> None:
        """Format beside the data directory and rename: an interrupted one leaves no half-formatted directory."""
        draft = data.with_name("data.unformatted")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        self._write_properties("format.properties", draft)
        jvm = [java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", self._class_path]
        command = [*jvm, "kafka.tools.StorageTool", "format", "-t", self.plan.cluster_id, "-c", "format.properties"]
        done = subprocess.run(
            command, cwd=draft.parent, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise StartFailed(f"{self.name}: formatting {draft} failed:\n{done.stdout}{done.stderr}")
        shutil.rmtree(data, ignore_errors=True)
        draft.rename(data)

    def _write_properties(self, name: str, data: Path) -> None:
        properties = broker_properties(self.plan.node, self.plan.port, self.plan.voters, data.name)
        if self._security:
            internal_port = int(self._port_file.read_text(encoding="utf-8"))
            properties = self._security.broker_properties(properties, self.plan.port, internal_port)
        data.parent.mkdir(parents=True, exist_ok=True)
        write_whole(data.with_name(name), properties_text(self._amend(properties)))

    @property
    def _class_path(self) -> str:
        return ":".join(map(str, self._jars))
