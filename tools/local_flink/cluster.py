"""A JobManager and some TaskManagers on this machine."""

import itertools
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import psutil  # type: ignore[import-untyped]

from services.errors import UsageError
from tools.local_cluster.errors import StartFailed
from tools.local_cluster.persistent import REPOSITORY
from tools.local_cluster.ports import free_ports
from tools.local_cluster.process import ManagedProcess
from tools.local_flink.configuration import (
    JOB_MANAGER,
    LOG4J,
    TASK_MANAGER,
    FlinkPlan,
    Program,
    as_yaml,
    configuration,
)
from tools.local_flink.environment import FlinkEnvironment

JOB = REPOSITORY / "services" / "detector_flink" / "__main__.py"
START_SECONDS = 120.0
ENDED = frozenset({"FAILED", "FINISHED", "CANCELED"})
"""States of a job that it does not leave."""


class FlinkCluster:
    """A local Flink cluster.

    Args:
        directory: Directory of its configuration, logs, checkpoints and savepoints.
        environment: PyFlink's files.
        plan: Its ports; by default free ones.
    """

    def __init__(self, directory: Path, environment: FlinkEnvironment, plan: FlinkPlan | None = None) -> None:
        self.directory = directory
        self.environment = environment
        rpc_port, rest_port = free_ports(2)
        self._plan = plan or FlinkPlan(rpc_port, rest_port, str(directory / "state"))
        self._manager = ManagedProcess("jobmanager", directory / "jobmanager")
        self._workers: list[ManagedProcess] = []
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        """Address of the JobManager's page and API."""
        return f"http://localhost:{self._plan.rest_port}"

    def start(self, task_managers: int) -> None:
        """Start the JobManager and some TaskManagers, each with one slot, and wait for them.

        Raises:
            StartFailed: They are not there in time.
        """
        conf = self.directory / "conf"
        for directory in (conf, Path(self._plan.state_directory, "temporary")):
            directory.mkdir(parents=True, exist_ok=True)
        (conf / "config.yaml").write_text(as_yaml(configuration(self._plan)), encoding="utf-8")
        (conf / "log4j.properties").write_text(LOG4J, encoding="utf-8")
        self.environment.link_jars(self.directory / "lib")
        self._start(self._manager, JOB_MANAGER)
        self.add(task_managers)

    def add(self, task_managers: int) -> None:
        """Start some more TaskManagers, and wait for them."""
        for _ in range(task_managers):
            name = f"taskmanager-{next(self._numbers)}"
            self._workers.append(ManagedProcess(name, self.directory / name))
            self._start(self._workers[-1], TASK_MANAGER)
        self._await(len(self._workers))

    def stop(self) -> None:
        """End everything, Python workers included."""
        for process in (*self._workers, self._manager):
            end_with_children(process)

    def kill_task_manager(self, index: int) -> None:
        """End a TaskManager at once (SIGKILL), and its Python worker with it."""
        end_with_children(self._workers.pop(index))

    def submit(self, settings: Mapping[str, str], parallelism: int, savepoint: str | None = None) -> str:
        """Submit the job; return its id.

        Args:
            settings: Environment variables with its settings.
            parallelism: Number of slots.
            savepoint: Where to go on; None to begin at the group's offsets.

        Raises:
            UsageError: Flink's client refuses it.
        """
        python = str(self.environment.python)
        where = ["--fromSavepoint", savepoint] if savepoint else []
        output = self._client(
            "run", "--detached", "--parallelism", str(parallelism), *where, "--python", str(JOB),
            "--pyClientExecutable", python, "--pyExecutable", python, settings=settings,
        )  # fmt: skip
        return _found(r"JobID ([0-9a-f]{32})", output)

    def stop_job(self, job: str) -> str:
        """Stop a job with a savepoint; return its path."""
        return _found(r"Path: (\S+)", self._client("stop", job))

    def is_running(self, job: str) -> bool:
        """Return whether every task of a job runs."""
        return all(vertex["status"] == "RUNNING" for vertex in self.job(job)["vertices"])

    def cancel_all(self) -> None:
        """End all jobs without a savepoint."""
        for job in self._get("/jobs")["jobs"]:
            if job["status"] not in ENDED:
                httpx2.patch(f"{self.url}/jobs/{job['id']}?mode=cancel", timeout=5, trust_env=False).raise_for_status()

    def job(self, job: str) -> dict[str, Any]:
        """Return what the JobManager says about a job."""
        answer: dict[str, Any] = self._get(f"/jobs/{job}")
        return answer

    def _client(self, *arguments: str, settings: Mapping[str, str] | None = None) -> str:
        return self.environment.client(self.directory, *arguments, environment=settings or {})

    def _start(self, process: ManagedProcess, program: Program) -> None:
        command = self.environment.command(program, self.directory, "--configDir", str(self.directory / "conf"))
        process.start(command, self.environment.variables(self.directory))

    def _await(self, slots: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if int(self._get("/overview")["slots-total"]) >= slots:
                    return
            except httpx2.HTTPError:
                pass
            for process in (self._manager, *self._workers):
                if process.directory.is_dir() and not process.find() and process.tail():
                    raise StartFailed(f"{process.name} ended while starting: see {process.log}\n{process.tail()}")
            time.sleep(0.25)
        raise StartFailed(f"Flink has less than {slots} slots after {START_SECONDS:.0f} s: see {self.directory}")

    def _get(self, path: str) -> Any:
        return httpx2.get(self.url + path, timeout=5, trust_env=False).raise_for_status().json()


def end_with_children(process: ManagedProcess) -> None:
    """End a process and what it started: Python workers outlive a JVM that is killed."""
    running = process.find()
    if running is None:
        return
    children = running.children(recursive=True)
    process.kill()
    for child in children:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue


def _found(pattern: str, output: str) -> str:
    match = re.search(pattern, output)
    if match is None:
        raise UsageError(f"Flink's client printed no {pattern}: {output[-500:]}")
    return match[1]
