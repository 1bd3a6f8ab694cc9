"""The detector with at-least-once delivery: the same code, on a producer whose transactions are none.

What a transaction would hold is written at once and seen at once. At the end of each interval everything is flushed,
and then the offsets are committed: what is read again after a crash is written again.
"""

import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

import services.detector.__main__ as detector
from services.streaming.clients import PRODUCER_DEFAULTS, KafkaClients
from services.streaming.lifecycle import run_service
from services.streaming.logs import librdkafka_logger


class PlainProducer(Producer):
    """Producer that ends a transaction as at-least-once delivery does; begins and aborts are nothing.

    Args:
        config: As confluent-kafka takes it; without a transactional.id.
        consumer: Whose offsets are committed.
    """

    def __init__(self, config: dict[str, Any], consumer: Consumer) -> None:
        super().__init__(config)
        self._consumer = consumer
        self._offsets: Sequence[TopicPartition] = []

    def init_transactions(self, *_: Any) -> None:
        pass

    def begin_transaction(self) -> None:
        pass

    def abort_transaction(self, *_: Any) -> None:
        pass

    def send_offsets_to_transaction(self, offsets: Sequence[TopicPartition], *_: Any) -> None:
        self._offsets = offsets

    def commit_transaction(self, *_: Any) -> None:
        deadline = time.monotonic() + 30
        while self.flush(1):
            if time.monotonic() > deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "not everything was delivered"))  # noqa: SLF001
        self._consumer.commit(offsets=list(self._offsets), asynchronous=False)


class PlainClients(KafkaClients):
    """Makes the detector's clients, with such a producer."""

    def consumer(self, group: str, **config: Any) -> Consumer:
        self._last_consumer = super().consumer(group, **config)
        return self._last_consumer

    def producer(self, **config: Any) -> Producer:
        own = {"delivery.report.only.error": config["delivery_report_only_error"], "logger": librdkafka_logger()}
        return PlainProducer({**self._common, **PRODUCER_DEFAULTS, **self._properties, **own}, self._last_consumer)


if __name__ == "__main__":
    detector.KafkaClients = PlainClients  # type: ignore[attr-defined]
    run_service(detector.main)
