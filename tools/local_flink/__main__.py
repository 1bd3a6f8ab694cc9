"""The command ``scripts/flink``."""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from services.errors import ExpectedError
from tools.local_cluster.persistent import REPOSITORY, LocalCluster
from tools.local_flink.cluster import ENDED, FlinkCluster
from tools.local_flink.environment import FlinkEnvironment, connectors

CONNECTORS = ".local/flink-connectors"
RUNS = "is running"
"""Said once all tasks run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/flink", description="The detector as a job on Apache Flink.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="start a local Flink cluster, run the job on it until Ctrl-C")
    run.add_argument("--task-managers", type=int, default=2, help="each has one slot (default: 2)")
    run.add_argument("--from-savepoint", help="go on from a savepoint, which is printed at the end")
    verbs.add_parser("connectors", help=f"copy what containers need to read Kafka to {CONNECTORS}")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if arguments.verb == "connectors":
            return _copy_connectors()
        return _run(arguments.task_managers, arguments.from_savepoint)
    except ExpectedError as error:
        print(f"flink: {error}", file=sys.stderr)
        return error.exit_code


def _copy_connectors() -> int:
    directory = REPOSITORY / CONNECTORS
    directory.mkdir(parents=True, exist_ok=True)
    for jar in connectors():
        shutil.copy(jar, directory)
        print(directory / jar.name)
    return 0


def _run(task_managers: int, savepoint: str | None) -> int:
    settings = (
        {**LocalCluster().environment(), **os.environ} if "KAFKA_BROKER_URL" not in os.environ else {**os.environ}
    )
    cluster = FlinkCluster(Path(os.environ.get("STATE_DIR", REPOSITORY / ".local" / "flink")), FlinkEnvironment())
    job = None
    try:
        print("flink: starting", file=sys.stderr)
        cluster.start(task_managers)
        job = cluster.submit(settings, task_managers, savepoint)
        while not cluster.is_running(job) and cluster.job(job)["state"] not in ENDED:
            time.sleep(0.5)
        print(f"flink: job {job} {RUNS} on {cluster.url}; Ctrl-C or SIGTERM stops it with a savepoint", file=sys.stderr)
        while cluster.job(job)["state"] not in ENDED:
            time.sleep(1)
        print(f"flink: the job ended: see {cluster.url}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if job:
            print(f"flink: --from-savepoint {cluster.stop_job(job)}")
        return 0
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
