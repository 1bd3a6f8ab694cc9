"""Quix Streams: a dataframe that is routed by a function, with its Avro serdes (SERDES=avro) or its JSON ones."""

import json
import os
from decimal import Decimal
from pathlib import Path

from quixstreams import Application
from quixstreams.models.serializers.avro import AvroDeserializer, AvroSerializer
from quixstreams.models.serializers.schema_registry import SchemaRegistryClientConfig, SchemaRegistrySerializationConfig

AMOUNT = float if os.environ["SERDES"] == "json" else Decimal
SUSPICIOUS_AMOUNT = AMOUNT(os.environ.get("SUSPICIOUS_AMOUNT", "900"))


def serdes() -> tuple[object, object]:
    if AMOUNT is float:
        return "json", "json"
    schema = json.loads(Path(os.environ["SCHEMA_FILE"]).read_text())
    registry = SchemaRegistryClientConfig(url=os.environ["SCHEMA_REGISTRY_URL"])
    serialization = SchemaRegistrySerializationConfig(auto_register_schemas=False)
    return (
        AvroDeserializer(schema_registry_client_config=registry),
        AvroSerializer(
            schema=schema,
            schema_registry_client_config=registry,
            schema_registry_serialization_config=serialization,
        ),
    )


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
    deserializer, serializer = serdes()
    transactions = app.topic(os.environ["TRANSACTIONS_TOPIC"], value_deserializer=deserializer)
    legit = app.topic(os.environ["LEGIT_TOPIC"], value_serializer=serializer)
    fraud = app.topic(os.environ["FRAUD_TOPIC"], value_serializer=serializer)

    def route(value: dict[str, Decimal], _key: object, _timestamp: int, _headers: object) -> object:
        return fraud if value["amount"] >= SUSPICIOUS_AMOUNT else legit

    app.dataframe(transactions).to_topic(route)
    app.run()


if __name__ == "__main__":
    main()
