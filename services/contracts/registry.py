"""The schema registry: a client for Confluent's API, as Confluent and Apicurio serve it.

Where the two differ, both are meant; the differences stand beside the code that knows of them. Why this is not
Confluent's own client: docs/decisions/0003-schema-registry-client.md.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx2

from services.contracts.levels import Level
from services.contracts.registry_http import Http, Reply
from services.contracts.registry_settings import RegistrySettings
from services.contracts.schema import Schema
from services.errors import ContractError, PoisonError

ALL_VERSIONS = "all"


class UnknownSchemaId(PoisonError):  # noqa: N818 - reads as the state that it reports
    """The registry answered, and has no schema of this id: the message that carries it can't be read."""


@dataclass(frozen=True)
class Registration:
    """That a schema is registered.

    Attributes:
        subject: Under which subject.
        version: As which version of it, from 1.
        id: Under which id, which messages carry.
    """

    subject: str
    version: int
    id: int


@dataclass(frozen=True)
class RegisteredSchema:
    """A version of a subject.

    Attributes:
        subject: The subject.
        version: The version, from 1.
        id: The schema's id.
        schema: The schema as plain JSON data, references resolved.
    """

    subject: str
    version: int
    id: int
    schema: Any


class Registry:
    """A schema registry.

    Every method raises Unavailable if the registry doesn't answer, NotAuthorised if it doesn't let us, UsageError if
    something else than a registry answers, ContractError if it refuses. Safe to share between threads.

    Args:
        settings: Where it is and who we are; by default from the environment.
        transport: What carries the requests; for tests.
    """

    def __init__(
        self, settings: RegistrySettings | None = None, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._settings = settings or RegistrySettings.load()
        self._http = Http(self._settings, transport)
        self._by_id: dict[int, Any] = {}  # what an id means never changes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        return ", ".join(self._settings.base_urls)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ping(self) -> None:
        """Ask for something that every registry answers; returns when it did."""
        self._expect(self._http.request("GET", "/schemas/types"), "asking for the schema types", _list)

    def schema_by_id(self, schema_id: int) -> Any:
        """The schema of an id as plain JSON data, references resolved; asked for once.

        Raises:
            UnknownSchemaId: If the registry has no such id, or the id is no Avro schema's.
        """
        if schema_id not in self._by_id:
            path = f"/schemas/ids/{schema_id}"
            reply = self._http.request("GET", path)
            body = self._known_id(schema_id, reply, _object)
            if body.get("schemaType", "AVRO") != "AVRO":
                raise UnknownSchemaId(f"schema id {schema_id} is {body['schemaType']}, expected AVRO")
            if body.get("references"):
                reply = self._http.request("GET", f"{path}?format=resolved")
                body = self._known_id(schema_id, reply, _object)
            self._by_id[schema_id] = _schema_json(reply, body)
        return self._by_id[schema_id]

    def subjects_of(self, schema_id: int) -> frozenset[str]:
        """The subjects under which an id is registered.

        Raises:
            UnknownSchemaId: If the registry has no such id.
        """
        reply = self._http.request("GET", f"/schemas/ids/{schema_id}/versions")
        return frozenset(use["subject"] for use in self._known_id(schema_id, reply, _uses))

    def find(self, subject: str, schema: Schema) -> Registration | None:
        """Where a schema is registered under a subject, or None.

        Apicurio finds a schema that differs in docs or aliases only, as it keeps one of both.

        Raises:
            ContractError: If the registry says that the schema is invalid.
        """
        reply = self._http.request("POST", f"/subjects/{_quoted(subject)}", {"schema": schema.canonical})
        if reply.missing:
            return None
        body = self._expect(reply, f"subject {subject}: looking up {schema.path}", _object)
        return Registration(subject, _number(reply, body, "version"), _number(reply, body, "id"))

    def require(self, subject: str, schema: Schema) -> Registration:
        """Where a schema is registered under a subject.

        Raises:
            ContractError: If it is not.
        """
        found = self.find(subject, schema)
        if found is None:
            raise ContractError(f"subject {subject}: {schema.path} is not registered; run scripts/register-schemas")
        return found

    def versions(self, subject: str) -> list[int]:
        """The versions of a subject, oldest first; none where there is no such subject."""
        reply = self._http.request("GET", f"/subjects/{_quoted(subject)}/versions")
        return [] if reply.missing else sorted(self._expect(reply, f"subject {subject}: listing versions", _numbers))

    def version(self, subject: str, version: int | str = "latest") -> RegisteredSchema:
        """One version of a subject, references resolved.

        Raises:
            ContractError: If there is no such subject or version.
        """
        path = f"/subjects/{_quoted(subject)}/versions/{version}"
        what = f"subject {subject}: reading version {version}"
        reply = self._http.request("GET", path)
        body = self._expect(reply, what, _object)
        if body.get("references"):
            reply = self._http.request("GET", f"{path}?format=resolved")
            body = self._expect(reply, what, _object)
        return RegisteredSchema(
            subject, _number(reply, body, "version"), _number(reply, body, "id"), _schema_json(reply, body)
        )

    def history(self, subject: str) -> list[RegisteredSchema]:
        """Every version of a subject, oldest first; none where there is no such subject."""
        return [self.version(subject, version) for version in self.versions(subject)]

    def register(self, subject: str, schema: Schema) -> Registration:
        """Register a schema, or find that it is registered already.

        Apicurio answers with an id alone, and with that of the older version for a schema that differs from it in docs
        or aliases only.

        Raises:
            ContractError: If the registry refuses the schema as incompatible or invalid, or is read-only.
        """
        path = f"/subjects/{_quoted(subject)}/versions"
        reply = self._http.request("POST", path, {"schema": schema.canonical})
        body = self._expect(reply, f"subject {subject}: registering {schema.path}", _object)
        if "version" in body:
            return Registration(subject, _number(reply, body, "version"), _number(reply, body, "id"))
        return self.require(subject, schema)

    def compatibility_level(self, subject: str) -> Level | None:
        """The level set for a subject; None where none is (Apicurio then says NONE for a subject that exists)."""
        reply = self._http.request("GET", f"/config/{_quoted(subject)}")
        if reply.missing:
            return None
        what = f"subject {subject}: reading the compatibility level"
        level = self._expect(reply, what, _object).get("compatibilityLevel")
        if not isinstance(level, str) or level not in Level.__members__:
            raise ContractError(f"{what}: {reply.endpoint} answered with the unknown level {level!r}")
        return Level(level)

    def set_compatibility_level(self, subject: str, level: Level | None) -> None:
        """Set the level of a subject; None: unset it, so that the registry's own applies."""
        what = f"subject {subject}: setting the compatibility level to {level}"
        path = f"/config/{_quoted(subject)}"
        if level is not None:
            self._expect(self._http.request("PUT", path, {"compatibility": level.value}), what, _object)
            return
        reply = self._http.request("DELETE", path)
        if not reply.missing:
            self._expect(reply, what, _object)

    def is_compatible(self, subject: str, schema: Schema, version: int | str = "latest") -> bool:
        """What the registry itself says of a schema, at the level that it has for the subject now.

        Args:
            subject: The subject; compatible with anything where there is no such subject.
            schema: The schema that would be registered.
            version: The version to compare with; ``all``: all of them, as far as the level asks.

        Raises:
            ContractError: If there is no such version, or the registry says that the schema is invalid.
        """
        which = "" if version == ALL_VERSIONS else f"/{version}"
        path = f"/compatibility/subjects/{_quoted(subject)}/versions{which}"
        reply = self._http.request("POST", path, {"schema": schema.canonical})
        if reply.missing and reply.error_code == 40401:
            return True
        what = f"subject {subject}: checking {schema.path} against version {version}"
        return self._expect(reply, what, _object).get("is_compatible") is True

    def _known_id(self, schema_id: int, reply: Reply, shape: Callable[[Any], bool]) -> Any:
        if reply.missing:
            raise UnknownSchemaId(f"schema id {schema_id} is not in the registry at {self}")
        return self._expect(reply, f"schema id {schema_id}", shape)

    def _expect(self, reply: Reply, what: str, shape: Callable[[Any], bool]) -> Any:
        """The body of a success, of the shape that the API promises."""
        if not reply.ok:
            raise reply.refusal(what)
        if not shape(reply.body):
            raise ContractError(f"{what}: {reply.endpoint} answered with something else than the API promises")
        return reply.body


def _object(body: Any) -> bool:
    return isinstance(body, dict)


def _list(body: Any) -> bool:
    return isinstance(body, list)


def _numbers(body: Any) -> bool:
    return _list(body) and all(isinstance(item, int) for item in body)


def _uses(body: Any) -> bool:
    return _list(body) and all(_object(item) and isinstance(item.get("subject"), str) for item in body)


def _quoted(subject: str) -> str:
    return quote(subject, safe="")


def _number(reply: Reply, body: dict[str, Any], key: str) -> int:
    value = body.get(key)
    if not isinstance(value, int):
        raise ContractError(f'{reply.endpoint} answered without a number "{key}"')
    return value


def _schema_json(reply: Reply, body: dict[str, Any]) -> Any:
    """The schema in a reply, which holds it as a text of JSON."""
    try:
        return json.loads(body["schema"])
    except (KeyError, TypeError, ValueError):
        raise ContractError(f"{reply.endpoint} answered without a schema in JSON") from None
