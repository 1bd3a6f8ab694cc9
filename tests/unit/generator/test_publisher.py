"""Counts of deliveries, with a stub producer."""

from threading import Event
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import CollectorRegistry

from services.generator.metrics import GeneratorMetrics
from services.generator.publisher import DeliveryCounts, DeliveryFailed, Publisher


class StubProducer:
    """Holds up to ``room`` messages; ``poll`` delivers them, or fails those whose value is b"bad"."""

    def __init__(self, room: int, *, answers: bool = True, refuses: bytes | None = None) -> None:
        self.room, self.answers, self.refuses = room, answers, refuses
        self.queue: list[bytes] = []
        self.delivered: list[bytes] = []

    def produce(self, _topic: str, value: bytes, _key: bytes, _partition: int, on_delivery: Any) -> None:
        self.on_failure = on_delivery
        if value == self.refuses:
            raise KafkaException(KafkaError(KafkaError._FATAL, "fenced"))
        if len(self.queue) == self.room:
            raise BufferError("queue full")
        self.queue.append(value)

    def poll(self, _timeout: float) -> None:
        if not self.answers:
            return
        queue, self.queue = self.queue, []
        for value in queue:
            if value == b"bad":
                self.on_failure(KafkaError(KafkaError._MSG_TIMED_OUT, "timed out"), None)
            else:
                self.delivered.append(value)

    flush = poll

    def __len__(self) -> int:
        return len(self.queue)


def publisher_over(producer: Any, stop: Event | None = None) -> tuple[Publisher, CollectorRegistry]:
    registry = CollectorRegistry()
    return Publisher(producer, "t", GeneratorMetrics(registry), stop or Event()), registry


def test_a_full_queue_loses_nothing_and_keeps_the_order() -> None:
    producer = StubProducer(room=3)
    publisher, registry = publisher_over(producer)
    values = [b"%d" % number for number in range(10)]
    assert publisher.send(values, values) == 10
    assert publisher.flush() == DeliveryCounts(delivered=10, failed=0, outstanding=0)
    assert producer.delivered == values
    assert registry.get_sample_value("fraud_generator_transactions_total") == 10


def test_a_failed_delivery_raises_with_the_counts() -> None:
    publisher, registry = publisher_over(StubProducer(room=10))
    with pytest.raises(DeliveryFailed, match="timed out; 2 transactions delivered, 1 failed, 0 outstanding") as caught:
        publisher.send([b"a", b"bad", b"b"], [b""] * 3)
    assert caught.value.exit_code != 0
    assert registry.get_sample_value("fraud_generator_delivery_failures_total") == 1


def test_an_error_of_the_producer_raises_with_the_counts() -> None:
    publisher, _ = publisher_over(StubProducer(room=10, refuses=b"c"))
    with pytest.raises(DeliveryFailed, match="fenced; 2 transactions delivered, 1 failed, 0 outstanding"):
        publisher.send([b"a", b"b", b"c", b"d"], [b""] * 4)


def test_a_broker_that_does_not_answer_leaves_messages_outstanding() -> None:
    stop = Event()
    publisher, _ = publisher_over(StubProducer(room=2, answers=False), stop)
    publisher.send([b"a", b"b"], [b""] * 2)
    stop.set()
    assert publisher.send([b"c"], [b""]) == 0
    with pytest.raises(DeliveryFailed, match="did not answer within 8 s; 0 transactions delivered, 0 failed, 2 outst"):
        publisher.flush()
