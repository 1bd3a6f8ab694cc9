"""Offsets of dead-lettered records, and the limit of the dead-letter topic, on a real broker."""

import threading
import time
from collections.abc import Callable, Iterator
from threading import Event

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from services.errors import ContractError, PoisonError, Unavailable
from services.streaming import topic_reader
from services.streaming.dead_letter_format import DeadLetterRecord, Original, dead_letter_record
from services.streaming.dead_offsets import dead_offsets
from services.streaming.record_size import batch_size
from services.streaming.topic_reader import TopicReader
from tools.harness.raw_producer import RawProducer
from tools.harness.waiting import DEADLINE
from tools.local_cluster import Cluster

LIMIT = 6000


def letter(topic: str, partition: int, offset: int, **parts: bytes) -> DeadLetterRecord:
    original = Original(topic, partition, offset, parts.get("key"), parts.get("value", b"v"), None)
    return dead_letter_record(original, PoisonError("because"), LIMIT)


@pytest.fixture
def dead(cluster: Cluster, unique: Callable[[str], str]) -> str:
    """A dead-letter topic of two partitions that takes batches of `LIMIT` bytes."""
    topic = unique("dead")
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    admin.create_topics([NewTopic(topic, 2, config={"max.message.bytes": str(LIMIT)})])[topic].result()
    return topic


@pytest.fixture
def writer(cluster: Cluster, dead: str) -> Iterator[Producer]:
    producer = transactional(cluster, f"{dead}.writer")
    yield producer
    producer.flush(DEADLINE)


def transactional(cluster: Cluster, name: str) -> Producer:
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "transactional.id": name, "linger.ms": 0})
    producer.init_transactions(DEADLINE)
    return producer


def put(producer: Producer, topic: str, *letters: DeadLetterRecord, commit: bool = True) -> None:
    producer.begin_transaction()
    for number, record in enumerate(letters):
        producer.produce(topic, record.value, record.key, partition=number % 2, headers=record.headers)
    producer.flush(DEADLINE)
    if commit:
        producer.commit_transaction(DEADLINE)


def reader(cluster: Cluster, stop: Event | None = None) -> TopicReader:
    def make_consumer(**config: object) -> Consumer:
        common = {"bootstrap.servers": cluster.bootstrap_servers, "group.id": "reader", "auto.offset.reset": "earliest"}
        return Consumer(common | {name.replace("_", "."): value for name, value in config.items()})

    return TopicReader(make_consumer, stop)


def test_dead_offsets_are_grouped_by_partition(cluster: Cluster, dead: str, writer: Producer) -> None:
    assert dead_offsets(reader(cluster), dead, {("in", 0): (0, 9)}) == {("in", 0): set()}
    put(
        writer, dead, letter("in", 0, 4), letter("in", 0, 5, value=b"x" * 9000), letter("in", 0, 9),
        letter("in", 1, 4), letter("other", 0, 6), letter("in", 0, 3, key=b"k" * 9000),
    )  # fmt: skip
    forged = letter("in", 0, 7).headers
    writer.begin_transaction()
    writer.produce(dead, b"by somebody else", headers=forged[:-1])
    writer.produce(dead, b"without headers")
    writer.commit_transaction(DEADLINE)
    with RawProducer(cluster.bootstrap_servers) as raw:
        raw.produce(dead, b"unreadable", None, [(b"\xff", b"x")])
    ranges = {("in", 0): (4, 9), ("in", 1): (0, 5), ("in", 2): (0, 5), ("other", 0): (3, 3)}
    expected: dict[tuple[str, int], set[tuple[str, int, int]]] = {
        ("in", 0): {("in", 0, 4), ("in", 0, 5)}, ("in", 1): {("in", 1, 4)}, ("in", 2): set(), ("other", 0): set(),
    }  # fmt: skip
    assert dead_offsets(reader(cluster), dead, ranges) == expected


def test_records_committed_after_an_open_transaction_count(cluster: Cluster, dead: str, writer: Producer) -> None:
    aborting = transactional(cluster, f"{dead}.other")
    put(aborting, dead, letter("in", 0, 1), commit=False)
    put(writer, dead, letter("in", 0, 2))
    visible = [message.value() for messages in reader(cluster).read(dead) for message in messages]
    assert visible == []  # the open one hides it
    threading.Timer(2, aborting.abort_transaction).start()
    assert dead_offsets(reader(cluster), dead, {("in", 0): (0, 9)}) == {("in", 0): {("in", 0, 2)}}


def test_a_transaction_that_stays_open_is_an_error(
    cluster: Cluster, dead: str, writer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(writer, dead, letter("in", 0, 1), commit=False)
    monkeypatch.setattr(topic_reader, "QUIET_SECONDS", 2.0)
    with pytest.raises(Unavailable, match=f"{dead}-0 before 1: no message for 2 s"):
        dead_offsets(reader(cluster), dead, {("in", 0): (0, 9)})
    writer.abort_transaction(DEADLINE)


def test_reading_ends_early_when_it_is_stopped(cluster: Cluster, dead: str, writer: Producer) -> None:
    put(writer, dead, letter("in", 0, 1), commit=False)
    stop = Event()
    threading.Timer(1, stop.set).start()
    began = time.monotonic()
    dead_offsets(reader(cluster, stop), dead, {("in", 0): (0, 9)})
    assert stop.is_set()
    assert time.monotonic() - began < topic_reader.QUIET_SECONDS
    writer.abort_transaction(DEADLINE)


def test_a_missing_topic_is_a_contract_error(cluster: Cluster) -> None:
    with pytest.raises(ContractError, match="topic nowhere does not exist"):
        dead_offsets(reader(cluster), "nowhere", {("in", 0): (0, 9)})
    assert dead_offsets(reader(cluster), "nowhere", {("in", 0): (9, 9)}) == {("in", 0): set()}


def test_a_dead_letter_of_any_size_fits_its_topic(cluster: Cluster, dead: str, writer: Producer) -> None:
    """The largest ones that are written whole have up to 30 bytes less than the topic takes, so it takes them."""
    sizes = [*range(LIMIT - 400, LIMIT - 200), 20_000]
    letters = [letter("in", 0, size, value=b"x" * size) for size in sizes]
    whole = [record for record in letters if record.value is not None]
    assert 0 < len(whole) < len(letters) - 1
    assert max(batch_size(record.key, record.value, record.headers) for record in whole) == LIMIT
    for record in letters:  # a batch each
        put(writer, dead, record)
    dead_now = dead_offsets(reader(cluster), dead, {("in", 0): (0, 99_999)})
    assert dead_now == {("in", 0): {("in", 0, size) for size in sizes}}
