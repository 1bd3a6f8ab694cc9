"""Quix Streams' Avro serdes, by a schema that is registered."""

import json
import os
from pathlib import Path

from quixstreams.models.serializers.avro import AvroDeserializer, AvroSerializer
from quixstreams.models.serializers.schema_registry import SchemaRegistryClientConfig, SchemaRegistrySerializationConfig


def avro_serdes() -> tuple[AvroDeserializer, AvroSerializer]:
    """Return what reads and what writes a transaction."""
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
