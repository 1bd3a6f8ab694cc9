"""Makes the topics of contracts.toml: creates what is missing, reports what differs, never shrinks or deletes.

The configuration of a topic that exists is never changed: a shorter retention deletes messages, and another
`message.timestamp.type` gives the timestamps another meaning for everything else that reads the topic.

Exit codes: 0 every topic is as the contract says, 1 a difference remains, 2 wrong usage, 3 no broker answers,
4 not authorised.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, ResourceType

from services.contracts import TopicContract, load_contracts
from services.errors import ExpectedError, Unavailable
from services.streaming.authorisation import requires
from services.streaming.clients import KafkaClients, ping
from services.streaming.failures import raise_if_refused, reason
from services.streaming.lifecycle import wait_until
from services.streaming.logs import configure_logging
from services.streaming.settings import KafkaSettings, librdkafka_properties, load_settings
from services.streaming.topics import declared_config, partition_counts

KNOWN_SECONDS = 30.0  # how long the brokers may take to hear of a new topic


@dataclass(frozen=True)
class Outcome:
    """What became of one topic.

    Attributes:
        topic: Its name.
        status: CREATED, GROWN, UNCHANGED or DIFFERS.
        detail: In words.
    """

    topic: str
    status: str
    detail: str

    @property
    def as_contracted(self) -> bool:
        """Whether the topic is now as the contract says."""
        return self.status != "DIFFERS"


def config_entries(topic: TopicContract) -> dict[str, str]:
    """Return the topic-level configuration that the contract asks for."""
    wanted = declared_config(topic)
    config = {
        "retention.ms": str(wanted.retention_ms),
        "message.timestamp.type": wanted.message_timestamp_type,
    }
    if topic.schema is None:
        config["max.message.bytes"] = str(wanted.max_message_bytes)
    return config


class Topics:
    """Applies topic contracts to a cluster.

    Args:
        admin: Reaches the cluster.
        replication_factor: For new topics; -1 is the brokers' default.
        dry_run: Only say what would be done.
    """

    def __init__(self, admin: AdminClient, *, replication_factor: int = -1, dry_run: bool = False) -> None:
        self._admin = admin
        self._replication_factor = replication_factor
        self._dry_run = dry_run

    def apply(self, topics: Sequence[TopicContract]) -> list[Outcome]:
        """Creates and grows topics as needed.

        Raises:
            KafkaException: a broker refuses.
            Unavailable: the brokers do not hear of the new topics.
        """
        counts = partition_counts(self._admin)
        outcomes = [
            self._create(topic) if topic.name not in counts else self._compare(topic, counts[topic.name])
            for topic in topics
        ]
        if not self._dry_run:
            self._wait_until_known(topics)
        return outcomes

    def _wait_until_known(self, topics: Sequence[TopicContract]) -> None:
        """The controller has them at once; the brokers hear of them a moment later, and services ask the brokers."""

        def look() -> None:
            counts = partition_counts(self._admin)
            unknown = [topic.name for topic in topics if counts.get(topic.name, 0) < topic.partitions]
            if unknown:
                raise Unavailable(f"the brokers have not yet heard of {', '.join(unknown)}")

        wait_until(look, waiting_for="new topics", timeout=KNOWN_SECONDS, stop=Event())

    def _create(self, topic: TopicContract) -> Outcome:
        new = NewTopic(topic.name, topic.partitions, self._replication_factor, config=config_entries(topic))
        if not self._dry_run:
            with requires("CREATE", f"topic {topic.name}"):
                self._admin.create_topics([new])[topic.name].result()
        return Outcome(topic.name, "CREATED", f"{topic.partitions} partitions, kept {hours(topic.retention_ms)}")

    def _compare(self, topic: TopicContract, partitions: int) -> Outcome:
        differences = self._config_differences(topic)
        if partitions > topic.partitions:
            differences.insert(0, f"{partitions} partitions, the contract says {topic.partitions}: never shrunk")
        if partitions < topic.partitions and not self._dry_run:
            with requires("ALTER", f"topic {topic.name}"):
                self._admin.create_partitions([NewPartitions(topic.name, topic.partitions)])[topic.name].result()
        grown = f"from {partitions} to {topic.partitions} partitions: keys now map to other partitions"
        if differences:
            detail = "; ".join(differences + ([f"grown {grown}"] if partitions < topic.partitions else []))
            return Outcome(topic.name, "DIFFERS", detail)
        if partitions < topic.partitions:
            return Outcome(topic.name, "GROWN", grown)
        return Outcome(topic.name, "UNCHANGED", f"{partitions} partitions, kept {hours(topic.retention_ms)}")

    def _config_differences(self, topic: TopicContract) -> list[str]:
        resource = ConfigResource(ResourceType.TOPIC, topic.name)
        with requires("DESCRIBE_CONFIGS", f"topic {topic.name}"):
            found = self._admin.describe_configs([resource])[resource].result()
        return [
            f"{name} is {found[name].value}, the contract says {value}: change it with kafka-configs --alter "
            f"--topic {topic.name} --add-config {name}={value}"
            for name, value in config_entries(topic).items()
            if found[name].value != value
        ]


def hours(milliseconds: int) -> str:
    """A retention in the words of contracts.toml: `7d`, `12h`."""
    count = milliseconds // 3_600_000
    return f"{count // 24}d" if count % 24 == 0 else f"{count}h"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="create-topics", description="Create the topics of schemas/contracts.toml.")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--replication-factor", type=int, default=-1, metavar="N", help="default: the brokers' own")
    options = parser.parse_args(arguments)
    configure_logging("create-topics")
    try:
        outcomes = _run(options)
    except ExpectedError as error:
        print(f"create-topics: {error}", file=sys.stderr)
        return error.exit_code
    width = max(len(outcome.topic) for outcome in outcomes)
    for outcome in outcomes:
        print(f"{outcome.topic:{width}}  {outcome.status:9}  {outcome.detail}")
    return 0 if all(outcome.as_contracted for outcome in outcomes) else 1


def _run(options: argparse.Namespace) -> list[Outcome]:
    contracts = load_contracts()
    settings = load_settings(KafkaSettings)
    admin = KafkaClients(settings, librdkafka_properties(), client_id="create-topics").admin()
    brokers = settings.kafka_broker_url
    wait_until(
        lambda: ping(admin, brokers), waiting_for=f"broker {brokers}", timeout=settings.startup_timeout, stop=Event()
    )
    try:
        topics = Topics(admin, replication_factor=options.replication_factor, dry_run=options.dry_run)
        return topics.apply(contracts.topics)
    except KafkaException as error:
        raise_if_refused(error)
        raise Unavailable(f"the brokers at {brokers} did not do it: {reason(error)}") from error


if __name__ == "__main__":
    sys.exit(main())
