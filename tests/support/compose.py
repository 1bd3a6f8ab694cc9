"""The containers of both compose files under names of their own, so that a cluster already up is left alone."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.local_cluster.ports import free_ports

REPOSITORY = Path(__file__).parents[2]


def why_not() -> str | None:
    """Reason for which no containers can be run here, or None."""
    for probe in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            done = subprocess.run(probe, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return "docker is not installed"
        if done.returncode:
            return f"{' '.join(probe)}: {done.stderr.strip().splitlines()[-1]}"
    return None


@dataclass(frozen=True)
class Stack:
    """A cluster and the services on it.

    Attributes:
        name: Of the network; the names of the two projects begin with it.
        kafka_port: The broker's port on 127.0.0.1.
        registry_port: The registry's port on 127.0.0.1.
    """

    name: str
    kafka_port: int
    registry_port: int

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables of the compose files."""
        return {
            "KAFKA_NETWORK": self.name,
            "KAFKA_HOST_PORT": str(self.kafka_port),
            "SCHEMA_REGISTRY_HOST_PORT": str(self.registry_port),
            "TRANSACTIONS_PER_SECOND": "500",
        }

    def cluster(self, *arguments: str) -> str:
        """``docker compose -f docker-compose.kafka.yml`` with arguments; its output."""
        return self._compose(f"{self.name}-cluster", "docker-compose.kafka.yml", *arguments)

    def services(self, *arguments: str) -> str:
        """``docker compose`` with arguments; its output."""
        return self._compose(f"{self.name}-services", "docker-compose.yml", *arguments)

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers, running or not."""
        return self.services("ps", "--all", "--quiet", service).split()

    def _compose(self, project: str, file: str, *arguments: str) -> str:
        # --env-file: a .env beside the compose files is not part of the test.
        command = ["docker", "compose", "--env-file", os.devnull, "--project-name", project, "--file", file, *arguments]
        return run(*command, environment=self.environment)


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command in the repository; its output. A failure shows what the command said."""
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=os.environ | dict(environment or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def stack() -> Iterator[Stack]:
    """A stack of which nothing runs yet, on a network of its own; everything that it made is gone afterwards."""
    kafka_port, registry_port = free_ports(2)
    made = Stack(f"fraud-detection-test-{os.getpid()}", kafka_port, registry_port)
    run("docker", "network", "create", made.name)
    try:
        yield made
    except BaseException:
        sys.stderr.write(made.cluster("logs", "--tail", "40") + made.services("logs", "--tail", "40"))
        raise
    finally:
        made.services("down", "--volumes", "--rmi", "all")
        made.cluster("down", "--volumes")
        run("docker", "network", "rm", made.name)
