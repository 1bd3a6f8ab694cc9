"""A schema registry in memory, whose followers lag and whose answers take time by a clock that tests set."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from avroguard.registry.schema_ids import HIGHEST_ID
from services.contracts import (
    GuidsUnknown,
    HeaderSchemaId,
    InvalidSchemaId,
    RegisteredSchema,
    Registration,
    SchemaId,
    UnknownSchemaId,
    load_schema,
)
from services.detection.schema_decoder import Output
from services.detection.schema_decoder_cache import SchemaDecoderCache
from services.errors import ExpectedError, NotAuthorised

SCHEMA = load_schema(Path(__file__).parents[2] / "schemas" / "transaction.avsc")
INVOICE = {"type": "record", "name": "Invoice", "fields": [{"name": "total", "type": "long"}]}
NOTE = {"name": "note", "type": ["null", "string"], "default": None}
NEWER = {**SCHEMA.json, "fields": [*SCHEMA.json["fields"], NOTE]}
REVERSED = {**SCHEMA.json, "fields": SCHEMA.json["fields"][::-1]}
LEGIT, FRAUD = (Output(topic, Registration(f"{topic}-value", 1, 1)) for topic in ("legit", "fraud"))
ID = bytes([72]) + b"01234567-89ab-cdef-0123-456789abcdef"
BODY = ID + b"\x02a\x02b\x02\x05\x06EUR\x0a"
GUID = HeaderSchemaId(UUID("faf361af-fef4-8ae1-c084-57b4184b8584"))
LATENCY = 0.003  # seconds that an answer takes


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.waited = 0.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.waited += seconds
        return False


class FakeRegistry:
    """Knows the schemas that were added, from a time on; answers take a while. `requests` has the ids looked up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.schemas: dict[int, tuple[float, Any]] = {}
        self.subjects: dict[int, tuple[float, list[str]]] = {}
        self.fails: Exception | None = None
        self.requests: list[SchemaId] = []
        self.guids: dict[UUID, int] = {}
        self.other_contexts: set[int] = set()
        self.knows_no_guids = False
        self.listed = 0

    def add(self, schema_id: int, schema: Any, *subjects: str, visible_at: float = 0.0, listed_at: float = 0.0) -> None:
        self.schemas[schema_id] = visible_at, schema
        self.subjects[schema_id] = listed_at, list(subjects)

    def schema_of(self, schema_id: SchemaId) -> Any:
        number = schema_id.id if isinstance(schema_id, HeaderSchemaId) else schema_id
        self.requests.append(schema_id)
        if isinstance(number, UUID):
            if self.knows_no_guids:
                raise GuidsUnknown(f"no GUIDs such as {number}")
            return self.schema_by_id(self.guids.get(number, 0))
        return self.schema_by_id(number)

    def id_of_guid(self, guid: UUID) -> int | None:
        return self.guids[guid] if self.guids[guid] not in self.other_contexts else None

    def schema_by_id(self, schema_id: int) -> Any:
        if schema_id > HIGHEST_ID:
            self.requests.pop()
            raise InvalidSchemaId(f"no {schema_id}")
        self._clock.now += LATENCY
        if self.fails:
            raise self.fails
        visible_at, schema = self.schemas.get(schema_id, (float("inf"), None))
        if self._clock.now < visible_at:
            raise UnknownSchemaId(f"no {schema_id}")
        if isinstance(schema, Exception):
            raise schema
        return schema

    def subjects_of(self, schema_id: int) -> frozenset[str]:
        listed_at, subjects = self.subjects[schema_id]
        return frozenset(subjects if self._clock.now >= listed_at else ())

    def versions(self, subject: str) -> list[int]:
        self._clock.now += LATENCY
        if isinstance(self.fails, NotAuthorised) and "subject" in str(self.fails):
            raise self.fails
        self.listed += 1
        return [1] if any(subject in subjects for _, subjects in self.subjects.values()) else []

    def version(self, subject: str, version: int) -> RegisteredSchema:
        (schema_id,) = [identifier for identifier, (_, subjects) in self.subjects.items() if subject in subjects]
        guid = next((guid for guid, identifier in self.guids.items() if identifier == schema_id), None)
        return RegisteredSchema(subject, version, schema_id, None, guid=guid)


def refusal(decoders: SchemaDecoderCache, schema_id: SchemaId) -> ExpectedError:
    with pytest.raises(ExpectedError) as caught:
        decoders.decoder_of(schema_id)
    return caught.value


def later(decoders: SchemaDecoderCache, clock: Clock) -> None:
    """Refusals are old, the budget is full again, and a transaction commits."""
    clock.now += 1000
    decoders.committed()
