"""The topics of the notifier, and its records on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Message

from services.contracts import Contracts, MessageRecords, RecordEncoder, Registry, Schema, TopicContract, frame
from services.errors import ContractError, PoisonError
from services.notifier.alert import Alert
from services.notifier.events import Event
from services.notifier.settings import NotifierSettings
from services.notifier.silences import Silence
from services.streaming.authorisation import READ, WRITE
from services.streaming.record_headers import read_headers
from services.streaming.topics import TopicNeed
from services.streaming.tracing import sampled_traceparent


@dataclass(frozen=True)
class NotifierTopics:
    """The contracts of the topics.

    Attributes:
        alerts: Read, and offsets of it are committed.
        notifications: Written, and read at the start; its owner works.
        silences: Read.
        counted: Topics of transactions, which the daily report counts.
        decisions: Read for the daily report; None where the contracts lack it.
    """

    alerts: TopicContract
    notifications: TopicContract
    silences: TopicContract
    counted: tuple[TopicContract, ...]
    decisions: TopicContract | None = None

    @classmethod
    def of(cls, settings: NotifierSettings, contracts: Contracts) -> "NotifierTopics":
        """Return the topics that the settings name.

        Raises:
            ContractError: The contracts lack one.
        """
        return cls(
            contracts.topic(settings.alerts_topic),
            contracts.topic(settings.notifications_topic),
            contracts.topic(settings.silences_topic),
            (contracts.topic(settings.legit_topic), contracts.topic(settings.fraud_topic)),
            next((topic for topic in contracts.topics if topic.name == settings.decisions_topic), None),
        )

    def needs(self, *, report: bool) -> list[TopicNeed]:
        """Return the operations needed on each topic.

        Args:
            report: Whether there is a daily report.
        """
        read = [self.alerts, self.silences]
        if report:
            read += [*self.counted, *([self.decisions] if self.decisions else [])]
        return [
            *(TopicNeed(topic.name, topic.partitions, (READ,)) for topic in read),
            TopicNeed(self.notifications.name, self.notifications.partitions, (READ, WRITE)),
        ]


class NotifierRecords:
    """Decodes and encodes the records.

    Args:
        topics: The topics.
        registry: Knows the schemas.
    """

    def __init__(self, topics: NotifierTopics, registry: Registry) -> None:
        self._alerts, self._events, self._silences = (
            MessageRecords(registry, topic.required_schema)
            for topic in (topics.alerts, topics.notifications, topics.silences)
        )
        schema = topics.notifications.required_schema
        self._schema_id = registry.require(topics.notifications.subject, schema).id
        self._encoder = RecordEncoder(schema.json)

    def alert(self, message: Message) -> Alert:
        """Return the alert in a message.

        Raises:
            PoisonError: There is none.
            Unavailable: The registry can't be asked.
        """
        return Alert.of(_decoded(self._alerts, message), sampled_traceparent(read_headers(message)))

    def event(self, message: Message) -> Event:
        """Return the event in a message; raises as `alert`."""
        return Event.of(_decoded(self._events, message))

    def silence(self, message: Message) -> Silence:
        """Return the silence in a message; raises as `alert`."""
        return Silence.of(_decoded(self._silences, message))

    def encode(self, record: Mapping[str, Any]) -> bytes:
        """Return the value of an event's record."""
        return frame(self._schema_id, self._encoder.encode(record))


def _decoded(records: MessageRecords, message: Message) -> Any:
    try:
        return records.decode(message.value(), read_headers(message))
    except ContractError as error:  # it was written with another schema than this topic's
        raise PoisonError(str(error)) from None


def transaction_schema(topics: NotifierTopics) -> Schema:
    """Return the schema of transactions, whose fields routes may name."""
    schema = topics.counted[0].schema
    if schema is None:
        raise ContractError(f"topic {topics.counted[0].name} has no schema; expected that of transactions")
    return schema
