"""Topics: their creation, their configuration, and the checks of a service at its start."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from services.errors import ContractError, NotAuthorised, Unavailable
from services.streaming.authorisation import DESCRIBE, is_refused, missing_permission, not_granted, requires
from services.streaming.clients import DEAD_LETTER_MAX_BYTES, KafkaClients, ping
from services.streaming.connections import Admin
from services.streaming.failures import reason
from services.streaming.lifecycle import wait_until
from services.streaming.progress import Progress
from services.streaming.settings import KafkaSettings

log = structlog.get_logger()

REQUEST_TIMEOUT = 10.0
PROPAGATION_SECONDS = 30.0  # for new topics to be known to all brokers

DEFAULT_MAX_MESSAGE_BYTES = 1_048_588  # Kafka's max.message.bytes; contracts set another one for dead letters only


@dataclass(frozen=True)
class TopicConfig:
    """The part of a topic's configuration that services depend on.

    Attributes:
        retention_ms: Retention in milliseconds; -1 is for ever.
        max_message_bytes: The largest record batch that the topic accepts, after compression.
        message_timestamp_type: CreateTime: producers set the records' timestamps; LogAppendTime: the broker does.
    """

    retention_ms: int
    max_message_bytes: int
    message_timestamp_type: str

    @property
    def entries(self) -> dict[str, str]:
        """The values by their names in Kafka."""
        return {
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": self.message_timestamp_type,
        }


class TopicDeclaration(Protocol):
    """Configuration in a topic's contract."""

    @property
    def name(self) -> str:
        """Name of the topic."""

    @property
    def retention_ms(self) -> int:
        """Retention in milliseconds."""

    @property
    def message_timestamp_type(self) -> str:
        """CreateTime or LogAppendTime."""

    @property
    def schema(self) -> object | None:
        """Schema of the values; None for raw bytes, such as dead letters."""


@dataclass(frozen=True)
class TopicNeed:
    """Requirements of a service on a topic.

    Attributes:
        name: Name of the topic.
        partitions: Least number of partitions.
        operations: Operations of the service: READ, WRITE or both.
    """

    name: str
    partitions: int
    operations: tuple[str, ...] = (DESCRIBE,)


def partition_counts(admin: AdminClient, timeout: float = 10) -> dict[str, int]:
    """Return the number of partitions of each topic of the cluster."""
    topics = admin.list_topics(timeout=timeout).topics
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def require_topics(admin: AdminClient, needs: Iterable[TopicNeed]) -> None:
    """Check that every needed topic exists, has enough partitions, and that its operations are authorised.

    Raises:
        NotAuthorised: an operation on a topic is not authorised; one line for each fault, of other kinds too.
        ContractError: one line per topic that is missing or too small.
        Unavailable: the brokers don't answer.
    """
    needs = list(needs)
    names = list(dict.fromkeys(need.name for need in needs))
    answers = admin.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=REQUEST_TIMEOUT
    )
    problems, refused = [], False
    for need in needs:
        try:
            description = answers[need.name].result()
        except KafkaException as error:
            if is_refused(error):  # also where the topic does not exist: the brokers don't tell
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
    """Check that co-partitioned topics have equally many partitions.

    Raises:
        ContractError: The numbers differ.
    """
    existing = partition_counts(admin)
    counts = {topic: existing[topic] for topic in topics}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{topic} has {count}" for topic, count in counts.items())
        raise ContractError(
            f"topics that one process reads together need equally many partitions: {listed}; "
            "give them the same number in contracts.toml and run scripts/create-topics"
        )


