"""The state topic of a detector: reading and writing it, and deleting what is needed no more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Thread

import structlog
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from services.contracts import RecordDecoder, Registration, Registry, Schema, unframe
from services.detection.state_reader import StateReader
from services.detection.state_record import InvalidStateError, StateCodec, StateRecord, decode_state
from services.detection.state_writer import StateWriter, Trim
from services.errors import ContractError
from services.streaming.failures import reason
from services.streaming.partition_reader import PartitionReader
from services.streaming.positions import Partition

log = structlog.get_logger()

REQUEST_TIMEOUT = 10.0


@dataclass(frozen=True)
class WrittenStates:
    """The reader and the writer of the state topic."""

    reader: StateReader
    writer: StateWriter

    @classmethod
    def of(
        cls,
        topic: str,
        schema: Schema,
        registration: Registration,
        *,
        registry: Registry,
        reader: PartitionReader,
        trim: Trim,
        lateness_ms: int,
        max_bytes: int,
        on_write: Callable[[int], None],
    ) -> "WrittenStates":
        """Return both for a topic.

        Args:
            topic: The state topic.
            schema: Its contract.
            registration: The registration of that.
            registry: Knows the schemas of older records.
            reader: Reads the topic's partitions; used by nothing else.
            trim: Deletes what is needed no more.
            lateness_ms: Allowed lateness.
            max_bytes: The largest record that the topic takes.
            on_write: Called with the number of bytes of each record.
        """
        codec = StateCodec(schema)
        return cls(
            StateReader(topic, reader, StateDecoder(codec, registry)),
            StateWriter(
                topic, codec, registration, lateness_ms,
                max_bytes=max_bytes, end=reader.end, trim=trim, on_write=on_write,
            ),
        )  # fmt: skip


class StateDecoder:
    """Decodes the values of the state topic, each by the schema that it was written with.

    Args:
        codec: The codec of the present schema.
        registry: Knows the schemas of all ids.
    """

    def __init__(self, codec: StateCodec, registry: Registry) -> None:
        self._codec = codec
        self._registry = registry
        self._decoders: dict[int, RecordDecoder] = {}

    def __call__(self, value: bytes) -> StateRecord:
        """Return the record in a value.

        Raises:
            PoisonError: It is none that can be restored from.
            Unavailable: The registry can't be asked now.
        """
        schema_id, body = unframe(value)
        if schema_id not in self._decoders:
            try:
                self._decoders[schema_id] = self._codec.decoder(self._registry.schema_of(schema_id))
            except ContractError as error:
                raise InvalidStateError(f"schema id {schema_id} can't be read: {error}") from error
        return decode_state(self._decoders[schema_id], body)


class Trimmer:
    """Deletes the beginnings of the state topic's partitions, in a thread: the loop does not wait.

    Without the permission (DELETE on the topic) the topic's retention does it later, which is said once.

    Args:
        make_admin: Makes an admin client.
    """

    def __init__(self, make_admin: Callable[[], AdminClient]) -> None:
        self._make_admin = make_admin
        self._thread: Thread | None = None
        self._said = False

    def __call__(self, offsets: Mapping[Partition, int]) -> None:
        """Delete the records of partitions before an offset, unless it is still at it."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._trim, args=(dict(offsets),), name="state-trimmer", daemon=True)
            self._thread.start()

    def _trim(self, offsets: Mapping[Partition, int]) -> None:
        partitions = [TopicPartition(*partition, offset) for partition, offset in offsets.items()]
        try:
            admin = self._make_admin()  # has to outlive its answers
            for answer in admin.delete_records(partitions, request_timeout=REQUEST_TIMEOUT).values():
                answer.result()
        except KafkaException as error:
            if not self._said:
                log.warning("state topic not trimmed", reason=reason(error),
                            hint="the topic's retention bounds it; deleting sooner needs DELETE on it")  # fmt: skip
            self._said = True
