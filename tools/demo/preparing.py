"""What a pipeline needs before it can run: a cluster, its topics, its schemas."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from threading import Event

from confluent_kafka import KafkaException

from services.commands.create_topics import Topics
from services.contracts import Contracts
from services.errors import ContractError, ExpectedError, FatalError, NotAuthorised, Unavailable, UsageError
from services.streaming.clients import KafkaClients, ping
from services.streaming.failures import raise_if_refused, reason
from services.streaming.lifecycle import wait_until
from services.streaming.settings import KafkaSettings
from tools.clusters import named_cluster
from tools.demo.presenting import Presenter
from tools.demo.steps import step
from tools.demo.view import Download
from tools.local_cluster import LocalCluster

CLUSTER, TOPICS, SCHEMAS = "cluster", "topics", "schemas"


_KIND_OF_CODE: Mapping[int, type[ExpectedError]] = {
    kind.exit_code: kind for kind in (ContractError, UsageError, Unavailable, NotAuthorised)
}


def provide_cluster(presenter: Presenter, stack: ExitStack) -> str:
    """Make the environment name a running cluster: the one it names already, or the local one.

    Args:
        presenter: Told how it goes.
        stack: Stops at its end what was started here.

    Returns:
        What to tell about the cluster when all is over.

    Raises:
        ExpectedError: The environment names half a cluster, or the local one can't be started.
    """
    with step(presenter, CLUSTER, "looking for one") as say:
        if named_cluster(os.environ):
            say.result(f"the one at {os.environ['KAFKA_BROKER_URL']}")
            return ""
        local = LocalCluster()

        def progress(name: str, done: int, total: int) -> None:
            presenter.download(Download(name, done, total))

        started = local.up(progress=progress, say=say)
        versions = ", ".join(f"{node.name} {node.version} on port {node.port}" for node in local.status())
        say.result(f"{versions}{'' if started else ' (was up)'}")
        os.environ.update(local.environment())
    if not started:
        return "the local cluster stays up, as it was before (stop it: scripts/local-cluster down)"

    stack.callback(local.down)  # whatever becomes of telling it

    def stop() -> None:
        with step(presenter, "stop", "stopping the local cluster") as say:
            local.down()
            say.result("the local cluster is stopped")

    stack.callback(stop)
    return "the local cluster is stopped, its data kept (start it: scripts/local-cluster up)"


def create_topics(presenter: Presenter, clients: KafkaClients, settings: KafkaSettings, contracts: Contracts) -> None:
    """Create the topics of the contracts where they are missing.

    Raises:
        ExpectedError: The brokers don't answer or refuse, or a topic differs from its contract.
    """
    with step(presenter, TOPICS, "asking the broker") as say:
        admin = clients.admin()
        brokers = settings.kafka_broker_url
        wait_until(
            lambda: ping(admin, brokers),
            waiting_for=f"broker {brokers}",
            timeout=settings.startup_timeout,
            stop=Event(),
        )
        try:
            outcomes = Topics(admin).apply(contracts.topics)
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(f"the brokers at {brokers} did not create the topics: {reason(error)}") from error
        say.result(_counts(outcome.status.lower() for outcome in outcomes))


def register_schemas(presenter: Presenter) -> None:
    """Register the schemas as ``scripts/register-schemas`` does.

    Raises:
        ExpectedError: The command failed; with what it said.
    """
    with step(presenter, SCHEMAS, "asking the registry") as say:
        command = [sys.executable, "-P", "-m", "avroguard.cli.register", "--wait", "30"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            kind = _KIND_OF_CODE.get(done.returncode, FatalError)
            raise kind(f"the schemas were not registered:\n{done.stdout}{done.stderr}".rstrip())
        say.result(_counts(line.split()[1].lower() for line in done.stdout.splitlines() if line))


def _counts(statuses: Iterable[str]) -> str:
    """``3 new, 1 unchanged`` of a word for each."""
    words = list(statuses)
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
