"""Incidents of fraud that a demo mixes into its stream, and the past that some of them need."""

import time
import uuid
from pathlib import Path

import numpy as np
from confluent_kafka import Producer

from services.contracts import ColumnEncoder, Registry, TopicContract
from services.generator.scenarios import read_scenarios
from services.generator.scenarios.traffic import LabelledTraffic

SCENARIOS = Path(__file__).with_name("incidents.toml")
ACCOUNTS = 1000
ONE_IN = 50
"""One payment of so many is one of an incident."""
_PAST_MS = 60 * 3_600_000


def settings(rate: int, seed: int) -> dict[str, str]:
    """Return the settings of a generator of incidents.

    Args:
        rate: Transactions a second of the whole stream; 0 for as many as possible.
        seed: Seed of the incidents.
    """
    return {"TRANSACTIONS_PER_SECOND": str(max(1, (rate or 1000) // ONE_IN)), "MAX_TRANSACTIONS": "0",
            "ACCOUNTS": str(ACCOUNTS), "SEED": str(seed), "SCENARIOS": str(SCENARIOS)}  # fmt: skip


def write_past(producer: Producer, topic: TopicContract, registry: Registry, seed: int) -> None:
    """Write a payment of each account that a thief may empty, dated more than two days ago: it was dormant since.

    Args:
        producer: Writes them.
        topic: The input topic.
        registry: Has its schema.
        seed: Seed of the incidents.
    """
    population = LabelledTraffic(ACCOUNTS, seed, read_scenarios(str(SCENARIOS))).population
    sources = population.ids[population.sleepers.start : population.sleepers.stop]
    count = len(sources)
    columns = {
        "id": np.array([str(uuid.uuid4()).encode() for _ in range(count)]),
        "source": sources,
        "target": population.ids[:count],
        "amount": np.full(count, 1000),
        "currency": np.full(count, b"EUR"),
        "created_at": np.full(count, time.time_ns() // 1_000_000 - _PAST_MS),
    }
    schema = topic.required_schema
    schema_id = registry.require(topic.subject, schema).id
    values = ColumnEncoder(schema.json, list(columns)).encode(columns, schema_id)
    for value, key in zip(values, columns["target"].tolist(), strict=True):
        producer.produce(topic.name, value, key)
    producer.flush(30)
