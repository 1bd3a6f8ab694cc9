"""Decodes messages of any schema id into records, one by one."""

from collections.abc import Iterable
from typing import Any

from avroguard.avro.schema import Schema
from avroguard.registry.client import Registry
from services.contracts.codec.header_ids import SchemaId, header_schema_id
from services.contracts.codec.records import RecordDecoder
from services.contracts.codec.wire_format import unframe


class MessageRecords:
    """Decodes values of any schema.

    Args:
        registry: Asked once per schema id.
        reader: The schema to read them as; None for the one that each was written with.
    """

    def __init__(self, registry: Registry, reader: Schema | None = None) -> None:
        self._registry = registry
        self._reader = None if reader is None else reader.json
        self._decoders: dict[SchemaId, RecordDecoder] = {}

    def decode(self, value: bytes | None, headers: Iterable[tuple[str, str | bytes | None]] | None) -> Any:
        """The record in a message's value; a header has its schema id, or the value itself.

        Raises:
            PoisonError: There is none.
            Unavailable: The registry can't be asked about a new schema id.
        """
        in_header = header_schema_id(headers or ()) if value is not None else None
        schema_id, body = (in_header, value or b"") if in_header else unframe(value)
        if schema_id not in self._decoders:
            self._decoders[schema_id] = RecordDecoder(self._registry.schema_of(schema_id), self._reader)
        return self._decoders[schema_id].decode(body)
