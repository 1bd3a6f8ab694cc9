"""Access: what a program does on Kafka, declared once, where the program is built.

Its checks at the start take the declaration, and `scripts/acls` derives its ACLs from the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from services.streaming.authorisation import ALTER, DESCRIBE, READ, WRITE, require_group
from services.streaming.clients import KafkaClients
from services.streaming.progress import Progress
from services.streaming.settings import KafkaSettings
from services.streaming.topics import TopicNeed, await_topics

TOPIC, GROUP, TRANSACTIONAL_ID = "TOPIC", "GROUP", "TRANSACTIONAL_ID"
LITERAL, PREFIXED = "LITERAL", "PREFIXED"

_IMPLYING_DESCRIBE = {READ, WRITE, ALTER, "DELETE"}


@dataclass(frozen=True, order=True)
class Permission:
    """An operation on a resource, or on those whose names begin alike; in the words of Kafka's ACLs.

    Attributes:
        resource: TOPIC, GROUP or TRANSACTIONAL_ID.
        name: Name of the resource, or the beginning of its name.
        pattern: LITERAL or PREFIXED.
        operation: READ, WRITE, CREATE and so on.
    """

    resource: str
    name: str
    pattern: str
    operation: str


@dataclass(frozen=True)
class Access:
    """The topics, groups and transactional ids that a program uses.

    Attributes:
        program: Name of the service or command; by default also that of its user.
        topics: Topics with the operations on each.
        groups: Operations on consumer groups, by the name of the group.
        transactional_id: Transactional id of its producer; empty where it has none.
        has_instances: Whether `transactional_id` is the beginning of the ids of several instances.
    """

    program: str
    topics: Sequence[TopicNeed] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    transactional_id: str = ""
    has_instances: bool = False

    @property
    def permissions(self) -> Sequence[Permission]:
        """The least permissions that suffice, in the order of the declaration: none is implied by another."""
        needs = [(TOPIC, topic.name, topic.operations) for topic in self.topics]
        needs += [(GROUP, group, tuple(operations)) for group, operations in self.groups.items()]
        implied = {need[:2] for need in needs if _IMPLYING_DESCRIBE.intersection(need[2])}
        permissions = [
            Permission(resource, name, LITERAL, operation)
            for resource, name, operations in needs
            for operation in operations
            if operation != DESCRIBE or (resource, name) not in implied
        ]
        if self.transactional_id:
            pattern = PREFIXED if self.has_instances else LITERAL
            permissions.append(Permission(TRANSACTIONAL_ID, self.transactional_id, pattern, WRITE))
        return list(dict.fromkeys(permissions))


def await_access(
    clients: KafkaClients, settings: KafkaSettings, access: Access, stop: Event, progress: Progress | None = None
) -> None:
    """Wait for the brokers to answer, then check topics, groups, and what is authorised on them.

    A transactional id can't be asked for: it is refused when it is first used.

    Args:
        clients: Makes the admin client.
        settings: Brokers, and the time to wait for them.
        access: The declaration of the program.
        stop: Ends the waiting when set.
        progress: Receives the reason while the brokers do not answer.

    Raises:
        Unavailable: No broker answered in time.
        NotAuthorised: The brokers reject the credentials, or an operation.
        UsageError: The brokers' certificate is not trusted, or they listen for another security protocol.
        ContractError: A topic is missing or too small.
    """
    await_topics(clients, settings, access.topics, stop, progress)
    for group, operations in access.groups.items():
        require_group(clients.admin(), group, operations)
