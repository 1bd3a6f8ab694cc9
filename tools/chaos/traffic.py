"""Payments of few accounts, written in the background while something breaks."""

import io
import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import fastavro
from confluent_kafka import KafkaError, Message, Producer

from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE, NeverCame

ACCOUNTS = 300  # that pay, and as many that receive
AT_ONCE = 20  # messages between two pauses
JITTER_MS = (0, 0, 0, -40, -700)
"""Offsets by which event times are out of order."""


@dataclass(frozen=True)
class Payment:
    """One transaction, as the contract's fields have it; the event time is in milliseconds."""

    id: str
    source: str
    target: str
    cents: int
    at_ms: int
    currency: str = "EUR"


class Encoder:
    """Frames payments, by fastavro and none of the project's codec.

    Args:
        pipeline: Its contract's schema and schema id, as they are now.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._head = b"\0" + pipeline.schema_id.to_bytes(4, "big")
        schema = pipeline.contracts.topic(pipeline.input).required_schema.json
        self._schema = fastavro.parse_schema(_physical(schema))

    def encode(self, payment: Payment) -> bytes:
        """The message's value."""
        amount = payment.cents.to_bytes(payment.cents.bit_length() // 8 + 1, "big", signed=True)
        record = {"id": payment.id, "source": payment.source, "target": payment.target, "amount": amount,
                  "currency": payment.currency, "created_at": payment.at_ms}  # fmt: skip
        body = io.BytesIO()
        fastavro.schemaless_writer(body, self._schema, record)
        return self._head + body.getvalue()


def _physical(schema: Any) -> Any:
    """A record's schema without logical types."""
    fields = [{**field, "type": field["type"]["type"] if isinstance(field["type"], dict) else field["type"]}
              for field in schema["fields"]]  # fmt: skip
    return {**schema, "fields": fields}


def payments(chance: random.Random, count: int) -> list[Payment]:
    """Payments among few accounts; their event times are offsets from the time when they are written."""
    return [
        Payment(
            str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            f"payer{chance.randrange(ACCOUNTS):07d}",
            f"shop{chance.randrange(ACCOUNTS):08d}",
            chance.randrange(100, 100_001),
            chance.choice(JITTER_MS),
        )
        for _ in range(count)
    ]


Send = Callable[[Payment, bytes], None]
"""Hands a payment and its value to a producer."""


class Traffic:
    """Writes payments in a thread of its own, at a steady pace; a context manager that waits for the last one.

    Args:
        pipeline: The pipeline to write to.
        written: The transactions to write, with event times that are offsets from the present.
        seconds: Duration of the writing.
        send: Writes one; by default as the generator does, keyed by the account that receives.
    """

    def __init__(
        self, pipeline: Pipeline, written: Sequence[Payment], seconds: float, send: Send | None = None
    ) -> None:
        self._payments = written
        self._seconds = seconds
        self._pipeline = pipeline
        self._encoder = Encoder(pipeline)
        self.producers = Producers(pipeline)
        self._send = send or self._keyed
        self._thread = threading.Thread(target=self._run)
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join()
        if self._error and kind is None:
            raise NeverCame(f"traffic was not written: {self._error!r}")

    @property
    def over(self) -> bool:
        """Return whether all is written."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            began = time.monotonic()
            for number, payment in enumerate(self._payments):
                if number % AT_ONCE == 0:
                    due = began + self._seconds * number / len(self._payments)
                    time.sleep(max(0.0, due - time.monotonic()))
                    self.producers.poll()
                dated = self.dated(payment)
                self._send(dated, self._encoder.encode(dated))
            self.producers.flush()
        except Exception as error:  # noqa: BLE001 - raised again where the traffic is waited for
            self._error = error

    def dated(self, payment: Payment) -> Payment:
        """The payment with its event time: the present, and its offset."""
        return replace(payment, at_ms=int(time.time() * 1000) + payment.at_ms)

    def _keyed(self, payment: Payment, value: bytes) -> None:
        self.producers.of("murmur2_random").produce(self._pipeline.input, value, payment.target)


class Producers:
    """Producers by their partitioner.

    Args:
        pipeline: Whose cluster.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._brokers = pipeline.cluster.bootstrap_servers
        self._made: dict[str, Producer] = {}
        self._refused: list[str] = []

    def of(self, partitioner: str) -> Producer:
        """The producer with one of librdkafka's partitioners."""
        if partitioner not in self._made:
            self._made[partitioner] = Producer({"bootstrap.servers": self._brokers, "partitioner": partitioner,
                                                "linger.ms": 5, "log_level": 0, "on_delivery": self._note})  # fmt: skip
        return self._made[partitioner]

    def poll(self) -> None:
        """Serves deliveries."""
        for producer in self._made.values():
            producer.poll(0)

    def flush(self) -> None:
        """Waits until everything is acknowledged.

        Raises:
            NeverCame: Something was not.
        """
        left = sum(producer.flush(DEADLINE) for producer in self._made.values())
        if left or self._refused:
            raise NeverCame(f"{left} messages not acknowledged, {len(self._refused)} refused: {self._refused[:1]}")

    def _note(self, error: KafkaError | None, _message: Message) -> None:
        if error:
            self._refused.append(error.str())
