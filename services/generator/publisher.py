"""Hands messages to Kafka and keeps account of what became of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from prometheus_client import Counter

from services.errors import FatalError, NotAuthorised
from services.generator.metrics import GeneratorMetrics
from services.streaming.failures import NOT_AUTHORISED
from services.streaming.progress import Progress

# How long what is outstanding may take after a failure or a signal: an orchestrator kills after 10 s.
_FLUSH_SECONDS = 8.0
_ANY_PARTITION = -1


class DeliveryFailed(FatalError):  # noqa: N818 - reads as the state that it reports
    """Some messages did not reach their topic; the error's message has the counts."""


@dataclass(frozen=True)
class DeliveryCounts:
    """What became of the messages.

    Attributes:
        delivered: Acknowledged by the broker.
        failed: Given up.
        outstanding: Neither: it isn't known whether the broker has them.
    """

    delivered: int
    failed: int
    outstanding: int


class Publisher:
    """Where transactions, and labels if there are any, go.

    Args:
        producer: An idempotent producer that reports on failed deliveries only.
        topic: Where transactions go.
        metrics: Told about failures and the queue.
        stop: Ends waiting for room in the queue.
        labels_topic: Where labels go; empty if there are none.
        progress: Told while there is no room in the queue.
    """

    def __init__(
        self,
        producer: Producer,
        topic: str,
        metrics: GeneratorMetrics,
        stop: Event,
        labels_topic: str = "",
        *,
        progress: Progress | None = None,
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._labels_topic = labels_topic
        self._metrics = metrics
        self._stop = stop
        self._progress = progress or Progress()
        self._reason = ""
        self._refused = False
        self._failed = 0
        self._produced = 0

    @property
    def counts(self) -> DeliveryCounts:
        """What became of the messages so far."""
        outstanding = len(self._producer)
        return DeliveryCounts(self._produced - self._failed - outstanding, self._failed, outstanding)

    def send(self, values: list[bytes], keys: list[bytes]) -> int:
        """Hand over transactions; waits while the producer's queue is full, unless it is time to stop.

        Returns:
            How many were handed over: all, unless it was time to stop.

        Raises:
            DeliveryFailed: If a message, one of these or of earlier ones, was not delivered.
        """
        return self._hand_over(self._topic, values, keys, self._metrics.produced, lambda: not self._stop.is_set())

    def send_labels(self, values: list[bytes], keys: list[bytes]) -> None:
        """Hand over the labels of transactions that have been handed over: all of them, even if it is time to stop.

        Raises:
            DeliveryFailed: If a message, one of these or of earlier ones, was not delivered.
        """
        if not values:
            return
        until = time.monotonic() + _FLUSH_SECONDS
        done = self._hand_over(
            self._labels_topic,
            values,
            keys,
            self._metrics.labels,
            lambda: not self._stop.is_set() or time.monotonic() < until,
        )
        if done < len(values):
            self._reason = self._reason or f"there was no room in the queue within {_FLUSH_SECONDS:.0f} s"
            self._produced += len(values) - done
            self._failed += len(values) - done
            self._check()

    def _hand_over(
        self, topic: str, values: list[bytes], keys: list[bytes], counter: Counter, going_on: Callable[[], bool]
    ) -> int:
        produce, on_failure = self._producer.produce, self._on_failure
        done, count = 0, len(values)
        while done < count and going_on():
            before = done
            try:
                for done in range(before, count):
                    produce(topic, values[done], keys[done], _ANY_PARTITION, on_failure)
                done = count
            except BufferError:
                self._progress.waiting(f"broker: the producer's queue is full, {len(self._producer)} messages wait")
                self._producer.poll(0.05)
            except KafkaException as error:
                self._reason = self._reason or error.args[0].str()
                self._failed += 1
                done += 1
            finally:
                self._produced += done - before
                counter.inc(done - before)
                self._metrics.queued.set(len(self._producer))
            self._check()
        self._progress.waiting(None)
        self._producer.poll(0)
        self._check()
        return done

    def finish(self, *, patiently: bool) -> DeliveryCounts:
        """Wait until everything is delivered.

        Args:
            patiently: Wait for as long as the producer itself goes on trying, or until it is time to stop.

        Raises:
            DeliveryFailed: If not everything was delivered.
            NotAuthorised: If the brokers refused some of it.
        """
        while patiently and len(self._producer) and not self._reason and not self._stop.is_set():
            self._progress.waiting(f"broker: {len(self._producer)} messages are not yet acknowledged")
            self._producer.flush(0.2)
        self._producer.flush(_FLUSH_SECONDS)
        self._metrics.queued.set(len(self._producer))
        counts = self.counts
        if counts.failed or counts.outstanding:
            reason = self._reason or f"the broker did not answer within {_FLUSH_SECONDS:.0f} s"
            topics, what = f"topic {self._topic}", "transactions"
            if self._labels_topic:
                topics, what = f"topics {self._topic} and {self._labels_topic}", "transactions and labels"
            raise (NotAuthorised if self._refused else DeliveryFailed)(
                f"{topics}: {reason}; {counts.delivered} {what} delivered, {counts.failed} failed, "
                f"{counts.outstanding} outstanding: look at the broker, then start again"
            )
        return counts

    def _check(self) -> None:
        if self._reason:
            self.finish(patiently=False)

    def _on_failure(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed += 1
            self._metrics.failed.inc()
            self._refused = self._refused or error.name() in NOT_AUTHORISED
            self._reason = self._reason or error.str()
