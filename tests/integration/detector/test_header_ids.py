"""Messages of clients that put the schema id into a header: read, passed on as they are, or re-encoded."""

import json
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.schema_registry import (
    SchemaRegistryClient,
    header_schema_id_serializer,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from services.contracts import SCHEMA_ID_HEADER, Registry, RegistrySettings
from support.registry_replay import CONFLUENT
from support.registry_server import Served, serving
from support.registry_variants import RegistryOfGuids
from tests.support.redriving import redrive
from tools.harness.contracts import register_all
from tools.harness.pipeline import Pipeline
from tools.local_cluster import Cluster

STRATEGY = {"subject.name.strategy": topic_subject_name_strategy}
Sent = tuple[bytes, list[tuple[str, bytes]]]
"""A value and its headers."""


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(CONFLUENT, RegistryOfGuids) as server:
        yield server


@pytest.fixture
def elsewhere(cluster: Cluster, tmp_path: Path, served: Served) -> Pipeline:
    """A pipeline whose schemas are in the registry of GUIDs."""
    pipeline = Pipeline(cluster, tmp_path, register=False)
    with Registry(RegistrySettings.load(url=served.url)) as registry:
        pipeline.schema_id = register_all(registry, pipeline.contracts)
    return pipeline


def transaction_schema(pipeline: Pipeline) -> Any:
    return json.loads((pipeline.schemas / "transaction.avsc").read_text())


def serialized(pipeline: Pipeline, url: str, values: list[bytes], schema: Any = None) -> list[Sent]:
    """Transactions as Confluent's own serializer writes them with the schema's GUID in a header."""
    client = SchemaRegistryClient({"url": url, "timeout": 10})
    conf = {
        **STRATEGY,
        "auto.register.schemas": schema is not None,
        "schema.id.serializer": header_schema_id_serializer,
    }
    own = transaction_schema(pipeline)
    serialize = AvroSerializer(client, json.dumps(schema or own), conf=conf)
    topic = pipeline.input if schema is None else f"{pipeline.prefix}elsewhere"
    parsed = fastavro.parse_schema(own)
    sent: list[Sent] = []
    for value in values:
        headers: list[tuple[str, bytes]] = [("trace", b"7")]
        record = fastavro.schemaless_reader(BytesIO(value[5:]), parsed, None)
        sent.append((serialize(record, SerializationContext(topic, MessageField.VALUE, headers)), headers))
    return sent


def produce(pipeline: Pipeline, messages: list[Sent]) -> None:
    producer = Producer({"bootstrap.servers": pipeline.cluster.bootstrap_servers})
    for value, headers in messages:
        producer.produce(pipeline.input, value, headers=headers)
    assert producer.flush(60) == 0


def verdicts(pipeline: Pipeline) -> list[Message]:
    return [message for topic in (pipeline.legit, pipeline.fraud) for message in pipeline.read(topic)]


def test_transactions_with_a_guid_are_passed_on_as_they_are(elsewhere: Pipeline, served: Served) -> None:
    plain = elsewhere.transactions(100)
    with_guid = serialized(elsewhere, served.url, elsewhere.transactions(100, seed=2))
    assert {value[:1] for value, _ in with_guid} == {b"H"}  # the body alone
    with elsewhere.start("detector", SCHEMA_REGISTRY_URL=served.url) as detector:
        produce(elsewhere, with_guid)
        elsewhere.produce(plain)
        legit, fraud, dead = elsewhere.wait_for_outputs(200)
        assert detector.stop() == 0
    assert dead == []
    assert sorted(legit + fraud) == sorted([*plain, *(value for value, _ in with_guid)])
    assert f"GET /schemas/guids/{guid_of(with_guid[0])}" in served.requests
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": served.url, "timeout": 10}), conf=STRATEGY)
    for message in verdicts(elsewhere):
        headers = message.headers() or []
        assert sum(name == SCHEMA_ID_HEADER for name, _ in headers) == (message.value()[:1] == b"H")
        record = deserialize(message.value(), SerializationContext(message.topic(), MessageField.VALUE, headers))
        assert (record["amount"] >= Decimal(900)) == (message.topic() == elsewhere.fraud)


def guid_of(sent: Sent) -> UUID:
    return UUID(bytes=dict(sent[1])[SCHEMA_ID_HEADER][1:])


def test_a_foreign_schema_with_a_guid_is_reencoded_with_an_id_in_front(elsewhere: Pipeline, served: Served) -> None:
    transactions = elsewhere.transactions(50)
    own = transaction_schema(elsewhere)
    foreign = {**own, "fields": own["fields"][::-1]}
    with elsewhere.start("detector", SCHEMA_REGISTRY_URL=served.url) as detector:
        produce(elsewhere, serialized(elsewhere, served.url, transactions, foreign))
        legit, fraud, dead = elsewhere.wait_for_outputs(50)
        assert detector.stop() == 0
    assert dead == []
    assert sorted(legit + fraud) == sorted(transactions)
    for message in verdicts(elsewhere):
        names = [name for name, _ in message.headers() or []]
        assert SCHEMA_ID_HEADER not in names
        assert names[0] == "trace"


def test_windows_count_transactions_with_a_guid_across_stages_and_restarts(
    elsewhere: Pipeline, served: Served, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[rules.many]\nseverity = "high"\nreason = "{count} payments"\n'
        'windows.count = { measure = "count", by = ["source"], over = "1h", at_least = 40 }\n'
    )
    settings = {"SCHEMA_REGISTRY_URL": served.url, "RULES_FILE": str(rules)}
    transaction = elsewhere.transactions(1)[0]
    ids = [f"{number:08x}-0000-4000-8000-000000000000".encode() for number in range(60)]
    values = [transaction[:6] + transaction_id + transaction[42:] for transaction_id in ids]
    messages: list[Sent] = [(value, []) for value in values[::2]] + serialized(elsewhere, served.url, values[1::2])
    for expected, part in ((30, messages[15:45]), (60, messages[:15] + messages[45:])):  # half of each kind
        with elsewhere.start("detector", **settings) as detector:
            produce(elsewhere, part)
            legit, fraud, dead = elsewhere.wait_for_outputs(expected)
            assert detector.stop() == 0
    assert dead == []
    assert (len(legit), len(fraud)) == (39, 21)
    assert sorted(legit + fraud) == sorted(value for value, _ in messages)


def test_a_registry_without_guids_and_odd_headers_make_dead_letters(pipeline: Pipeline) -> None:
    good = pipeline.transactions(6)
    guid = UUID(int=7)
    kinds: list[Sent] = [
        (good[0][5:], [(SCHEMA_ID_HEADER, b"\x01" + guid.bytes)]),
        (good[1], [(SCHEMA_ID_HEADER, b"what is this")]),
        (good[2][5:], [(SCHEMA_ID_HEADER, b"\x00\x7f\xff\xff\xff")]),
    ]
    in_header = [(value[5:], [(SCHEMA_ID_HEADER, value[:5])]) for value in good[3:5]]  # an id, as this registry has
    with pipeline.start("detector") as detector:
        produce(pipeline, [*kinds, *in_header])
        pipeline.produce(good[5:])
        legit, fraud, dead = pipeline.wait_for_outputs(6)
        assert detector.stop() == 0
    assert sorted(legit + fraud) == sorted([*(value for value, _ in in_header), good[5]])
    reasons = {message.value(): dict(message.headers()) for message in dead}
    for (value, headers), (name, said) in zip(
        kinds,
        [
            ("GuidsUnknown", f"does not know schema GUIDs such as {guid}"),
            ("SchemaIdHeaderError", "the header __value_schema_id has 12 bytes, beginning with 0x77686174"),
            ("UnknownSchemaId", "schema id 2147483647 is not in the registry"),
        ],
        strict=True,
    ):
        about = reasons[value]
        assert about["__connect.errors.exception.class.name"].decode().endswith(f".{name}")
        assert said in about["__connect.errors.exception.message"].decode()
        assert about[SCHEMA_ID_HEADER] == headers[0][1]
    assert redrive(pipeline, "--error", "GuidsUnknown", "--dry-run").count("\n") == 2
