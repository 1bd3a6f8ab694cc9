"""The loop while a coordinator refuses to tell committed offsets."""

from threading import Event, Thread

import pytest
import structlog
from confluent_kafka import KafkaError, Producer
from prometheus_client import CollectorRegistry

from services.streaming.clients import KafkaClients
from services.streaming.commit_interval import FixedInterval
from services.streaming.handler import LoopSettings
from services.streaming.loop import TransactionalLoop
from services.streaming.metrics import LoopMetrics
from services.streaming.progress import LoopProgress
from services.streaming.settings import KafkaSettings
from tests.support.mock_brokers import OFFSET_FETCH, mock_brokers
from tests.support.pass_on import PassOn
from tools.harness.waiting import wait_for


class Counting(PassOn):
    """Counts the messages of each value."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.values: list[bytes] = []

    def handle(self, messages, sink) -> int:
        self.values += [message.value() for message in messages]
        return super().handle(messages, sink)


@pytest.mark.parametrize("refused", [1, 4, 12])
def test_committed_offsets_that_were_refused_are_fetched_again(refused: int) -> None:
    with mock_brokers() as brokers, structlog.testing.capture_logs() as logs:
        for topic in ("in", "out", "dead"):
            brokers.create_topic(topic, 2)
        clients = KafkaClients(KafkaSettings(kafka_broker_url=brokers.bootstrap_servers), {}, "test")
        producer = Producer({"bootstrap.servers": brokers.bootstrap_servers})
        for number in range(100):
            producer.produce("in", str(number).encode(), partition=number % 2)
        assert producer.flush(30) == 0
        stop, handler = Event(), Counting("out")
        loop = TransactionalLoop(
            LoopSettings(topics=("in",), dead_letter_topic="dead", commit_interval=FixedInterval(0.1)),
            make_consumer=lambda: clients.consumer("group"),
            make_producer=lambda: clients.producer(transactional_id="group.only"),
            handler=handler,
            metrics=LoopMetrics(CollectorRegistry()),
            progress=LoopProgress(),
            stop=stop,
        )
        brokers.answer_with(KafkaError.NOT_COORDINATOR, OFFSET_FETCH, refused)
        running = Thread(target=loop.run)
        running.start()
        try:
            wait_for(lambda: len(handler.values) >= 100, "everything is read")
        finally:
            stop.set()
            running.join()
    assert sorted(handler.values) == sorted(str(number).encode() for number in range(100))
    assert [line["reason"] for line in logs if line["event"] == "consumer error"]