def await_brokers(
    admin: Admin,
    settings: KafkaSettings,
    *,
    check: Callable[[], None] = lambda: None,
    stop: Event | None = None,
    progress: Progress | None = None,
) -> None:
    """Wait until a broker answers.

    Args:
        admin: Client of the cluster.
        settings: Brokers, and the time to wait for them.
        check: Further check, once a broker answers; an `Unavailable` of it is waited for as well.
        stop: Ends the waiting when set.
        progress: Receives the reason while the brokers do not answer.

    Raises:
        Unavailable: no broker answered in time.
        NotAuthorised: the brokers reject the credentials.
        UsageError: the brokers' certificate is not trusted, or they listen for another security protocol.
    """
    brokers = settings.kafka_broker_url

    def attempt() -> None:
        ping(admin, brokers)
        check()

    wait_until(
        attempt,
        waiting_for=f"broker {brokers}",
        timeout=settings.startup_timeout,
        stop=stop or Event(),
        progress=progress,
    )


def await_topics(
    clients: KafkaClients,
    settings: KafkaSettings,
    needs: Sequence[TopicNeed],
    stop: Event,
    progress: Progress | None = None,
) -> None:
    """Wait for the brokers to answer, then check the topics.

    Args:
        clients: Makes the admin client.
        settings: Brokers, and the time to wait for them.
        needs: The needed topics.
        stop: Ends the waiting when set.
        progress: Receives the reason while the brokers do not answer.

    Raises:
        Unavailable: no broker answered in time.
        NotAuthorised: the brokers reject the credentials, or an operation on a topic.
        UsageError: the brokers' certificate is not trusted, or they listen for another security protocol.
        ContractError: a topic is missing or too small.
    """
    admin = clients.admin()
    await_brokers(admin, settings, check=lambda: require_topics(admin, needs), stop=stop, progress=progress)


def declared_config(topic: TopicDeclaration) -> TopicConfig:
    """Return the configuration of a topic in its contract."""
    limit = DEFAULT_MAX_MESSAGE_BYTES if topic.schema is not None else DEAD_LETTER_MAX_BYTES
    return TopicConfig(topic.retention_ms, limit, topic.message_timestamp_type)


def topic_config(admin: AdminClient, topic: str) -> TopicConfig:
    """Return the configuration of a topic in the cluster.

    Raises:
        KafkaException: A broker refuses, or does not answer.
    """
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([resource], request_timeout=REQUEST_TIMEOUT)[resource].result()
    return TopicConfig(
        retention_ms=int(entries["retention.ms"].value),
        max_message_bytes=int(entries["max.message.bytes"].value),
        message_timestamp_type=str(entries["message.timestamp.type"].value),
    )


def topic_configs(admin: AdminClient, topics: Iterable[TopicDeclaration]) -> dict[str, TopicConfig]:
    """Return the configuration of topics in the cluster, by name.

    Args:
        admin: Client of the cluster.
        topics: Contracts of the topics. They replace the answer for a topic that the brokers do not describe, which is
            logged: describing takes a permission (DescribeConfigs) that reading and writing do not.
    """
    configs = {}
    for topic in topics:
        try:
            configs[topic.name] = topic_config(admin, topic.name)
        except KafkaException as error:
            log.warning("topic config unknown, assuming the contract's", topic=topic.name, reason=reason(error))
            configs[topic.name] = declared_config(topic)
    return configs


def create_topic(admin: AdminClient, topic: NewTopic) -> None:
    """Create a topic.

    Raises:
        NotAuthorised: Creating it is not authorised.
        KafkaException: A broker refuses, or does not answer.
    """
    with requires("CREATE", f"topic {topic.topic}"):
        admin.create_topics([topic])[topic.topic].result()


def await_created(admin: AdminClient, partitions: Mapping[str, int]) -> None:
    """Wait until new topics and partitions are known to the brokers, which learn of them from the controller.

    Args:
        admin: Client of the cluster.
        partitions: Number of partitions by topic.

    Raises:
        Unavailable: The brokers do not know all of them after `PROPAGATION_SECONDS`.
    """

    def check() -> None:
        counts = partition_counts(admin)
        unknown = [topic for topic, count in partitions.items() if counts.get(topic, 0) < count]
        if unknown:
            raise Unavailable(f"the brokers do not know yet: {', '.join(unknown)}")

    wait_until(check, waiting_for="new topics", timeout=PROPAGATION_SECONDS, stop=Event())
