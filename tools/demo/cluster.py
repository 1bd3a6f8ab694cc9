"""Prerequisites of the pipeline: a cluster, its topics, its schemas."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial

from services.commands.create_topics import create_missing
from services.contracts import Contracts
from services.errors import ContractError, FatalError, NotAuthorised, Unavailable, UsageError
from services.streaming.clients import KafkaClients
from services.streaming.settings import KafkaSettings
from tools.clusters import named_cluster
from tools.demo.display import Display
from tools.local_cluster import LocalCluster

CLUSTER, TOPICS, SCHEMAS = "cluster", "topics", "schemas"

_ERRORS = {kind.exit_code: kind for kind in (ContractError, UsageError, Unavailable, NotAuthorised)}


def provide_cluster(display: Display, stack: ExitStack, local: LocalCluster, *, secure: bool) -> str:
    """Make the environment name a running cluster: the one that it names already, or the local one.

    Args:
        display: Shows the step.
        stack: Stops at its end what was started here.
        local: The local cluster.
        secure: Whether the local cluster has to be secured.

    Returns:
        A note on what becomes of the cluster; empty for one of the user's.

    Raises:
        ExpectedError: The environment names half a cluster, or the local one can't be started.
    """
    with display.step(CLUSTER, "looking for one") as step:
        if named_cluster(os.environ):
            if secure:
                raise UsageError("--secure is for the local cluster: unset KAFKA_BROKER_URL and SCHEMA_REGISTRY_URL")
            step.detail = f"the one at {os.environ['KAFKA_BROKER_URL']}"
            return ""
        report = partial(display.show_step, CLUSTER)
        started = local.up(progress=display.show_download, say=report, secure=secure or None)
        nodes = ", ".join(f"{node.name} {node.version} on port {node.port}" for node in local.status())
        nodes = f"{nodes}, secured" if local.is_secure else nodes
        step.detail = nodes if started else f"{nodes} (was up)"
        os.environ.update(local.environment())
    if not started:
        return "the local cluster stays up, as it was before (stop it: scripts/local-cluster down)"

    def stop() -> None:
        try:
            with display.step("stop", "stopping the local cluster") as step:
                local.down()
                step.detail = "the local cluster is stopped"
        finally:
            local.down()  # also where the display fails

    stack.callback(stop)
    return "the local cluster is stopped, its data kept (start it: scripts/local-cluster up)"


def create_topics(display: Display, clients: KafkaClients, settings: KafkaSettings, contracts: Contracts) -> None:
    """Create the topics of the contracts where they are missing.

    Raises:
        ExpectedError: The brokers don't answer or refuse.
    """
    with display.step(TOPICS, "asking the broker") as step:
        outcomes = create_missing(clients.admin(), settings, contracts.topics)
        step.detail = _counts(outcome.status.lower() for outcome in outcomes)


def register_schemas(display: Display) -> None:
    """Register the schemas as `scripts/register-schemas` does.

    Raises:
        ExpectedError: The command failed; with its output.
    """
    with display.step(SCHEMAS, "asking the registry") as step:
        command = [sys.executable, "-P", "-m", "avroguard", "register", "--wait", "30"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            kind = _ERRORS.get(done.returncode, FatalError)
            raise kind(f"the schemas were not registered:\n{done.stdout}{done.stderr}".rstrip())
        step.detail = _counts(line.split()[1].lower() for line in done.stdout.splitlines() if line)


def _counts(statuses: Iterable[str]) -> str:
    """`3 new, 1 unchanged`, of a word for each."""
    return ", ".join(f"{count} {status}" for status, count in Counter(statuses).items())
