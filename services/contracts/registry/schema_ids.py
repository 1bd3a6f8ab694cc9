"""What a schema id of a message means to a registry: the schema, and the subjects that it is registered under."""

from typing import Any

import httpx2

from services.contracts.registry.contexts import unqualified
from services.contracts.registry.http import Http, Reply
from services.contracts.registry.replies import are_uses, is_object, schema_json
from services.contracts.registry.settings import RegistrySettings
from services.errors import ContractError, PoisonError

HIGHEST_ID = 2**31 - 1
"""A registry's ids are Java's ints. Confluent's answers a higher one as if the URL led to no registry at all."""


class UnknownSchemaId(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The registry answered, and has no schema of this id: the message that carries it can't be read."""


class InvalidSchemaId(PoisonError):  # noqa: N818 - reads as the state that it reports
    """No registry has such an id."""


class NotAnAvroSchema(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The id is of a schema of another kind, or of one that can't be read: for good, as an id never means another."""


class SchemaIds:
    """Looks schema ids up.

    Args:
        settings: Where the registry is and who we are; by default from the environment.
        transport: What carries the requests; for tests.
    """

    def __init__(
        self, settings: RegistrySettings | None = None, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._settings = settings or RegistrySettings.load()
        self._http = Http(self._settings, transport)
        self._by_id: dict[int, Any] = {}  # what an id means never changes

    def __str__(self) -> str:
        return ", ".join(self._settings.base_urls)

    def schema_by_id(self, schema_id: int) -> Any:
        """Return the schema of an id as plain JSON data, references resolved; asked for once.

        Raises:
            UnknownSchemaId: If the registry has no such id.
            InvalidSchemaId: If no registry can have it.
            NotAnAvroSchema: If the id is of another kind of schema, or its schema can't be read.
        """
        if schema_id not in self._by_id:
            reply = self._ask(schema_id)
            body = reply.expect(is_object)
            if body.get("schemaType", "AVRO") != "AVRO":
                raise NotAnAvroSchema(f"schema id {schema_id} is {body['schemaType']}, expected AVRO")
            if body.get("references"):
                reply = self._ask(schema_id, "?format=resolved")
                body = reply.expect(is_object)
            self._by_id[schema_id] = _parsed(schema_id, reply, body)
        return self._by_id[schema_id]

    def subjects_of(self, schema_id: int) -> frozenset[str]:
        """Return the subjects under which an id is registered, those of the URL's context by their plain names.

        Raises:
            UnknownSchemaId: If the registry has no such id.
            InvalidSchemaId: If no registry can have it.
        """
        uses = self._ask(schema_id, "/versions").expect(are_uses)
        return frozenset(unqualified(use["subject"], self._settings.context) for use in uses)

    def _ask(self, schema_id: int, further: str = "") -> Reply:
        if schema_id > HIGHEST_ID:
            raise InvalidSchemaId(f"schema id {schema_id} is in no registry: ids end at {HIGHEST_ID}")
        reply = self._http.request("GET", f"/schemas/ids/{schema_id}{further}", f"schema id {schema_id}")
        if reply.missing:
            raise UnknownSchemaId(f"schema id {schema_id} is not in the registry at {self}")
        return reply


def _parsed(schema_id: int, reply: Reply, body: dict[str, Any]) -> Any:
    """The schema in a reply.

    Raises:
        NotAnAvroSchema: If the registry has a text that can't be read: that is the schema's fault, not the registry's.
        ContractError: If the reply has no text.
    """
    try:
        return schema_json(reply, body)
    except (ContractError, RecursionError):
        if not isinstance(body.get("schema"), str):
            raise
        raise NotAnAvroSchema(f"schema id {schema_id}: not JSON, or nested too deeply to be read") from None
