"""Apicurio Registry, whose Confluent-compatible API serves the schemas."""

import ssl
import threading
from pathlib import Path

import httpx2

from tools.local_cluster.artifacts import ArtifactCache, Progress, silent
from tools.local_cluster.certificates import write_secret
from tools.local_cluster.kafka import properties_text
from tools.local_cluster.node import Node, java
from tools.local_cluster.ports import HOST, free_ports
from tools.local_cluster.security import ADMIN, ClusterSecurity

JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djava.awt.headless=true")

API_PATH = "/apis/ccompat/v7"


class Registry(Node):
    """One schema registry that keeps its schemas in an H2 database file.

    Args:
        directory: Its data and log.
        port: Its port for clients on 127.0.0.1.
        cache: The cache of the artefacts that it runs on.
        security: Its certificate and users; None for a registry that lets every client do everything.
    """

    def __init__(
        self, directory: Path, port: int, cache: ArtifactCache, security: ClusterSecurity | None = None
    ) -> None:
        super().__init__("registry", directory, port, cache)
        self._security = security

    def fetch(self, progress: Progress = silent, cancelled: threading.Event | None = None) -> None:
        """Get the application; see ``Node.fetch``."""
        self.cache.unpacked("registry", progress, cancelled or threading.Event())

    @property
    def url(self) -> str:
        """Base address of the Confluent API, without a slash at its end."""
        return f"{'https' if self._security else 'http'}://{HOST}:{self.port}{API_PATH}"

    def start(self) -> None:
        """Start it."""
        if self.running:
            return
        home = self.cache.unpacked("registry", silent, threading.Event())
        (management_port,) = free_ports(1)
        settings = registry_environment(self.port, management_port)
        if self._security:
            configuration = self.process.directory / "config" / "application.properties"
            configuration.parent.mkdir(parents=True, exist_ok=True)
            write_secret(configuration, properties_text(self._security.registry_properties(self.port)))
        self.process.start([java(), *JVM, "-jar", str(home / "quarkus-run.jar")], settings)

    def healthy(self) -> bool:
        """Return whether the Confluent API lists its subjects."""
        if not self.running:
            return False
        auth = verify = None
        if self._security:
            auth = self._security.user_and_password(ADMIN)
            verify = ssl.create_default_context(cafile=str(self._security.authority.certificate))
        try:
            url = f"{self.url}/subjects"
            return httpx2.get(url, timeout=2, trust_env=False, auth=auth, verify=verify or True).status_code == 200
        except httpx2.HTTPError:
            return False


def registry_environment(port: int, management_port: int) -> dict[str, str]:
    """Settings of the application, as environment variables.

    The database is named relative to the working directory, which spares any path the escaping of a JDBC address.
    ``WRITE_DELAY=0`` has a schema on disk before its id is given out: messages refer to that id even after a crash.
    """
    return {
        "QUARKUS_HTTP_HOST": HOST,
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_MANAGEMENT_HOST": HOST,
        "QUARKUS_MANAGEMENT_PORT": str(management_port),
        "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": "h2",
        "APICURIO_DATASOURCE_URL": "jdbc:h2:file:./registry;WRITE_DELAY=0",
        "APICURIO_DATASOURCE_JDBC_INITIAL_SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MIN_SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MAX_SIZE": "20",
    }
