"""The state of services and partitions, looked at in the background: pages never wait for them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread

import httpx2
import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from services.streaming.failures import reason

log = structlog.get_logger()

_EVERY_SECONDS = 2.0
_TIMEOUT = 2.0


@dataclass(frozen=True)
class ServiceState:
    """State of a service, as it reports it.

    Attributes:
        name: Its name.
        status: `ready`, `degraded`, `not ready` or `no answer`.
        reasons: Why, in words.
    """

    name: str
    status: str
    reasons: Sequence[str]


@dataclass(frozen=True)
class PartitionLag:
    """Lag of the detectors in a partition.

    Attributes:
        lag: Records between the committed offset and the end; None where nothing is committed.
        end: Offset of the end.
    """

    topic: str
    partition: int
    lag: int | None
    end: int


@dataclass(frozen=True)
class SystemState:
    """The state of services and partitions; `problem` says why it is not known."""

    services: Sequence[ServiceState] = ()
    partitions: Sequence[PartitionLag] = ()
    problem: str = ""
    lag: int | None = field(default=None)


class Monitor:
    """Observer of services and of the detectors' lag, in a thread of its own.

    Args:
        make_consumer: Makes a consumer with the id of the detectors' group; it never joins it.
        topic: The input topic.
        endpoints: Name and address of each service.
        stop: Ends the thread when set.
    """

    def __init__(
        self, make_consumer: Callable[[], Consumer], topic: str, endpoints: Sequence[tuple[str, str]], stop: Event
    ) -> None:
        self._make_consumer = make_consumer
        self._topic = topic
        self._endpoints = endpoints
        self._stop = stop
        self._state = SystemState(problem="not looked at yet")

    def __call__(self) -> SystemState:
        """Return the latest state."""
        return self._state

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._run, name="monitor", daemon=True).start()

    def _run(self) -> None:
        with httpx2.Client(timeout=_TIMEOUT) as client:
            while not self._stop.is_set():
                consumer = self._make_consumer()
                try:
                    while not self._stop.is_set():
                        self._state = self._look(client, consumer)
                        self._stop.wait(_EVERY_SECONDS)
                except KafkaException as error:
                    services = [self._service(client, *endpoint) for endpoint in self._endpoints]
                    self._state = SystemState(services, problem=reason(error))
                    self._stop.wait(_EVERY_SECONDS)
                finally:
                    consumer.close()

    def _look(self, client: httpx2.Client, consumer: Consumer) -> SystemState:
        services = [self._service(client, *endpoint) for endpoint in self._endpoints]
        numbers = sorted(consumer.list_topics(self._topic, 5).topics[self._topic].partitions)
        committed = consumer.committed([TopicPartition(self._topic, number) for number in numbers], 5)
        partitions = []
        for place in committed:
            low, end = consumer.get_watermark_offsets(TopicPartition(self._topic, place.partition), timeout=5)
            lag = None if place.offset < 0 else max(0, end - max(low, place.offset))
            partitions.append(PartitionLag(self._topic, place.partition, lag, end))
        known = [partition.lag for partition in partitions if partition.lag is not None]
        return SystemState(services, partitions, lag=sum(known) if known else None)

    def _service(self, client: httpx2.Client, name: str, address: str) -> ServiceState:
        try:
            body = client.get(f"{address.rstrip('/')}/readyz").json()
            return ServiceState(name, str(body["status"]), _reasons(body))
        except (httpx2.HTTPError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            return ServiceState(name, "no answer", [type(error).__name__])


def _reasons(body: Mapping[str, object]) -> list[str]:
    listed = [body.get("reasons"), body.get("degraded")]
    return [str(item) for part in listed if isinstance(part, list) for item in part]
