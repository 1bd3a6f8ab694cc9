"""What a schema id of a message means to a registry: the schema, and the subjects that it is registered under."""

from collections.abc import Callable
from typing import Any

import httpx2

from services.contracts.registry.contexts import unqualified
from services.contracts.registry.http import Http, Reply
from services.contracts.registry.replies import are_uses, is_object, schema_json
from services.contracts.registry.settings import RegistrySettings
from services.errors import PoisonError


class UnknownSchemaId(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The registry answered, and has no schema of this id: the message that carries it can't be read."""


class NotAnAvroSchema(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The id is of a schema of another kind, for good: an id never means anything else."""


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
            NotAnAvroSchema: If the id is of another kind of schema.
        """
        if schema_id not in self._by_id:
            path, what = f"/schemas/ids/{schema_id}", f"schema id {schema_id}"
            reply = self._http.request("GET", path, what)
            body = self._known_id(schema_id, reply, is_object)
            if body.get("schemaType", "AVRO") != "AVRO":
                raise NotAnAvroSchema(f"schema id {schema_id} is {body['schemaType']}, expected AVRO")
            if body.get("references"):
                reply = self._http.request("GET", f"{path}?format=resolved", what)
                body = self._known_id(schema_id, reply, is_object)
            self._by_id[schema_id] = schema_json(reply, body)
        return self._by_id[schema_id]

    def subjects_of(self, schema_id: int) -> frozenset[str]:
        """Return the subjects under which an id is registered, those of the URL's context by their plain names.

        Raises:
            UnknownSchemaId: If the registry has no such id.
        """
        reply = self._http.request("GET", f"/schemas/ids/{schema_id}/versions", f"schema id {schema_id}")
        uses = self._known_id(schema_id, reply, are_uses)
        return frozenset(unqualified(use["subject"], self._settings.context) for use in uses)

    def _known_id(self, schema_id: int, reply: Reply, shape: Callable[[Any], bool]) -> Any:
        if reply.missing:
            raise UnknownSchemaId(f"schema id {schema_id} is not in the registry at {self}")
        return reply.expect(shape)
