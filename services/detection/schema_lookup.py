"""Lookup of a message's schema by its id in the registry, with retries.

A follower of the registry may lag: where it does not know an id yet, or that it is registered under an output's
subject, it is asked again for `PATIENCE_SECONDS` from the first transaction on, within a budget that bounds how long
such ids can delay all others (see `lookup_budget`).
"""

import time
from collections.abc import Callable, Collection, Sequence
from uuid import UUID

import structlog

from services.contracts import (
    GuidsUnknown,
    HeaderSchemaId,
    InvalidSchemaId,
    NotAnAvroSchema,
    Registry,
    Schema,
    SchemaId,
    UnknownSchemaId,
)
from services.detection.lookup_budget import PATIENCE_SECONDS, LookupBudget, RegisteredIds
from services.detection.schema_decoder import FieldWouldBeLost, Output, SchemaDecoder, WrongRecordError
from services.errors import ContractError, NotAuthorised, PoisonError, Unavailable, UsageError
from services.streaming.lifecycle import backoff

log = structlog.get_logger()

_MET_IDS = 10_000  # limit on ids whose first lookup is remembered; producers can invent ids without end
_FIRST_PAUSE = 0.05  # seconds before the second lookup of an id; doubled for each further one


class ForbiddenSchemaId(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The registry lets this service read its own schemas, but not the schema of this id."""


class SchemaLookup:
    """Looks schemas up by their id, and makes the decoder of each.

    Args:
        registry: Asked for the schema, and for the subjects that it is registered under.
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
        subjects: Collection[str],
        wait: Callable[[float], object],
    ) -> None:
        self._registry = registry
        self._reader = reader
        self._outputs = sorted(outputs, key=lambda output: output.topic)
        self._wait = wait
        self._met_at: dict[SchemaId, float] = {}
        self._own_subjects = frozenset([*subjects, *(output.registration.subject for output in outputs)])
        self._registered = RegisteredIds(registry, self._own_subjects)
        self.budget = LookupBudget()

    def look_up_schema_id(self, schema_id: SchemaId) -> SchemaDecoder | PoisonError | None:
        """Look a schema id up in the registry, with retries while the registry may not know everything yet.

        Returns:
            The decoder of its messages, or the reason why they are dead letters; None without a request where the
            budget is used up.

        Raises:
            Unavailable: The registry can't be asked now.
        """
        started = time.monotonic()
        met_at = self._meet(schema_id, started)
        if self.budget.left <= 0 and not self._registered.lists(schema_id):
            return None
        deadline = min(met_at + PATIENCE_SECONDS, started + self.budget.patience)
        attempt = 0
        while isinstance(answer := self._ask_registry(schema_id), (UnknownSchemaId, FieldWouldBeLost)):
            pause = backoff(attempt, first=_FIRST_PAUSE, limit=1.0)
            if time.monotonic() + pause > deadline:
                break
            if not attempt:
                left = round(deadline - time.monotonic(), 1)
                log.warning("waiting", waiting_for=f"schema id {schema_id}", reason=str(answer), seconds_left=left)
            attempt += 1
            if self._wait(pause):
                raise Unavailable(f"stopped while waiting for schema id {schema_id}: {answer}")
        if attempt or (isinstance(answer, PoisonError) and not isinstance(answer, InvalidSchemaId)):
            self.budget.spend(time.monotonic() - started)  # an invalid id takes no request
        return answer

    def loss(self, schema_id: SchemaId, decoder: SchemaDecoder) -> FieldWouldBeLost | None:
        """Return why messages can't be passed on to the outputs without losing a field."""
        return decoder.loss(schema_id, self._outputs) if decoder.lost else None

    def _meet(self, schema_id: SchemaId, now: float) -> float:
        """Return when an id was first met, in seconds."""
        if len(self._met_at) >= _MET_IDS and schema_id not in self._met_at:
            self._met_at.clear()
        return self._met_at.setdefault(schema_id, now)

    def _ask_registry(self, schema_id: SchemaId) -> SchemaDecoder | PoisonError:
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
            decoder = SchemaDecoder.of(schema_id, schema, subjects, self._reader, self._outputs)
        except WrongRecordError as error:
            return error
        loss = self.loss(schema_id, decoder)
        if loss is None:
            log.info("new schema id", schema_id=str(schema_id), passed_on_to=sorted(decoder.passthrough_topics))
        return loss or decoder

    def _subjects_of(self, schema_id: SchemaId) -> Collection[str]:
        number = schema_id.id if isinstance(schema_id, HeaderSchemaId) else schema_id
        if isinstance(number, UUID):
            known = self._registry.id_of_guid(number)
            return () if known is None else self._registry.subjects_of(known)
        return self._registry.subjects_of(number)
