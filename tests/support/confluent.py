"""An independent reader: confluent-kafka's own deserializer, given nothing but the registry's address."""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import Message
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext


def deserialized(registry_url: str, messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The records of messages.

    Without a time-out the client waits for ever for an answer that got lost; without a strategy it asks for
    associations, which only Confluent's own registry knows.
    """
    client = SchemaRegistryClient({"url": registry_url, "timeout": 10})
    deserialize = AvroDeserializer(client, conf={"subject.name.strategy": topic_subject_name_strategy})
    return [
        deserialize(message.value(), SerializationContext(message.topic() or "", MessageField.VALUE))
        for message in messages
    ]
