"""confluent-kafka as its examples have it: poll(), AvroDeserializer, AvroSerializer; at least once, auto-commit."""

import os
from decimal import Decimal

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

SUSPICIOUS_AMOUNT = Decimal(os.environ.get("SUSPICIOUS_AMOUNT", "900"))


def main() -> None:
    registry = SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY_URL"]})
    input_topic, legit, fraud = (os.environ[name] for name in ("TRANSACTIONS_TOPIC", "LEGIT_TOPIC", "FRAUD_TOPIC"))
    schema = registry.get_latest_version(f"{input_topic}-value").schema.schema_str
    # Without a strategy AvroSerializer asks the registry for associations, which not every registry has.
    strategy = {"subject.name.strategy": topic_subject_name_strategy}
    deserialize = AvroDeserializer(registry, schema, conf=strategy)
    serialize = AvroSerializer(registry, schema, conf={"auto.register.schemas": False, **strategy})
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BROKER_URL"],
            "group.id": os.environ["CONSUMER_GROUP"],
            "auto.offset.reset": "earliest",
        }
    )
    producer = Producer({"bootstrap.servers": os.environ["KAFKA_BROKER_URL"]})
    consumer.subscribe([input_topic])
    while True:
        message = consumer.poll(1.0)
        if message is None:
            producer.poll(0)
            continue
        if message.error():
            print(message.error())
            continue
        transaction = deserialize(message.value(), SerializationContext(input_topic, MessageField.VALUE))
        topic = fraud if transaction["amount"] >= SUSPICIOUS_AMOUNT else legit
        value = serialize(transaction, SerializationContext(topic, MessageField.VALUE))
        while True:
            try:
                producer.produce(topic, key=message.key(), value=value)
            except BufferError:
                producer.poll(0.1)
            else:
                break
        producer.poll(0)


if __name__ == "__main__":
    main()
