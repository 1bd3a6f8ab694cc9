"""The tutorial's way: kafka-python, JSON, one message at a time; at least once, offsets committed by the client."""

import json
import os

from kafka import KafkaConsumer, KafkaProducer

SUSPICIOUS_AMOUNT = float(os.environ.get("SUSPICIOUS_AMOUNT", "900"))


def is_suspicious(transaction: dict[str, float]) -> bool:
    return transaction["amount"] >= SUSPICIOUS_AMOUNT


def main() -> None:
    consumer = KafkaConsumer(
        os.environ["TRANSACTIONS_TOPIC"],
        bootstrap_servers=os.environ["KAFKA_BROKER_URL"],
        group_id=os.environ["CONSUMER_GROUP"],
        auto_offset_reset="earliest",
        isolation_level="read_committed",  # the benchmark hands its input over by a commit
        value_deserializer=json.loads,
    )
    producer = KafkaProducer(
        bootstrap_servers=os.environ["KAFKA_BROKER_URL"],
        value_serializer=lambda value: json.dumps(value).encode(),
    )
    legit, fraud = os.environ["LEGIT_TOPIC"], os.environ["FRAUD_TOPIC"]
    for message in consumer:
        transaction = message.value
        producer.send(fraud if is_suspicious(transaction) else legit, value=transaction)


if __name__ == "__main__":
    main()
