"""confluent-kafka as its examples have it: AvroSerializer, one message at a time."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from random import choices, randint
from string import ascii_letters, digits
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

ACCOUNTS = ["".join(choices(digits + ascii_letters, k=12)) for _ in range(10_000)]


def create_transaction() -> dict[str, Any]:
    source, target = choices(ACCOUNTS, k=2)
    return {
        "id": uuid4(),
        "source": source,
        "target": target,
        "amount": Decimal(randint(100, 100_000)).scaleb(-2),
        "currency": "EUR",
        "created_at": datetime.now(UTC),
    }


def main() -> None:
    registry = SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY_URL"]})
    topic = os.environ["TRANSACTIONS_TOPIC"]
    schema = registry.get_latest_version(f"{topic}-value").schema.schema_str
    # Without a strategy AvroSerializer asks the registry for associations, which not every registry has.
    conf = {"auto.register.schemas": False, "subject.name.strategy": topic_subject_name_strategy}
    serialize = AvroSerializer(registry, schema, conf=conf)
    producer = Producer({"bootstrap.servers": os.environ["KAFKA_BROKER_URL"]})
    for _ in range(int(os.environ["MAX_TRANSACTIONS"])):
        transaction = create_transaction()
        value = serialize(transaction, SerializationContext(topic, MessageField.VALUE))
        while True:
            try:
                producer.produce(topic, key=transaction["target"], value=value)
            except BufferError:
                producer.poll(0.1)
            else:
                break
        producer.poll(0)
    producer.flush()


if __name__ == "__main__":
    main()
