"""Kafka clients: measured default properties, overridden by those of the deployment.

The defaults come from measurements on the local cluster (see docs/decisions/); each can be changed with
`KAFKA_CONFIG_<PROPERTY>`, except those that exactly-once processing depends on.
"""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar
from weakref import WeakSet

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from services.errors import Unavailable, UsageError
from services.streaming.connections import Admin, ConnectionErrors
from services.streaming.logs import librdkafka_logger
from services.streaming.settings import KafkaSettings, variable_of

# The Java client's default partitioner, so that all writers of a topic agree on the partition of a key.
PARTITIONER = "murmur2_random"

# A dead letter has the size of the largest message of the input topic, and the headers with the reason.
DEAD_LETTER_MAX_BYTES = 2 * 1_048_588

PRODUCER_DEFAULTS: Mapping[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": PARTITIONER,
    "linger.ms": 5,
    "batch.size": 1_000_000,
    "batch.num.messages": 10_000,
    "queue.buffering.max.messages": 500_000,
    "queue.buffering.max.kbytes": 262_144,
    "message.max.bytes": DEAD_LETTER_MAX_BYTES,
    # The coordinator answers CONCURRENT_TRANSACTIONS until the last transaction's markers are written: librdkafka's
    # 100 ms would be the largest part of a short commit interval. It doubles with each retry, up to a second.
    "retry.backoff.ms": 10,
}

CONSUMER_DEFAULTS: Mapping[str, Any] = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 10_000,
    "queued.min.messages": 50_000,  # a queued message takes about 0.4 kB: more of them cost memory and brought no speed
    "queued.max.messages.kbytes": 65_536,
    "max.partition.fetch.bytes": 4_194_304,
    "fetch.queue.backoff.ms": 10,
}


ROTATION_SECONDS = 30.0
"""Seconds in which a rotation of credentials reaches the brokers and the file."""


class _Producer(Producer):
    """A producer that logs in with other credentials after they were set."""

    credentials: tuple[str, str] | None = None

    def poll(self, *arguments: Any, **options: Any) -> Any:
        """Serve callbacks."""
        _take_credentials(self)
        return super().poll(*arguments, **options)

    def begin_transaction(self, *arguments: Any, **options: Any) -> Any:
        """Begin a transaction."""
        _take_credentials(self)
        return super().begin_transaction(*arguments, **options)


class _Consumer(Consumer):
    """A consumer that logs in with other credentials after they were set."""

    credentials: tuple[str, str] | None = None

    def consume(self, *arguments: Any, **options: Any) -> Any:
        """Return messages."""
        _take_credentials(self)
        return super().consume(*arguments, **options)

    def poll(self, *arguments: Any, **options: Any) -> Any:
        """Return a message."""
        _take_credentials(self)
        return super().poll(*arguments, **options)

    def committed(self, *arguments: Any, **options: Any) -> Any:
        """Return committed offsets."""
        _take_credentials(self)
        return super().committed(*arguments, **options)


def _take_credentials(client: _Producer | _Consumer) -> None:
    """Hand a client the credentials that were set.

    It is called by the thread that uses the client: `set_sasl_credentials` of confluent-kafka 2.16 never returns while
    another thread is inside `consume`.
    """
    if client.credentials is not None:
        credentials, client.credentials = client.credentials, None
        client.set_sasl_credentials(*credentials)


ClientT = TypeVar("ClientT", _Producer, _Consumer)


class KafkaClients:
    """Factory of the Kafka clients of one process.

    Args:
        settings: Brokers.
        properties: The deployment's librdkafka properties (see `librdkafka_properties`).
        client_id: Names the process in broker logs and metrics.
    """

    def __init__(self, settings: KafkaSettings, properties: Mapping[str, str], client_id: str) -> None:
        self._common: dict[str, Any] = {
            "bootstrap.servers": settings.kafka_broker_url,
            "client.id": client_id,
        }
        self._properties = dict(properties)
        self._clients: WeakSet[_Producer | _Consumer] = WeakSet()
        self._patience = 0.0

    def set_credentials(self, user: str, password: str) -> None:
        """Let consumers and producers, and all clients to come, log in with other credentials from now on."""
        self._properties |= {"sasl.username": user, "sasl.password": password}
        for client in list(self._clients):
            client.credentials = user, password

    def expect_rotation(self) -> None:
        """Have clients to come wait for other credentials for `ROTATION_SECONDS` where the brokers refuse them."""
        self._patience = ROTATION_SECONDS

    def admin(self) -> Admin:
        """Return a new admin client.

        Raises:
            UsageError: a property is unknown to librdkafka or has a bad value.
        """
        try:
            return Admin({**self._common, **self._properties})
        except KafkaException as error:
            self._refuse(error)

    def producer(self, **config: Any) -> Producer:
        """Return a new idempotent producer; `config` overrides the defaults, with `_` for `.` in its names.

        Raises:
            UsageError: a property is unknown to librdkafka or has a bad value.
        """
        merged = {**self._common, **PRODUCER_DEFAULTS, **self._properties, **_dotted(config)}
        try:
            return self._remembered(_Producer({**merged, **self._callbacks()}))
        except KafkaException as error:
            self._refuse(error)

    def consumer(self, group: str, **config: Any) -> Consumer:
        """Return a new consumer without automatic commits that reads committed messages only.

        Raises:
            UsageError: a property is unknown to librdkafka or has a bad value.
        """
        merged = {**self._common, **CONSUMER_DEFAULTS, **self._properties, **_dotted(config), "group.id": group}
        try:
            return self._remembered(_Consumer({**merged, **self._callbacks()}))
        except KafkaException as error:
            self._refuse(error)

    def _remembered(self, client: ClientT) -> ClientT:
        self._clients.add(client)
        return client

    def _callbacks(self) -> dict[str, Any]:
        """Return callbacks of a long-lived client: they write its log, and raise refused credentials from its poll."""
        errors = ConnectionErrors(raise_refused=True, patience=self._patience)
        return {"logger": librdkafka_logger(), "error_cb": errors.note}

    def _refuse(self, error: KafkaException) -> NoReturn:
        """Raise a UsageError that names the environment variable whose value librdkafka rejects."""
        for name, value in self._properties.items():
            try:
                AdminClient({**self._common, name: value}, logger=librdkafka_logger())
            except KafkaException as culprit:
                raise UsageError(f"{variable_of(name)}: {culprit.args[0].str().strip()}") from None
        raise UsageError(f"KAFKA_CONFIG_*: together they can't be used: {error.args[0].str().strip()}") from None


def ping(admin: Admin, brokers: str, timeout: float = 2) -> None:
    """Check that a broker answers.

    Raises:
        Unavailable: no broker answers within `timeout` seconds.
        NotAuthorised: the brokers reject the credentials.
        UsageError: the brokers' certificate is not trusted, or they listen for another security protocol.
    """
    try:
        admin.list_topics(timeout=timeout)
    except KafkaException as error:
        if fault := admin.diagnose():
            raise fault from error
        cause = admin.connections.reason or error.args[0].str()
        raise Unavailable(
            f"no broker answers at {brokers} ({cause}); is KAFKA_BROKER_URL right and the broker up?"
        ) from error


def _dotted(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "."): value for name, value in config.items()}
