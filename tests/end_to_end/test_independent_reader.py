"""What the pipeline wrote, read by somebody else's code: confluent-kafka's own deserializer."""

import os
import subprocess
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE

SCRIPT = str(Path(__file__).parents[2] / "scripts" / "demo")


def records(pipeline: Pipeline, topic: str) -> list[dict[str, Any]]:
    registry = SchemaRegistryClient({"url": pipeline.cluster.registry_url, "timeout": 10})
    deserialize = AvroDeserializer(registry)
    context = SerializationContext(topic, MessageField.VALUE)
    return [deserialize(message.value(), context) for message in pipeline.read(topic)]


def test_every_id_is_exactly_once_where_its_amount_belongs(pipeline: Pipeline) -> None:
    command = [SCRIPT, "--duration", "5", "--json"]
    subprocess.run(command, env={**os.environ, **pipeline.environment}, check=True, timeout=2 * DEADLINE)
    generated, legit, fraud = (records(pipeline, topic) for topic in (pipeline.input, pipeline.legit, pipeline.fraud))

    assert generated
    assert min(record["amount"] for record in fraud) >= Decimal("900.00")
    assert max(record["amount"] for record in legit) < Decimal("900.00")
    assert set(Counter(record["id"] for record in generated).values()) == {1}
    by_id = {record["id"]: record for record in generated}
    assert Counter(record["id"] for record in [*legit, *fraud]) == Counter(dict.fromkeys(by_id, 1))
    assert all(record == by_id[record["id"]] for record in [*legit, *fraud])
    assert pipeline.read(pipeline.dead) == []
