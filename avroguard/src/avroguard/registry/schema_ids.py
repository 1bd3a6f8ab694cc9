"""Schemas by the id that a message carries, and the subjects that they are registered under."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx2

from avroguard.errors import ContractError, PoisonError
from avroguard.registry.contexts import normalized, unqualified
from avroguard.registry.http import Reply
from avroguard.registry.ids import HeaderSchemaId, SchemaId
from avroguard.registry.replies import are_context_ids, are_uses, is_list, is_object, schema_json
from avroguard.registry.settings import RegistrySettings
from avroguard.registry.subject_versions import SubjectVersions

HIGHEST_ID = 2**31 - 1
"""A registry's ids are Java's ints. Confluent's answers a higher one as if the URL led to no registry at all."""


class UnknownSchemaId(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The registry answered, and has no schema of this id: the message that carries it can't be read."""


class GuidsUnknown(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The registry does not look schemas up by their GUID, which is all that the message says of its schema."""


class InvalidSchemaId(PoisonError):  # noqa: N818 - reads as the state that it reports
    """No registry has such an id."""


class NotAnAvroSchema(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The id is of a schema of another kind, or of one that can't be read: for good, as an id never means another."""


class SchemaIds(SubjectVersions):
    """Looks schema ids up.

    Args:
        settings: Address and credentials of the registry; by default from the environment.
        transport: Transport of the requests; for tests.
    """

    def __init__(
        self, settings: RegistrySettings | None = None, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        super().__init__(settings, transport=transport)
        self._by_id: dict[int, Any] = {}  # what an id means never changes

    def ping(self) -> None:
        """Ask for something that every registry answers; returns when it did."""
        self._http.request("GET", "/schemas/types", "asking for the schema types").expect(is_list)

    def schema_by_id(self, schema_id: int) -> Any:
        """Return the schema of an id as plain JSON data, references resolved; asked for once.

        Raises:
            UnknownSchemaId: If the registry has no such id.
            InvalidSchemaId: If no registry can have it.
            NotAnAvroSchema: If the id is of another kind of schema, or its schema can't be read.
        """
        if schema_id not in self._by_id:
            self._by_id[schema_id] = self._schema(f"schema id {schema_id}", lambda query: self._ask(schema_id, query))
        return self._by_id[schema_id]

    def schema_of(self, schema_id: SchemaId) -> Any:
        """Return the schema that a message says it was written with, wherever it says so.

        Raises:
            PoisonError: As `schema_by_id` and `schema_by_guid` say.
        """
        number = schema_id.id if isinstance(schema_id, HeaderSchemaId) else schema_id
        return self.schema_by_guid(number) if isinstance(number, UUID) else self.schema_by_id(number)

    def id_of_guid(self, guid: UUID) -> int | None:
        """Return the id that a schema with this GUID has in the URL's context; None where only other contexts have it.

        A GUID is of a schema's content: the same in every context and registry. Registries before Confluent's 8.0, and
        Apicurio's, know none.

        Raises:
            UnknownSchemaId: If the registry has no such schema.
            GuidsUnknown: If the registry knows no GUIDs.
        """
        contexts = self._ask_guid(guid, "/ids").expect(are_context_ids)
        if not contexts:
            raise self._unknown_guid(guid)
        ids = [entry["id"] for entry in contexts if normalized(entry["context"]) == self._settings.context]
        return ids[0] if ids else None

    def schema_by_guid(self, guid: UUID) -> Any:
        """Return the schema with a GUID as plain JSON data, references resolved.

        Raises:
            UnknownSchemaId: If the registry has no such schema.
            GuidsUnknown: If the registry knows no GUIDs.
            NotAnAvroSchema: If it is of another kind, or can't be read.
        """
        return self._schema(f"schema GUID {guid}", lambda query: self._ask_guid(guid, query))

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

    def _ask_guid(self, guid: UUID, further: str) -> Reply:
        reply = self._http.request("GET", f"/schemas/guids/{guid}{further}", f"schema GUID {guid}")
        if reply.missing:
            raise self._unknown_guid(guid)
        if reply.status == 404:
            self.ping()  # raises if it is not the request alone that is unknown there
            raise GuidsUnknown(
                f"the registry at {self} does not know schema GUIDs such as {guid}: expected one that does "
                "(Confluent's from 8.0 on), or producers that put the schema id in front of the value"
            )
        return reply

    def _unknown_guid(self, guid: UUID) -> UnknownSchemaId:
        return UnknownSchemaId(f"schema GUID {guid} is not in the registry at {self}")

    def _schema(self, what: str, ask: Callable[[str], Reply]) -> Any:
        """Return the schema in the answer to a request, which is sent again for the whole where it has references.

        Raises:
            NotAnAvroSchema: If the schema is of another kind, or can't be read: the schema's fault, not the registry's.
            ContractError: If the reply has no text.
        """
        reply = ask("")
        body = reply.expect(is_object)
        if body.get("schemaType", "AVRO") != "AVRO":
            raise NotAnAvroSchema(f"{what} is {body['schemaType']}, expected AVRO")
        if body.get("references"):
            reply = ask("?format=resolved")
            body = reply.expect(is_object)
        try:
            schema = schema_json(reply, body)
        except (ContractError, RecursionError):
            if not isinstance(body.get("schema"), str):
                raise
            raise NotAnAvroSchema(f"{what}: not JSON, or nested too deeply to be read") from None
        return self._resolved(reply, body) if body.get("references") else schema
