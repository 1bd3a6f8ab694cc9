"""Topics as a service needs them: checked at start, never created by accident."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from services.errors import ContractError, NotAuthorised, Unavailable
from services.streaming.authorisation import DESCRIBE, is_refused, missing_permission, not_granted
from services.streaming.clients import DEAD_LETTER_MAX_BYTES, KafkaClients, ping
from services.streaming.failures import reason
from services.streaming.lifecycle import wait_until
from services.streaming.progress import Progress
from services.streaming.settings import KafkaSettings

log = structlog.get_logger()

DESCRIBE_SECONDS = 10.0

DEFAULT_MAX_MESSAGE_BYTES = 1_048_588  # Kafka's own for max.message.bytes; the contract sets it for dead letters only


@dataclass(frozen=True)
class TopicConfig:
    """The configuration of a topic, as far as services depend on it.

    Attributes:
        retention_ms: How long messages are kept, in milliseconds; -1 is for ever.
        max_message_bytes: The largest record batch that the topic takes, as written: compressed where it is.
        message_timestamp_type: CreateTime: producers set the records' timestamps; LogAppendTime: the broker does.
    """

    retention_ms: int
    max_message_bytes: int
    message_timestamp_type: str


class TopicDeclaration(Protocol):
    """What a topic's contract says about its configuration."""

    @property
    def name(self) -> str:
        """The topic."""

    @property
    def retention_ms(self) -> int:
        """How long messages are kept, in milliseconds."""

    @property
    def message_timestamp_type(self) -> str:
        """CreateTime or LogAppendTime."""

    @property
    def schema(self) -> object | None:
        """What values are; None for raw bytes, which dead letters are."""


@dataclass(frozen=True)
class TopicNeed:
    """A topic that a service works with.

    Attributes:
        name: The topic.
        partitions: The fewest partitions that the contract grants it.
        operations: What the service does with it: READ, WRITE or both.
    """

    name: str
    partitions: int
    operations: tuple[str, ...] = (DESCRIBE,)


def partition_counts(admin: AdminClient, timeout: float = 10) -> dict[str, int]:
    """The cluster's topics and how many partitions each has."""
    topics = admin.list_topics(timeout=timeout).topics
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def require_topics(admin: AdminClient, needs: Iterable[TopicNeed]) -> None:
    """Check that every needed topic is there, with partitions enough, and that it may be used as needed.

    Raises:
        NotAuthorised: an operation on a topic is not allowed; one line for each, and for what else is wrong.
        ContractError: one line per topic that is missing or too small.
        Unavailable: the brokers don't answer.
    """
    needs = list(needs)
    names = list(dict.fromkeys(need.name for need in needs))
    answers = admin.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=DESCRIBE_SECONDS
    )
    problems, refused = [], False
    for need in needs:
        try:
            description = answers[need.name].result()
        except KafkaException as error:
            if is_refused(error):  # also where there is no such topic: the brokers don't tell
                problems.append(missing_permission(need.operations, f"topic {need.name}"))
                refused = True
            elif error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                problems.append(f"topic {need.name} does not exist: run scripts/create-topics")
            else:
                raise Unavailable(f"topic {need.name} can't be described: {reason(error)}") from error
            continue
        if operations := not_granted(need.operations, description.authorized_operations):
            problems.append(missing_permission(operations, f"topic {need.name}"))
            refused = True
        elif len(description.partitions) < need.partitions:
            problems.append(
                f"topic {need.name} has {len(description.partitions)} partitions, contracts.toml says "
                f"{need.partitions}: run scripts/create-topics"
            )
    if problems:
        raise (NotAuthorised if refused else ContractError)("\n".join(problems))


def require_equal_partitions(admin: AdminClient, topics: Sequence[str]) -> None:
    """Checks that topics which are read together, partition by partition, have as many of them.

    Raises:
        ContractError: They don't.
    """
    counts = partition_counts(admin)
    found = {topic: counts[topic] for topic in topics}
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{topic} has {count}" for topic, count in found.items())
        raise ContractError(
            f"topics that one process reads together need equally many partitions: {listed}; "
            "give them the same number in contracts.toml and run scripts/create-topics"
        )


def await_topics(
    clients: KafkaClients,
    settings: KafkaSettings,
    needs: Sequence[TopicNeed],
    stop: Event,
    progress: Progress | None = None,
) -> None:
    """Waits for the brokers to answer, then checks the topics.

    Args:
        clients: Makes the admin client.
        settings: Where the brokers are, and how long to wait for them.
        needs: The topics that must be there.
        stop: Ends the waiting early.
        progress: Told what is waited for.

    Raises:
        Unavailable: no broker answered in time.
        NotAuthorised: the brokers refuse the credentials, or what is to be done with a topic.
        UsageError: the brokers can't be trusted, or listen for another security protocol.
        ContractError: a topic is missing or too small.
    """
    admin = clients.admin()
    brokers = settings.kafka_broker_url

    def check() -> None:
        ping(admin, brokers)
        require_topics(admin, needs)

    what = f"broker {brokers}"
    wait_until(check, waiting_for=what, timeout=settings.startup_timeout, stop=stop, progress=progress)


def declared_config(topic: TopicDeclaration) -> TopicConfig:
    """Return the configuration that a topic has if it was created as its contract says."""
    limit = DEFAULT_MAX_MESSAGE_BYTES if topic.schema is not None else DEAD_LETTER_MAX_BYTES
    return TopicConfig(topic.retention_ms, limit, topic.message_timestamp_type)


def topic_configs(admin: AdminClient, topics: Iterable[TopicDeclaration]) -> dict[str, TopicConfig]:
    """Ask the brokers for the configuration of topics.

    Args:
        admin: Asks them.
        topics: The topics' contracts. They stand in for topics that the brokers do not describe, as describing takes
            a permission (DescribeConfigs) that reading and writing do not; a log line says so.

    Returns:
        The configuration by topic name.
    """
    configs = {topic.name: declared_config(topic) for topic in topics}
    resources = {ConfigResource(ResourceType.TOPIC, name): name for name in configs}
    answers = admin.describe_configs(list(resources), request_timeout=10) if resources else {}
    for resource, answer in answers.items():
        name = resources[resource]
        try:
            values = answer.result()
        except KafkaException as error:
            log.warning("topic config unknown, assuming the contract's", topic=name, reason=reason(error))
            continue
        configs[name] = TopicConfig(
            retention_ms=int(values["retention.ms"].value),
            max_message_bytes=int(values["max.message.bytes"].value),
            message_timestamp_type=str(values["message.timestamp.type"].value),
        )
    return configs
