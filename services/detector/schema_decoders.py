"""How to treat messages of every schema id met: asked of the registry when the id is first met.

What the registry says about an id decides what becomes of its transactions:

    registered under the output's subject      passed on byte for byte
    under another one, and nothing would be    re-encoded with the output's own schema
      lost by that
    under another one, and a field would be    dead letter (FieldWouldBeLost), before any rule sees it
      lost by that
    of another record, or no Avro schema       dead letter (WrongRecordError, NotAnAvroSchema)
    not known                                  dead letter (UnknownSchemaId, InvalidSchemaId)

A registry's delay is nobody's fault: what a follower of the registry does not know yet (the id, or that it is
registered under an output's subject) is asked for again for `PATIENCE_SECONDS` from the first transaction on, within a
budget that bounds how long such ids can hold up all others (see `lookup_budget`). After that, the refusal is remembered
for `UNKNOWN_SECONDS`, and the id is asked for once after each further such time.
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
from services.detector.lookup_budget import PATIENCE_SECONDS, LookupBudget, RegisteredIds
from services.detector.schema_decoder import FieldWouldBeLost, Output, SchemaDecoder, WrongRecordError
from services.errors import ContractError, NotAuthorised, PoisonError, Unavailable, UsageError
from services.streaming.lifecycle import backoff

log = structlog.get_logger()

UNKNOWN_SECONDS = 30.0
"""How long a refusal is remembered, and then until the next commit: however slow the registry and however many such
ids a batch has, the batch is handled at once when it has to be read again."""

_MET_IDS = 10_000  # so many ids are remembered as met before; ids can be invented without end
_FIRST_PAUSE = 0.05  # seconds before an id is asked for again; doubled for each further time


class ForbiddenSchemaId(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The registry does not let this service read the schema of this id, though it lets it read its own."""


class SchemaDecoders:
    """The schema ids met so far. Safe to share between threads.

    Args:
        registry: Asked once per id.
        reader: The schema that the detector was built with, and that every output topic has.
        outputs: The topics that messages are passed on to.
        destinations: Gives those of them that the active rules pass messages on to; all where it is not given.
        subjects: Those of the topics that are read.
        wait: Waits for some seconds; returns whether the detector was told to stop meanwhile.
    """

    def __init__(
        self,
        registry: Registry,
        reader: Schema,
        outputs: Sequence[Output],
        *,
        destinations: Callable[[], Collection[str]] | None = None,
        subjects: Collection[str] = (),
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._registry = registry
        self._reader = reader
        self._outputs = {output.topic: output for output in outputs}
        self._destinations = destinations or (lambda: self._outputs)
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

    def __getitem__(self, schema_id: SchemaId) -> SchemaDecoder:
        """How to treat messages of this id.

        Raises:
            UnknownSchemaId: the registry has no such schema.
            InvalidSchemaId: no registry can have such an id.
            FieldWouldBeLost: it would have to be re-encoded, and a field would be lost by that.
            WrongRecordError: the schema is of something else than what the detector reads.
            NotAnAvroSchema: the schema is of another kind.
            GuidsUnknown: the id is a GUID, and the registry knows none.
            ForbiddenSchemaId: the registry keeps this schema from us.
            Unavailable: the registry can't be asked now.
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
        """Forgets refusals when they may be wrong by now: somebody may have registered a schema."""
        if self._refused and time.monotonic() - self._refused_since > UNKNOWN_SECONDS:
            self._refused.clear()

    def aborted(self) -> None:
        """Forget what was re-encoded and not taken."""
        self._reencoded = 0

    def take_reencoded(self) -> int:
        """Return how many messages were re-encoded since the last call."""
        taken, self._reencoded = self._reencoded, 0
        return taken

    def framed(self, own_body: bytes, topic: str) -> bytes:
        """A body in the detector's own schema, as the value of a message of an output topic: re-encoded."""
        self._reencoded += 1
        return frame(self._outputs[topic].registration.id, own_body)

    def own_body(self, decoder: SchemaDecoder, body: bytes) -> bytes:
        """The body as the detector's own schema has it: for an alert, without the fields that it does not know.

        Raises:
            PoisonError: the message can't be read as that, or would be altered by it: a decimal with too many digits.
        """
        if decoder.native:
            return body
        try:
            return self._encoder.encode(decoder.records.decode(body))
        except ContractError as error:
            raise PoisonError(f"can't be re-encoded with the schema of this service: {error}") from error

    def _settled(self, schema_id: SchemaId) -> SchemaDecoder | PoisonError | None:
        """What is known about an id; None where it has to be looked up."""
        known = self._known.get(schema_id) or self._refused.get(schema_id)
        return None if isinstance(known, SchemaDecoder) and self._loss(schema_id, known) else known

    def _loss(self, schema_id: SchemaId, decoder: SchemaDecoder) -> FieldWouldBeLost | None:
        """Why messages can't be passed on to the topics that the active rules pass them on to."""
        if not decoder.lost:
            return None
        return decoder.loss(schema_id, [self._outputs[topic] for topic in sorted(self._destinations())])

    def _look_up(self, schema_id: SchemaId) -> SchemaDecoder | PoisonError:
        """Asks the registry about an id, again for a while where it may not know everything yet.

        Raises:
            Unavailable: the registry can't be asked now.
        """
        started = time.monotonic()
        met_at = self._meet(schema_id, started)
        if self._budget.left <= 0 and schema_id not in self._registered:
            return _not_looked_up(schema_id)
        deadline = min(met_at + PATIENCE_SECONDS, started + self._budget.patience)
        attempt = 0
        while isinstance(answer := self._ask(schema_id), (UnknownSchemaId, FieldWouldBeLost)):
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
            return answer  # was not asked for: not worth remembering
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
        """When an id was first met."""
        if len(self._met_at) >= _MET_IDS and schema_id not in self._met_at:
            self._met_at.clear()
        return self._met_at.setdefault(schema_id, now)

    def _ask(self, schema_id: SchemaId) -> SchemaDecoder | PoisonError:
        """Asks the registry once; a refusal is returned.

        Raises:
            Unavailable: the registry can't be asked now.
        """
        try:
            schema = self._registry.schema_of(schema_id)
            subjects = self._subjects_of(schema_id)
        except (UnknownSchemaId, InvalidSchemaId, NotAnAvroSchema, GuidsUnknown) as error:
            return error
        except NotAuthorised as error:
            for subject in self._own_subjects:  # raises if the credentials are to blame
                self._registry.versions(subject)
            return ForbiddenSchemaId(f"the registry keeps schema id {schema_id} from this service: {error}")
        except (ContractError, UsageError) as error:
            # At start the registry answered as one: what answers now is something in its place, or broken.
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
