"""The place of a record: its position, headers and schema."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from confluent_kafka import Message

from services.contracts import HeaderSchemaId, Registry, header_schema_id, unframe
from services.errors import ContractError, PoisonError
from services.streaming.positions import position_of
from services.streaming.record_headers import read_headers


@dataclass(frozen=True)
class RecordPlace:
    """A record on a topic.

    Attributes:
        topic: The topic.
        partition: The partition.
        offset: The offset.
        timestamp: Milliseconds since the epoch.
        key: The key as text.
        headers: Names and values as text, in order.
        schema_id: The id of its schema; empty where it can't be read.
        schema_versions: `subject version N` for each subject that has the schema.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str
    headers: tuple[tuple[str, str], ...]
    schema_id: str
    schema_versions: tuple[str, ...]


def place_of(message: Message, registry: Registry) -> RecordPlace:
    """Return the place of a record.

    Raises:
        Unavailable: The registry can't be asked about its schema.
    """
    topic, partition, offset = position_of(message)
    headers = read_headers(message) or []
    schema_id = ""
    versions: tuple[str, ...] = ()
    with suppress(PoisonError, ContractError):
        in_header = header_schema_id(headers)
        number = in_header if in_header is not None else unframe(message.value())[0]
        schema_id = str(number)
        if not isinstance(number, HeaderSchemaId):
            versions = tuple(_versions(registry, number, f"{topic}-value"))
    return RecordPlace(
        topic,
        partition,
        offset,
        int(message.timestamp()[1]),
        _text(message.key()),
        tuple((name, _text(value)) for name, value in headers),
        schema_id,
        versions,
    )


def _versions(registry: Registry, schema_id: int, preferred: str) -> Iterable[str]:
    """Return the versions of a schema: that of a topic's own subject, or of all subjects that have it."""
    subjects = registry.subjects_of(schema_id)
    for subject in [preferred] if preferred in subjects else sorted(subjects):
        for entry in registry.history(subject):
            if entry.id == schema_id:
                yield f"{subject} version {entry.version}"


def _text(value: str | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
