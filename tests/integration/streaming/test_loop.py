"""The transactional loop on a real broker, with a client that hangs as librdkafka may."""

import time
from collections.abc import Sequence
from functools import partial
from threading import Event, Thread
from typing import Any

import pytest
from confluent_kafka import Message, Producer
from prometheus_client import CollectorRegistry

from services.errors import Unavailable
from services.streaming import loop as loop_module
from services.streaming import session
from services.streaming.batch_limit import BatchLimit
from services.streaming.clients import KafkaClients
from services.streaming.commit_interval import FixedInterval
from services.streaming.handler import LoopSettings
from services.streaming.loop import TransactionalLoop
from services.streaming.metrics import LoopMetrics
from services.streaming.progress import LoopProgress
from services.streaming.record_size import bounded_batches
from services.streaming.settings import KafkaSettings
from services.streaming.sink import Sink
from tests.support.pass_on import PassOn
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for


class Hanging:
    """A producer whose `send_offsets_to_transaction` takes no notice of its time-out and does not come back."""

    def __init__(self, producer: Producer, released: Event) -> None:
        self._producer = producer
        self._released = released
        self.hung = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def send_offsets_to_transaction(self, *_: Any) -> None:
        self.hung += 1
        self._released.wait()


class Blocking(PassOn):
    """Does not come back from a batch until it is released."""

    def __init__(self, topic: str, released: Event) -> None:
        super().__init__(topic)
        self.entered = Event()
        self._released = released

    def handle(self, messages: Sequence[Message], sink: Sink) -> int:
        self.entered.set()
        self._released.wait()
        return super().handle(messages, sink)


class Small(PassOn):
    """Notes how many bytes it is given at once, and fails once in between."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.sizes: list[int] = []
        self.failed = False

    def handle(self, messages: Sequence[Message], sink: Sink) -> int:
        self.sizes.append(sum(map(len, messages)))
        if len(self.sizes) == 7 and not self.failed:
            self.failed = True
            raise Unavailable("for a moment")
        return super().handle(messages, sink)


class Slow(PassOn):
    """Takes 1 ms for a record, and notes how many it is given at once."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.sizes: list[int] = []

    def handle(self, messages: Sequence[Message], sink: Sink) -> int:
        self.sizes.append(len(messages))
        time.sleep(len(messages) / 1000)
        return super().handle(messages, sink)


def test_a_loop_that_hangs_is_not_alive(pipeline: Pipeline) -> None:
    clients = KafkaClients(KafkaSettings(kafka_broker_url=pipeline.cluster.bootstrap_servers), {}, "test")
    released, stop, progress = Event(), Event(), LoopProgress(stalled_after=2)
    handler = Blocking(pipeline.legit, released)
    loop = TransactionalLoop(
        LoopSettings(topics=(pipeline.input,), dead_letter_topic=pipeline.dead, commit_interval=FixedInterval(0.1)),
        make_consumer=lambda: clients.consumer(pipeline.group),
        make_producer=lambda: clients.producer(transactional_id=f"{pipeline.group}.only"),
        handler=handler,
        metrics=LoopMetrics(CollectorRegistry()),
        progress=progress,
        stop=stop,
    )
    running = Thread(target=loop.run)
    running.start()
    try:
        wait_for(lambda: progress.readiness().ready, "partitions are assigned")
        pipeline.produce(pipeline.transactions(10))
        assert handler.entered.wait(60)
        wait_for(lambda: not progress.liveness().ok, "the loop counts as hanging")
        assert not progress.readiness().ready
        assert "the loop made no step for " in progress.liveness().reasons[0]
        released.set()
        wait_for(lambda: progress.liveness().ok and progress.readiness().ready, "it goes on")
        wait_for(lambda: len(pipeline.read(pipeline.legit)) == 10, "everything is passed on", pause=0.2)
    finally:
        released.set()
        stop.set()
        running.join()


