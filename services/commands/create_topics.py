"""`create-topics`: creates missing topics of contracts.toml and reports differences; it never shrinks or deletes.

The configuration of an existing topic is never changed: a shorter retention deletes messages, and another
`message.timestamp.type` changes the meaning of the timestamps for other consumers.

Exit codes: 0 every topic equals its contract, 1 a difference remains, 2 wrong usage, 3 no broker answers,
4 not authorised.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from services.contracts import Contracts, TopicContract, load_contracts
from services.errors import ExpectedError, NotAuthorised, Unavailable
from services.streaming.access import Access
from services.streaming.authorisation import ALTER, CREATE, DESCRIBE_CONFIGS, missing_permission, requires
from services.streaming.clients import KafkaClients
from services.streaming.connections import Admin
from services.streaming.failures import raise_if_refused, reason
from services.streaming.logs import configure_logging
from services.streaming.settings import KafkaSettings, librdkafka_properties, load_settings
from services.streaming.topics import (
    TopicNeed,
    await_brokers,
    await_created,
    create_topic,
    declared_config,
    partition_counts,
    topic_config,
)


@dataclass(frozen=True)
class Outcome:
    """Result for one topic.

    Attributes:
        topic: Name of the topic.
        status: CREATED, GROWN, UNCHANGED or DIFFERS.
        detail: Description.
    """

    topic: str
    status: str
    detail: str

    @property
    def fulfils_contract(self) -> bool:
        """True where the topic equals its contract now."""
        return self.status != "DIFFERS"


def config_entries(topic: TopicContract) -> dict[str, str]:
    """Return the topic-level configuration that the contract asks for."""
    entries = declared_config(topic).entries
    if topic.schema is not None:
        del entries["max.message.bytes"]  # Kafka's default is the contract's
    return entries


class Topics:
    """Application of topic contracts to a cluster.

    Args:
        admin: Client of the cluster.
        replication_factor: For new topics; -1 is the brokers' default.
        dry_run: Change nothing, and report what would be done.
    """

    def __init__(self, admin: AdminClient, *, replication_factor: int = -1, dry_run: bool = False) -> None:
        self._admin = admin
        self._replication_factor = replication_factor
        self._dry_run = dry_run

    def apply(self, topics: Sequence[TopicContract]) -> list[Outcome]:
        """Create missing topics and partitions.

        Raises:
            KafkaException: a broker refuses.
            Unavailable: the new topics do not become known to the brokers.
        """
        counts = partition_counts(self._admin)
        outcomes = [
            self._create(topic) if topic.name not in counts else self._compare(topic, counts[topic.name])
            for topic in topics
        ]
        if not self._dry_run:
            await_created(self._admin, {topic.name: topic.partitions for topic in topics})
        return outcomes

    def _create(self, topic: TopicContract) -> Outcome:
        new = NewTopic(topic.name, topic.partitions, self._replication_factor, config=config_entries(topic))
        if not self._dry_run:
            try:
                create_topic(self._admin, new)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
                if topic.name not in partition_counts(self._admin):  # brokers don't list what may not be described
                    raise NotAuthorised(missing_permission([ALTER], f"topic {topic.name}")) from error
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
        with requires("DESCRIBE_CONFIGS", f"topic {topic.name}"):
            actual = topic_config(self._admin, topic.name)
        return [
            f"{name} is {actual.entries[name]}, the contract says {value}: change it with kafka-configs --alter "
            f"--topic {topic.name} --add-config {name}={value}"
            for name, value in config_entries(topic).items()
            if actual.entries[name] != value
        ]


def access_of(contracts: Contracts) -> Access:
    """Return what the command does on Kafka."""
    operations = (CREATE, ALTER, DESCRIBE_CONFIGS)
    return Access("create-topics", [TopicNeed(topic.name, topic.partitions, operations) for topic in contracts.topics])


def hours(milliseconds: int) -> str:
    """Return a retention in the format of contracts.toml: `7d`, `12h`."""
    count = milliseconds // 3_600_000
    return f"{count // 24}d" if count % 24 == 0 else f"{count}h"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="create-topics", description="Create the topics of schemas/contracts.toml.")
    parser.add_argument("--dry-run", action="store_true", help="report what would be done, and change nothing")
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
    return 0 if all(outcome.fulfils_contract for outcome in outcomes) else 1


def create_missing(
    admin: Admin,
    settings: KafkaSettings,
    topics: Sequence[TopicContract],
    *,
    replication_factor: int = -1,
    dry_run: bool = False,
) -> list[Outcome]:
    """Wait for the brokers and apply topic contracts to their cluster, with the arguments of `Topics`.

    Raises:
        ExpectedError: the brokers don't answer, or refuse.
    """
    await_brokers(admin, settings)
    try:
        return Topics(admin, replication_factor=replication_factor, dry_run=dry_run).apply(topics)
    except KafkaException as error:
        raise_if_refused(error)
        raise Unavailable(f"the brokers at {settings.kafka_broker_url} refused: {reason(error)}") from error


def _run(options: argparse.Namespace) -> list[Outcome]:
    contracts = load_contracts()
    settings = load_settings(KafkaSettings)
    admin = KafkaClients(settings, librdkafka_properties(), client_id="create-topics").admin()
    return create_missing(
        admin, settings, contracts.topics, replication_factor=options.replication_factor, dry_run=options.dry_run
    )


if __name__ == "__main__":
    sys.exit(main())
