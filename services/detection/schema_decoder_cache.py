"""The decoders of all schema ids met; the registry is asked when an id is first met.

The registration of an id decides how its transactions are passed on:

    registered under the output's subject      passed on byte for byte
    under another one, and nothing would be    re-encoded with the output's own schema
      lost by that
    under another one, and a field would be    dead letter (FieldWouldBeLost), before any rule sees it
      lost by that
    schema of another record, or no Avro       dead letter (WrongRecordError, NotAnAvroSchema)
    not known                                  dead letter (UnknownSchemaId, InvalidSchemaId)

How an id is looked up stands in `schema_lookup`. A refusal is cached for `UNKNOWN_SECONDS`, and the id is looked up
once after each further such time.
"""

import time
from collections.abc import Callable, Collection, Sequence
from threading import Lock

from services.contracts import (
    GuidsUnknown,
    InvalidSchemaId,
    RecordEncoder,
    Registry,
    Schema,
    SchemaId,
    UnknownSchemaId,
    frame,
)
from services.detection.schema_decoder import FieldWouldBeLost, Output, SchemaDecoder
from services.detection.schema_lookup import ForbiddenSchemaId, SchemaLookup
from services.errors import ContractError, PoisonError

UNKNOWN_SECONDS = 30.0
"""Seconds that a refusal is cached, and then until the next commit: a batch that is read again is handled at once,
however slow the registry and however many such ids the batch has."""


class SchemaDecoderCache:
    """A cache of decoders by schema id. Safe to share between threads.

    Args:
        registry: Asked once per id.
        reader: The detector's own schema, which every output topic has.
        outputs: The topics that messages are passed on to.
        subjects: The subjects of the topics that are read.
        wait: Waits for some seconds; returns whether the detector is stopped meanwhile.
    """

    def __init__(
        self,
        registry: Registry,
        reader: Schema,
        outputs: Sequence[Output],
        *,
        subjects: Collection[str] = (),
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._outputs = {output.topic: output for output in outputs}
        self._lookup = SchemaLookup(registry, reader, outputs, subjects, wait)
        self._encoder = RecordEncoder(reader.json)
        self._known: dict[SchemaId, SchemaDecoder | PoisonError] = {}
        self._refused: dict[SchemaId, PoisonError] = {}
        self._refused_since = 0.0
        self._reencoded = 0
        self._lock = Lock()

    def decoder_of(self, schema_id: SchemaId) -> SchemaDecoder:
        """Return the decoder of an id; look the id up in the registry where it is not cached.

        Raises:
            UnknownSchemaId: The registry has no such schema.
            InvalidSchemaId: No registry can have such an id.
            FieldWouldBeLost: Its messages would have to be re-encoded, which would drop a field.
            WrongRecordError: The schema can't be read as the detector's own.
            NotAnAvroSchema: The schema is of another kind.
            GuidsUnknown: The id is a GUID, and the registry has none.
            ForbiddenSchemaId: The registry denies access to this schema.
            Unavailable: The registry can't be asked now.
        """
        known = self._settled(schema_id)
        if known is None:
            with self._lock:
                known = self._settled(schema_id) or self._look_up(schema_id)
        if isinstance(known, PoisonError):
            # Raised again and again, an exception would collect every frame that it went through, batches and all.
            raise known.with_traceback(None)
        return known

    def committed(self) -> None:
        """Drop cached refusals that may be wrong by now: a schema may have been registered."""
        if self._refused and time.monotonic() - self._refused_since > UNKNOWN_SECONDS:
            self._refused.clear()

    def aborted(self) -> None:
        """Reset the number of re-encoded messages."""
        self._reencoded = 0

    def take_reencoded(self) -> int:
        """Return the number of messages re-encoded since the last call."""
        reencoded, self._reencoded = self._reencoded, 0
        return reencoded

    def framed(self, own_body: bytes, topic: str) -> bytes:
        """Return a body in the detector's own schema as the value of a message of an output topic."""
        self._reencoded += 1
        return frame(self._outputs[topic].registration.id, own_body)

    def own_body(self, decoder: SchemaDecoder, body: bytes) -> bytes:
        """Return a body re-encoded with the detector's own schema, without the fields that it lacks.

        Raises:
            PoisonError: The message can't be read as that, or would be altered: a decimal with too many digits.
        """
        if decoder.native:
            return body
        try:
            return self._encoder.encode(decoder.records.decode(body))
        except ContractError as error:
            raise PoisonError(f"can't be re-encoded with the schema of this service: {error}") from error

    def _settled(self, schema_id: SchemaId) -> SchemaDecoder | PoisonError | None:
        """Return the cached decoder or refusal of an id; None where it has to be looked up."""
        known = self._known.get(schema_id) or self._refused.get(schema_id)
        return None if isinstance(known, SchemaDecoder) and self._lookup.loss(schema_id, known) else known

    def _look_up(self, schema_id: SchemaId) -> SchemaDecoder | PoisonError:
        """Look an id up, and cache the answer.

        Raises:
            Unavailable: The registry can't be asked now.
        """
        answer = self._lookup.look_up_schema_id(schema_id)
        if answer is None:
            return _not_looked_up(schema_id)
        if isinstance(answer, InvalidSchemaId):
            return answer  # without a request: not worth caching
        if isinstance(answer, (UnknownSchemaId, FieldWouldBeLost, ForbiddenSchemaId, GuidsUnknown)):
            if not self._refused:
                self._refused_since = time.monotonic()
            self._known.pop(schema_id, None)
            self._refused[schema_id] = answer
        else:
            self._known[schema_id] = answer
        return answer


def _not_looked_up(schema_id: SchemaId) -> UnknownSchemaId:
    return UnknownSchemaId(
        f"schema id {schema_id} was not looked up: too many ids came that the registry does not know, and this one is "
        "registered under no subject of the detector's topics; if it is all right, put the message back "
        "(scripts/redrive)"
    )
