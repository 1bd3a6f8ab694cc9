"""The tutorial's way to generate: random transactions as JSON through kafka-python, one message at a time."""

import json
import os
import time
from random import choices, randint
from string import ascii_letters, digits
from uuid import uuid4

from kafka import KafkaProducer

ACCOUNTS = ["".join(choices(digits + ascii_letters, k=12)) for _ in range(10_000)]


def create_transaction() -> dict[str, object]:
    source, target = choices(ACCOUNTS, k=2)
    return {
        "id": str(uuid4()),
        "source": source,
        "target": target,
        "amount": randint(100, 100_000) / 100,
        "currency": "EUR",
        "created_at": int(time.time() * 1000),
    }


def main() -> None:
    producer = KafkaProducer(
        bootstrap_servers=os.environ["KAFKA_BROKER_URL"],
        value_serializer=lambda value: json.dumps(value).encode(),
    )
    topic = os.environ["TRANSACTIONS_TOPIC"]
    for _ in range(int(os.environ["MAX_TRANSACTIONS"])):
        producer.send(topic, value=create_transaction())
    producer.flush()


if __name__ == "__main__":
    main()
