"""Quix Streams: a dataframe that is routed by a function, with its Avro serdes (SERDES=avro) or its JSON ones."""

import os
from decimal import Decimal

from quixstreams import Application

from benchmarks.peers.quix.avro_serdes import avro_serdes

AMOUNT = float if os.environ["SERDES"] == "json" else Decimal
SUSPICIOUS_AMOUNT = AMOUNT(os.environ.get("SUSPICIOUS_AMOUNT", "900"))


def main() -> None:
    app = Application(
        broker_address=os.environ["KAFKA_BROKER_URL"],
        consumer_group=os.environ["CONSUMER_GROUP"],
        auto_offset_reset="earliest",
        processing_guarantee=os.environ["GUARANTEE"],
        commit_interval=float(os.environ["COMMIT_INTERVAL_MS"]) / 1000,
        auto_create_topics=False,
        loglevel="WARNING",
    )
    deserializer, serializer = ("json", "json") if AMOUNT is float else avro_serdes()
    transactions = app.topic(os.environ["TRANSACTIONS_TOPIC"], value_deserializer=deserializer)
    legit = app.topic(os.environ["LEGIT_TOPIC"], value_serializer=serializer)
    fraud = app.topic(os.environ["FRAUD_TOPIC"], value_serializer=serializer)

    def route(value: dict[str, Decimal], _key: object, _timestamp: int, _headers: object) -> object:
        return fraud if value["amount"] >= SUSPICIOUS_AMOUNT else legit

    app.dataframe(transactions).to_topic(route)
    app.run()


if __name__ == "__main__":
    main()