def test_a_hung_client_is_replaced(pipeline: Pipeline) -> None:
    clients = KafkaClients(KafkaSettings(kafka_broker_url=pipeline.cluster.bootstrap_servers), {}, "test")
    released, stop = Event(), Event()
    producers: list[Any] = []

    def producer() -> Any:
        real = clients.producer(transactional_id=f"{pipeline.group}.only")
        producers.append(real if producers else Hanging(real, released))
        return producers[-1]

    metrics = LoopMetrics(CollectorRegistry())
    loop = TransactionalLoop(
        LoopSettings(topics=(pipeline.input,), dead_letter_topic=pipeline.dead, commit_interval=FixedInterval(0.1)),
        make_consumer=lambda: clients.consumer(pipeline.group),
        make_producer=producer,
        handler=PassOn(pipeline.legit),
        metrics=metrics,
        progress=LoopProgress(),
        stop=stop,
    )
    values = pipeline.transactions(1000)
    pipeline.produce(values)
    running = Thread(target=loop.run)
    running.start()
    try:
        wait_for(lambda: len(producers) > 1, "a second producer is made")
        assert producers[0].hung == 1  # it was asked once and left behind
        wait_for(lambda: len(pipeline.read(pipeline.legit)) >= len(values), "everything is passed on", pause=0.2)
    finally:
        stop.set()
        running.join()
        released.set()
    assert sorted(str(message.value()) for message in pipeline.read(pipeline.legit)) == sorted(map(str, values))
    assert metrics.restarts._value.get() == 1
    assert not pipeline.open_transactions()


def test_what_is_read_at_once_is_handled_in_parts_once_each(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "bounded_batches", lambda messages: bounded_batches(messages, 1000))
    clients = KafkaClients(KafkaSettings(kafka_broker_url=pipeline.cluster.bootstrap_servers), {}, "test")
    values, metrics = pipeline.transactions(2000), LoopMetrics(CollectorRegistry())
    pipeline.produce(values)
    handlers = []
    for count in (2000, 2001):  # a second one continues where the first one has ended
        stop, handler = Event(), Small(pipeline.legit)
        handlers.append(handler)
        loop = TransactionalLoop(
            LoopSettings(
                topics=(pipeline.input,), dead_letter_topic=pipeline.dead, commit_interval=FixedInterval(0.05)
            ),
            make_consumer=lambda: clients.consumer(pipeline.group),
            make_producer=lambda: clients.producer(transactional_id=f"{pipeline.group}.only"),
            handler=handler,
            metrics=metrics,
            progress=LoopProgress(),
            stop=stop,
        )
        running = Thread(target=loop.run)
        running.start()
        try:
            wait_for(lambda count=count: len(pipeline.read(pipeline.legit)) >= count, "all of them", pause=0.2)  # type: ignore[misc]
        finally:
            stop.set()
            running.join()
        if count == len(values):
            pipeline.produce(values[:1])
    first, second = handlers
    assert first.failed
    assert max(first.sizes) <= 1000
    assert len(first.sizes) > 2000 * 80 // 1000
    assert len(second.sizes) == 1
    assert sorted(message.value() or b"" for message in pipeline.read(pipeline.legit)) == sorted(values + values[:1])


def test_a_batch_that_takes_too_long_makes_the_next_ones_smaller(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "BatchLimit", partial(BatchLimit, seconds=0.25))
    clients = KafkaClients(KafkaSettings(kafka_broker_url=pipeline.cluster.bootstrap_servers), {}, "test")
    values = pipeline.transactions(3000)
    pipeline.produce(values)
    stop, handler = Event(), Slow(pipeline.legit)
    loop = TransactionalLoop(
        LoopSettings(
            topics=(pipeline.input,),
            dead_letter_topic=pipeline.dead,
            commit_interval=FixedInterval(0.5),
            batch_size=1000,
        ),
        make_consumer=lambda: clients.consumer(pipeline.group),
        make_producer=lambda: clients.producer(transactional_id=f"{pipeline.group}.only"),
        handler=handler,
        metrics=LoopMetrics(CollectorRegistry()),
        progress=LoopProgress(),
        stop=stop,
    )
    running = Thread(target=loop.run)
    running.start()
    try:
        wait_for(lambda: len(pipeline.read(pipeline.legit)) >= len(values), "all of them", pause=0.2)
    finally:
        stop.set()
        running.join()
    slow = next(place for place, size in enumerate(handler.sizes) if size > 250)
    assert max(handler.sizes[slow + 1 :]) <= 250, "all that came after take no longer than they may"
    assert sorted(message.value() or b"" for message in pipeline.read(pipeline.legit)) == sorted(values)
