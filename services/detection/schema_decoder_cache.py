"""The decoders of all schema ids met; the registry is asked when an id is first met.

The registration of an id decides how its transactions are passed on:

    registered under the output's subject      passed on byte for byte
    under another one, and nothing would be    re-encoded with the output's own schema
      lost by that
    under another one, and a field would be    dead letter (FieldWouldBeLost), before any rule sees it
      lost by that
    schema of another record, or no Avro       dead letter (WrongRecordError, NotAnAvroSchema)
    not known                                  dead letter (UnknownSchemaId, InvalidSchemaId)

A follower of the registry may lag: where it does not know an id yet, or that it is registered under an output's
subject, it is asked again for `PATIENCE_SECONDS` from the first transaction on, within a budget that bounds how long
such ids can delay all others (see `lookup_budget`). After that, the refusal is cached for `UNKNOWN_SECONDS`, and the id
is looked up once after each further such time.
"""

import time
from collections.abc import Callable, Collection, Sequence
from threading import Lock
from uuid import UUID

import structlog

from services.contracts import (
    GuidsUnknown,
    HeaderSchemaId,
    InvalidSchemaId,
    NotAnAvroSchema,
    RecordEncoder,
    Registry,
    Schema,
    SchemaId,
    UnknownSchemaId,
    frame,
)
from services.detection.lookup_budget import PATIENCE_SECONDS, LookupBudget, RegisteredIds
from services.detection.schema_decoder import FieldWouldBeLost, Output, SchemaDecoder, WrongRecordError
from services.errors import ContractError, NotAuthorised, PoisonError, Unavailable, UsageError
from services.streaming.lifecycle import backoff

log = structlog.get_logger()

UNKNOWN_SECONDS = 30.0
"""Seconds that a refusal is cached, and then until the next commit: a batch that is read again is handled at once,
however slow the registry and however many such ids the batch has."""

_MET_IDS = 10_000  # limit on ids whose first lookup is remembered; producers can invent ids without end
_FIRST_PAUSE = 0.05  # seconds before the second lookup of an id; doubled for each further one


class ForbiddenSchemaId(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The registry lets this service read its own schemas, but not the schema of this id."""


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
        self._registry = registry
        self._reader = reader
        self._outputs = {output.topic: output for output in outputs}
        self._wait = wait
        self._encoder = RecordEncoder(reader.json)
        self._known: dict[SchemaId, SchemaDecoder | PoisonError] = {}
        self._refused: dict[SchemaId, PoisonError] = {}
        self._refused_since = 0.0
        self._reencoded = 0
        self._met_at: dict[SchemaId, float] = {}
        self._budget = LookupBudget()
        self._own_subjects = frozenset([*subjects, *(output.registration.subject for output in outputs)])
        self._registered = RegisteredIds(registry, self._own_subjects)
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
                known = self._settled(schema_id) or self._look_up_schema(schema_id)
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
        return None if isinstance(known, SchemaDecoder) and self._loss(schema_id, known) else known

    def _loss(self, schema_id: SchemaId, decoder: SchemaDecoder) -> FieldWouldBeLost | None:
        """Return why messages can't be passed on to the outputs without losing a field."""
        if not decoder.lost:
            return None
        return decoder.loss(schema_id, [self._outputs[topic] for topic in sorted(self._outputs)])

    def _look_up_schema(self, schema_id: SchemaId) -> SchemaDecoder | PoisonError:
        """Look an id up in the registry, again for a while where it may not know everything yet.

        Raises:
            Unavailable: The registry can't be asked now.
        """
        started = time.monotonic()
        met_at = self._meet(schema_id, started)
        if self._budget.left <= 0 and not self._registered.lists(schema_id):
            return _not_looked_up(schema_id)
        deadline = min(met_at + PATIENCE_SECONDS, started + self._budget.patience)
        attempt = 0
        while isinstance(answer := self._ask_registry_for_schema(schema_id), (UnknownSchemaId, FieldWouldBeLost)):
            pause = backoff(attempt, first=_FIRST_PAUSE, limit=1.0)
            if time.monotonic() + pause > deadline:
                break
            if not attempt:
                left = round(deadline - time.monotonic(), 1)
                log.warning("waiting", waiting_for=f"schema id {schema_id}", reason=str(answer), seconds_left=left)
            attempt += 1
            if self._wait(pause):
                raise Unavailable(f"stopped while waiting for schema id {schema_id}: {answer}")
        if isinstance(answer, InvalidSchemaId):
            return answer  # without a request: not worth caching
        if attempt or isinstance(answer, PoisonError):
            self._budget.spend(time.monotonic() - started)
        if isinstance(answer, (UnknownSchemaId, FieldWouldBeLost, ForbiddenSchemaId, GuidsUnknown)):
            if not self._refused:
                self._refused_since = time.monotonic()
            self._known.pop(schema_id, None)
            self._refused[schema_id] = answer
        else:
            self._known[schema_id] = answer
        return answer

    def _meet(self, schema_id: SchemaId, now: float) -> float:
        """Return when an id was first met, in seconds."""
        if len(self._met_at) >= _MET_IDS and schema_id not in self._met_at:
            self._met_at.clear()
        return self._met_at.setdefault(schema_id, now)

    def _ask_registry_for_schema(self, schema_id: SchemaId) -> SchemaDecoder | PoisonError:
        """Ask the registry once; return a refusal.

        Raises:
            Unavailable: The registry can't be asked now.
        """
        try:
            schema = self._registry.schema_of(schema_id)
            subjects = self._subjects_of(schema_id)
        except (UnknownSchemaId, InvalidSchemaId, NotAnAvroSchema, GuidsUnknown) as error:
            return error
        except NotAuthorised as error:
            for subject in self._own_subjects:  # raises if the credentials are wrong
                self._registry.versions(subject)
            return ForbiddenSchemaId(f"the registry keeps schema id {schema_id} from this service: {error}")
        except (ContractError, UsageError) as error:
            # At start the registry answered as one: something else answers now, or it is broken.
            raise Unavailable(str(error)) from error
        try:
            decoder = SchemaDecoder.of(schema_id, schema, subjects, self._reader, list(self._outputs.values()))
        except WrongRecordError as error:
            return error
        loss = self._loss(schema_id, decoder)
        if loss is None:
            log.info("new schema id", schema_id=str(schema_id), passed_on_to=sorted(decoder.passthrough_topics))
        return loss or decoder

    def _subjects_of(self, schema_id: SchemaId) -> Collection[str]:
        number = schema_id.id if isinstance(schema_id, HeaderSchemaId) else schema_id
        if isinstance(number, UUID):
            known = self._registry.id_of_guid(number)
            return () if known is None else self._registry.subjects_of(known)
        return self._registry.subjects_of(number)


def _not_looked_up(schema_id: SchemaId) -> UnknownSchemaId:
    return UnknownSchemaId(
        f"schema id {schema_id} was not looked up: too many ids came that the registry does not know, and this one is "
        "registered under no subject of the detector's topics; if it is all right, put the message back "
        "(scripts/redrive)"
    )
