"""How to read what somebody wrote: one entry per schema id met, made when the id is first met."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from services.contracts import (
    ColumnDecoder,
    RecordDecoder,
    RecordEncoder,
    Registration,
    Registry,
    Schema,
    UnknownSchemaId,
    frame,
)
from services.errors import ContractError, PoisonError

log = structlog.get_logger()

UNKNOWN_SECONDS = 30.0
"""How long an id that the registry does not know is remembered as such, and then until the next commit: however slow
the registry and however many such ids a batch has, the batch is handled at once when it has to be read again."""


class WrongRecordError(PoisonError):
    """The message is written with a schema that can't be read as what the topic carries."""


@dataclass(frozen=True)
class Writer:
    """How to treat messages of one schema id.

    Attributes:
        columns: Gives what decodes some fields of many messages.
        records: Decodes one message whole, as the detector's own schema has it.
        governed: The output topics under whose subject this schema id is registered.
        native: Whether its schema is the detector's own.
    """

    columns: Callable[[Sequence[str]], ColumnDecoder]
    records: RecordDecoder
    governed: frozenset[str]
    native: bool


@dataclass(frozen=True)
class Output:
    """An output topic and the schema its messages are re-encoded with where they must be."""

    topic: str
    registration: Registration


class Writers:
    """The schema ids met so far.

    Args:
        registry: Asked once per id.
        reader: The schema that the detector was built with.
        outputs: The topics that messages are passed on to.
    """

    def __init__(self, registry: Registry, reader: Schema, outputs: Sequence[Output]) -> None:
        self._registry = registry
        self._reader = reader
        self._outputs = {output.topic: output.registration for output in outputs}
        self._encoder = RecordEncoder(reader.json)
        self._known: dict[int, Writer | WrongRecordError] = {}
        self._unknown: dict[int, UnknownSchemaId] = {}
        self._unknown_since = 0.0

    def __getitem__(self, schema_id: int) -> Writer:
        """How to treat messages of this id.

        Raises:
            UnknownSchemaId: the registry has no such schema.
            WrongRecordError: the schema is of something else than what the detector reads.
            Unavailable: the registry can't be asked now.
        """
        known = self._known.get(schema_id) or self._unknown.get(schema_id)
        if known is None:
            try:
                known = self._known[schema_id] = self._meet(schema_id)
            except UnknownSchemaId as error:
                if not self._unknown:
                    self._unknown_since = time.monotonic()
                self._unknown[schema_id] = error
                raise
        if isinstance(known, PoisonError):
            # Raised again and again, an exception would collect every frame that it went through, batches and all.
            raise known.with_traceback(None)
        return known

    def committed(self) -> None:
        """Forgets which ids are unknown when that may have changed since: somebody may have registered one."""
        if self._unknown and time.monotonic() - self._unknown_since > UNKNOWN_SECONDS:
            self._unknown.clear()

    def framed(self, own_body: bytes, topic: str) -> bytes:
        """A body in the detector's own schema, as the value of a message of an output topic."""
        return frame(self._outputs[topic].id, own_body)

    def own_body(self, writer: Writer, body: bytes) -> bytes:
        """The body as the detector's own schema has it.

        Raises:
            PoisonError: the message can't be read as that.
        """
        return body if writer.native else self._encoder.encode(writer.records.decode(body))

    def _meet(self, schema_id: int) -> Writer | WrongRecordError:
        schema = self._registry.schema_by_id(schema_id)
        subjects = self._registry.subjects_of(schema_id)
        decoders: dict[Sequence[str], ColumnDecoder] = {}

        def columns(fields: Sequence[str]) -> ColumnDecoder:
            wanted = tuple(fields)
            if wanted not in decoders:
                decoders[wanted] = ColumnDecoder(schema, self._reader.json, wanted)
            return decoders[wanted]

        try:
            columns([field["name"] for field in self._reader.json["fields"]])
            records = RecordDecoder(schema, self._reader.json)
        except ContractError as error:
            return WrongRecordError(f"schema id {schema_id} can't be read as {self._reader.name}: {error}")
        governed = frozenset(topic for topic, registration in self._outputs.items() if registration.subject in subjects)
        log.info("new schema id", schema_id=schema_id, passed_on_to=sorted(governed))
        return Writer(columns, records, governed, native=schema == self._reader.json)
