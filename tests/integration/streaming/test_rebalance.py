"""Pauses of partitions over a reassignment, on a real broker."""

import time
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import TopicPartition
from prometheus_client import CollectorRegistry

from services.streaming.clients import KafkaClients
from services.streaming.metrics import LoopMetrics
from services.streaming.positions import Partition
from services.streaming.progress import LoopProgress
from services.streaming.rebalance import RebalanceListener
from services.streaming.settings import KafkaSettings
from tests.support.pass_on import PassOn
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE

if TYPE_CHECKING:
    from confluent_kafka import Consumer


def partitions(topic: str) -> set[Partition]:
    return {(topic, number) for number in range(4)}


class Restoring(PassOn):
    """Restores all partitions of a topic until a test says that they are restored."""

    def __init__(self, topic: str) -> None:
        super().__init__("unused")
        self.restored = False
        self._partitions = partitions(topic)

    def unrestored(self) -> Collection[Partition]:
        return () if self.restored else self._partitions


class Member:
    """One member of the pipeline's group, which reads the input through the listener."""

    def __init__(self, pipeline: Pipeline) -> None:
        clients = KafkaClients(KafkaSettings(kafka_broker_url=pipeline.cluster.bootstrap_servers), {}, "test")
        self.consumer = clients.consumer(pipeline.group)
        self.handler = Restoring(pipeline.input)
        self.listener = RebalanceListener(
            self.consumer,
            self.handler,
            LoopMetrics(CollectorRegistry()),
            LoopProgress(),
            commit=lambda: None,
            is_open=lambda: False,
        )
        self.listener.join([pipeline.input, pipeline.by_source])
        self.read: set[Partition] = set()

    def poll(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not until():
            assert time.monotonic() < deadline
            for message in self.listener.drop_revoked(self.consumer.consume(1000, 0.05)):
                assert message.error() is None
                self.read.add((str(message.topic()), int(message.partition() or 0)))
            self.listener.pause_unrestored()

    def close(self) -> None:
        self.consumer.close()


@pytest.fixture
def member(pipeline: Pipeline) -> Iterator[Member]:
    for _topic, number in partitions(pipeline.input):
        pipeline.produce([b"something"], partition=number)
    member = Member(pipeline)
    member.poll(lambda: set(member.listener.owned) >= partitions(pipeline.input))
    assert not member.read
    yield member
    member.close()


def test_a_rewind_reads_what_was_paused_until_just_before(member: Member, pipeline: Pipeline) -> None:
    member.handler.restored = True
    member.listener.rewind()
    member.poll(lambda: member.read >= partitions(pipeline.input))


def test_a_restart_at_an_offset_reads_what_was_paused_until_just_before(member: Member, pipeline: Pipeline) -> None:
    member.handler.restored = True
    for partition in partitions(pipeline.input):
        member.listener.restart_at(partition, 0)
    member.poll(lambda: member.read >= partitions(pipeline.input))


def test_a_partition_that_left_while_paused_is_read_when_it_comes_back(member: Member, pipeline: Pipeline) -> None:
    second = Member(pipeline)

    def shared() -> bool:
        second.listener.drop_revoked(second.consumer.consume(1, 0.05))
        return 0 < len(member.listener.owned) < 2 * len(partitions(pipeline.input))

    member.poll(shared)
    member.handler.restored = True  # those that are still here go on, those that left do when they come back
    second.close()
    member.poll(lambda: member.read >= partitions(pipeline.input))


class Refusing:
    """A consumer that refuses to give partitions up, as the client does when it is being closed."""

    def __init__(self, consumer: "Consumer") -> None:
        self._consumer = consumer
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def incremental_unassign(self, _partitions: list[TopicPartition]) -> None:
        self.refused += 1
        self._consumer.seek(TopicPartition("of nobody", 0, 0))  # raises in the client, not in Python


def test_closing_survives_an_error_of_the_client(member: Member) -> None:
    refusing = Refusing(member.consumer)
    member.listener._consumer = refusing  # type: ignore[assignment]
    member.close()
    assert refusing.refused == 1
