"""Publishing of transactions and labels, with counts of the deliveries."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from prometheus_client import Counter

from services.errors import FatalError, NotAuthorised
from services.generator.metrics import GeneratorMetrics
from services.generator.sampling import TraceSampler
from services.streaming.failures import NOT_AUTHORISED
from services.streaming.progress import Progress
from services.streaming.record_headers import Headers

# Limit of the flush after a failure or a signal: an orchestrator kills after 10 s.
_FLUSH_SECONDS = 8.0
_ANY_PARTITION = -1
_NO_HEADERS: Mapping[int, Headers] = {}


class DeliveryFailed(FatalError):  # noqa: N818 - reads as the state that it reports
    """Some messages were not delivered; the error's message has the counts."""


@dataclass(frozen=True)
class DeliveryCounts:
    """Numbers of messages by the state of their delivery.

    Attributes:
        delivered: Acknowledged by the broker.
        failed: Not delivered.
        outstanding: Unknown: neither acknowledged nor failed.
    """

    delivered: int
    failed: int
    outstanding: int


class Publisher:
    """Publisher of transactions, and of labels if there are any.

    Args:
        producer: An idempotent producer that reports on failed deliveries only.
        topic: Topic of transactions.
        metrics: Metrics of deliveries and the queue.
        stop: Ends the wait while the queue is full.
        labels_topic: Topic of labels; empty if there are none.
        progress: Receives the reason while the queue is full.
        sampler: Chooses the transactions that are traced; None for no traces.
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
        sampler: TraceSampler | None = None,
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._labels_topic = labels_topic
        self._metrics = metrics
        self._stop = stop
        self._progress = progress or Progress()
        self._sampler = sampler
        self._reason = ""
        self._refused = False
        self._failed = 0
        self._produced = 0

    @property
    def counts(self) -> DeliveryCounts:
        """The counts of the messages so far."""
        outstanding = len(self._producer)
        return DeliveryCounts(self._produced - self._failed - outstanding, self._failed, outstanding)

    def send(self, values: list[bytes], keys: list[bytes]) -> int:
        """Send transactions; blocks while the producer's queue is full, until a stop.

        Returns:
            The number of sent transactions: all of them, unless a stop came.

        Raises:
            DeliveryFailed: One of these or of earlier messages was not delivered.
        """
        traced = self._sampler.headers(len(values)) if self._sampler else {}
        return self._produce(
            self._topic, values, keys, self._metrics.produced, lambda: not self._stop.is_set(), traced=traced
        )

    def send_labels(self, values: list[bytes], keys: list[bytes]) -> None:
        """Send the labels of transactions that have been sent: all of them, even after a stop.

        Raises:
            DeliveryFailed: One of these or of earlier messages was not delivered.
        """
        if not values:
            return
        until = time.monotonic() + _FLUSH_SECONDS
        done = self._produce(
            self._labels_topic,
            values,
            keys,
            self._metrics.labels,
            lambda: not self._stop.is_set() or time.monotonic() < until,
        )
        if done < len(values):
            self._reason = self._reason or f"the queue stayed full for {_FLUSH_SECONDS:.0f} s"
            self._produced += len(values) - done
            self._failed += len(values) - done
            self._check()

    def _produce(
        self,
        topic: str,
        values: list[bytes],
        keys: list[bytes],
        counter: Counter,
        may_wait: Callable[[], bool],
        *,
        traced: Mapping[int, Headers] = _NO_HEADERS,
    ) -> int:
        produce, on_failure = self._producer.produce, self._on_failure
        done, count = 0, len(values)
        while done < count and may_wait():
            before = done
            try:
                for done in range(before, count):
                    if traced and done in traced:
                        produce(topic, values[done], keys[done], _ANY_PARTITION, on_failure, None, 0, traced[done])
                    else:
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

    def flush(self) -> DeliveryCounts:
        """Wait until all messages are delivered, for as long as the producer retries, until a stop.

        Raises:
            DeliveryFailed: Some messages were not delivered.
            NotAuthorised: The brokers refused some messages.
        """
        while len(self._producer) and not self._reason and not self._stop.is_set():
            self._progress.waiting(f"broker: {len(self._producer)} messages are not yet acknowledged")
            self._producer.flush(0.2)
        return self._finish()

    def _finish(self) -> DeliveryCounts:
        """Wait briefly for the outstanding messages, and raise if not all were delivered."""
        self._producer.flush(_FLUSH_SECONDS)
        self._metrics.queued.set(len(self._producer))
        counts = self.counts
        if counts.failed or counts.outstanding:
            reason = self._reason or f"the broker did not answer within {_FLUSH_SECONDS:.0f} s"
            topics, contents = f"topic {self._topic}", "transactions"
            if self._labels_topic:
                topics, contents = f"topics {self._topic} and {self._labels_topic}", "transactions and labels"
            raise (NotAuthorised if self._refused else DeliveryFailed)(
                f"{topics}: {reason}; {counts.delivered} {contents} delivered, {counts.failed} failed, "
                f"{counts.outstanding} outstanding: look at the broker, then start again"
            )
        return counts

    def _check(self) -> None:
        if self._reason:
            self._finish()

    def _on_failure(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed += 1
            self._metrics.failed.inc()
            self._refused = self._refused or error.name() in NOT_AUTHORISED
            self._reason = self._reason or error.str()
