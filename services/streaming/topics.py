"""Topics as a service needs them: checked at start, never created by accident."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Event

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from services.errors import ContractError
from services.streaming.clients import KafkaClients, ping
from services.streaming.lifecycle import wait_until
from services.streaming.settings import KafkaSettings


@dataclass(frozen=True)
class TopicNeed:
    """A topic that a service reads or writes, and the fewest partitions that the contract grants it."""

    name: str
    partitions: int


def partition_counts(admin: AdminClient, timeout: float = 10) -> dict[str, int]:
    """The cluster's topics and how many partitions each has."""
    topics = admin.list_topics(timeout=timeout).topics
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def require_topics(admin: AdminClient, needs: Iterable[TopicNeed]) -> None:
    """Checks that every needed topic is there, with partitions enough.

    Raises:
        ContractError: one line per topic that is missing or too small.
    """
    counts = partition_counts(admin)
    problems = []
    for need in needs:
        found = counts.get(need.name)
        if found is None:
            problems.append(f"topic {need.name} does not exist: run scripts/create-topics")
        elif found < need.partitions:
            problems.append(
                f"topic {need.name} has {found} partitions, contracts.toml says {need.partitions}: "
                "run scripts/create-topics"
            )
    if problems:
        raise ContractError("\n".join(problems))


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


def await_topics(clients: KafkaClients, settings: KafkaSettings, needs: Iterable[TopicNeed], stop: Event) -> None:
    """Waits for the brokers to answer, then checks the topics.

    Args:
        clients: Makes the admin client.
        settings: Where the brokers are, and how long to wait for them.
        needs: The topics that must be there.
        stop: Ends the waiting early.

    Raises:
        Unavailable: no broker answered in time.
        NotAuthorised: the brokers refuse the credentials.
        ContractError: a topic is missing or too small.
    """
    admin = clients.admin()
    brokers = settings.kafka_broker_url
    wait_until(lambda: ping(admin, brokers), what=f"broker {brokers}", timeout=settings.startup_timeout, stop=stop)
    require_topics(admin, needs)


def retention_of(admin: AdminClient, topic: str, promised_ms: int) -> int:
    """How long the brokers keep a topic's messages, in milliseconds; -1 is for ever.

    Args:
        admin: Asks them.
        topic: Which.
        promised_ms: What the contract says, for where asking is not allowed.
    """
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        value = admin.describe_configs([resource], request_timeout=10)[resource].result()["retention.ms"].value
    except KafkaException:
        return promised_ms
    return int(value)
