"""Lag on a real broker: it grows without commits, and transaction markers are no lag."""

import math
from functools import partial
from threading import Event

from confluent_kafka import Consumer, Producer, TopicPartition
from prometheus_client import CollectorRegistry

from services.streaming.clients import KafkaClients
from services.streaming.lag import LagMonitor
from services.streaming.progress import LoopProgress
from services.streaming.settings import KafkaSettings
from tools.harness.pipeline import Pipeline


class Measured:
    """A monitor of two partitions of a pipeline's input, and what it says."""

    def __init__(self, pipeline: Pipeline) -> None:
        clients = KafkaClients(KafkaSettings(kafka_broker_url=pipeline.cluster.bootstrap_servers), {}, "test")
        self.progress, self.registry = LoopProgress(), CollectorRegistry()
        self.topic = pipeline.input
        self.monitor = LagMonitor(
            partial(clients.consumer, pipeline.group), progress=self.progress, namespace="x", stop=Event()
        )
        self.registry.register(self.monitor)

    def lag(self, partition: int) -> float | None:
        return self.registry.get_sample_value(
            "x_consumer_lag_messages", {"topic": self.topic, "partition": str(partition)}
        )

    def measured(self, times: int = 2) -> tuple[float | None, float | None]:
        for _ in range(times):
            self.monitor.measure()
        return self.lag(0), self.lag(1)


def produce(pipeline: Pipeline, count: int, partition: int = 0, *, transactional_id: str = "") -> None:
    config = {"bootstrap.servers": pipeline.cluster.bootstrap_servers}
    producer = Producer(config | ({"transactional.id": transactional_id} if transactional_id else {}))
    if transactional_id:
        producer.init_transactions(30)
        producer.begin_transaction()
    for _ in range(count):
        producer.produce(pipeline.input, b"anything", partition=partition)
    if transactional_id:
        producer.commit_transaction(30)
    assert producer.flush(30) == 0


def commit(pipeline: Pipeline, offset: int, partition: int = 0) -> None:
    consumer = Consumer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": pipeline.group})
    consumer.commit(offsets=[TopicPartition(pipeline.input, partition, offset)], asynchronous=False)
    consumer.close()


def test_lag_of_every_assigned_partition_grows_without_commits(pipeline: Pipeline) -> None:
    seen = Measured(pipeline)
    assert seen.lag(0) is None
    seen.progress.assigned([(pipeline.input, 0), (pipeline.input, 1)])
    assert math.isnan(seen.lag(0) or 0)  # there from the assignment on
    produce(pipeline, 5)
    assert seen.measured() == (5, 0)
    commit(pipeline, 3)
    assert seen.measured() == (2, 0)
    produce(pipeline, 10)
    produce(pipeline, 4, 1)
    assert seen.measured(1) == (12, 4)
    at = seen.registry.get_sample_value("x_consumer_lag_measured_timestamp_seconds")
    assert at
    seen.progress.revoked([(pipeline.input, 0)])
    assert seen.lag(0) is None
    assert seen.measured() == (None, 4)
    assert (seen.registry.get_sample_value("x_consumer_lag_measured_timestamp_seconds") or 0) > at


def test_transaction_markers_are_no_lag(pipeline: Pipeline) -> None:
    seen = Measured(pipeline)
    seen.progress.assigned([(pipeline.input, 0), (pipeline.input, 1)])
    produce(pipeline, 3, transactional_id=f"{pipeline.prefix}a")
    commit(pipeline, 3)  # as a consumer's position has it: after the last message, before the marker
    assert seen.measured() == (0, 0)
    produce(pipeline, 2, transactional_id=f"{pipeline.prefix}a")
    assert seen.measured() == (2 + 2, 0)  # with the markers of both transactions
    commit(pipeline, 6)
    assert seen.measured() == (0, 0)
