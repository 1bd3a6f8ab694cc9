"""Reading of offset ranges on a real broker, with markers, aborted and deleted records."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, Producer, TopicPartition

from services.streaming.clients import KafkaClients
from services.streaming.partition_reader import PartitionReader
from services.streaming.positions import Partition
from services.streaming.settings import KafkaSettings
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE


def reader(pipeline: Pipeline) -> PartitionReader:
    clients = KafkaClients(KafkaSettings(kafka_broker_url=pipeline.cluster.bootstrap_servers), {}, "test")
    return PartitionReader(lambda: clients.consumer(pipeline.group, enable_partition_eof=True))


def write(pipeline: Pipeline, *batches: str) -> None:
    """One transaction each to partition 0; those that begin with ! are aborted."""
    producer = Producer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "transactional.id": pipeline.prefix})
    producer.init_transactions(DEADLINE)
    for batch in batches:
        producer.begin_transaction()
        for letter in batch.removeprefix("!"):
            producer.produce(pipeline.input, letter.encode(), partition=0)
        producer.flush(DEADLINE)
        if batch.startswith("!"):
            producer.abort_transaction(DEADLINE)
        else:
            producer.commit_transaction(DEADLINE)


def high(pipeline: Pipeline, number: int = 0) -> int:
    consumer = Consumer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": "high"})
    _, end = consumer.get_watermark_offsets(TopicPartition(pipeline.input, number), DEADLINE)
    consumer.close()
    return int(end)


def read(range_reader: PartitionReader, ranges: Mapping[Partition, tuple[int, int]]) -> dict[Partition, bytes]:
    """Return the values in offset ranges, each read to its end."""
    range_reader.start(ranges)
    values = dict.fromkeys(ranges, b"")
    ended: dict[Partition, int] = {}
    deadline = time.monotonic() + DEADLINE
    while ended.keys() < ranges.keys():
        assert time.monotonic() < deadline
        for chunk in range_reader.read(0.05):
            assert chunk.partition not in ended
            values[chunk.partition] += b"".join(message.value() or b"" for message in chunk.messages)
            if chunk.ended:
                ended[chunk.partition] = chunk.next_offset
    assert ended == {partition: end for partition, (_, end) in ranges.items()}
    assert not [chunk for chunk in range_reader.read(0.2) if chunk.messages]  # nothing behind the ends
    return values


def test_a_range_ends_before_markers_and_aborted_records(pipeline: Pipeline) -> None:
    write(pipeline, "abc", "!xyz", "de", "!uvw")
    end = high(pipeline)
    assert end == 11 + 4  # each transaction has a marker behind it
    range_reader, first = reader(pipeline), (pipeline.input, 0)
    assert read(range_reader, {first: (0, end)}) == {first: b"abcde"}
    assert read(range_reader, {first: (1, end - 1)}) == {first: b"bcde"}
    assert read(range_reader, {first: (10, end)}) == {first: b""}  # markers and aborted records alone
    assert read(range_reader, {first: (0, 2)}) == {first: b"ab"}
    range_reader.close()


def test_ranges_of_one_partition_are_read_one_after_the_other(pipeline: Pipeline) -> None:
    write(pipeline, "abc", "!xyz", "de", "!uvw")
    first = (pipeline.input, 0)

    def read_all(_: int) -> None:
        range_reader = reader(pipeline)
        for _turn in range(4):
            assert read(range_reader, {first: (1, 14)}) == {first: b"bcde"}
            assert read(range_reader, {first: (0, 2)}) == {first: b"ab"}
        range_reader.close()

    # Many at once: a client that pauses a partition and is assigned it anew fails in one of a hundred stretches.
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(read_all, range(16)))


def test_a_log_that_ends_before_the_range_is_read_to_its_end(pipeline: Pipeline) -> None:
    write(pipeline, "abc")
    range_reader, first, empty = reader(pipeline), (pipeline.input, 0), (pipeline.input, 1)
    assert read(range_reader, {first: (0, 1000), empty: (0, 5)}) == {first: b"abc", empty: b""}
    range_reader.close()


def test_deleted_records_are_skipped(pipeline: Pipeline) -> None:
    write(pipeline, "abc", "def")
    admin, first = pipeline.admin, (pipeline.input, 0)
    deleted = TopicPartition(*first, 5)
    admin.delete_records([deleted])[deleted].result()
    range_reader = reader(pipeline)
    assert read(range_reader, {first: (0, high(pipeline))}) == {first: b"ef"}
    range_reader.close()


def test_committed_offsets_have_their_metadata(pipeline: Pipeline) -> None:
    clients = KafkaClients(KafkaSettings(kafka_broker_url=pipeline.cluster.bootstrap_servers), {}, "test")
    consumer = clients.consumer(pipeline.group)
    consumer.commit(offsets=[TopicPartition(pipeline.input, 0, 7, "a note")], asynchronous=False)
    consumer.close()
    range_reader = reader(pipeline)
    values = range_reader.committed([(pipeline.input, 0), (pipeline.input, 1)])
    range_reader.close()
    assert [(committed.offset, committed.metadata) for committed in values.values()] == [(7, "a note"), (None, "")]
