"""The schema registry: a client for Confluent's API, as Confluent and Apicurio serve it.

Where the two differ, both are meant; the differences stand beside the code that knows of them. Why this is not
Confluent's own client: docs/decisions/0003-schema-registry-client.md.
"""

from collections.abc import Mapping
from typing import Any, Self

import httpx2

from avroguard.avro.schema import Schema
from avroguard.errors import ContractError, NotAuthorised
from avroguard.levels import Level
from avroguard.registry.contexts import unqualified
from avroguard.registry.http import Reply
from avroguard.registry.recent_writes import RecentVersion, RecentWrites
from avroguard.registry.replies import (
    RegisteredSchema,
    Registration,
    are_names,
    are_numbers,
    is_object,
    number,
    quoted,
    registered,
    schema_json,
)
from avroguard.registry.schema_ids import SchemaIds, UnknownSchemaId
from avroguard.registry.settings import RegistrySettings

__all__ = ["ALL_VERSIONS", "NotRegistered", "RegisteredSchema", "Registration", "Registry", "UnknownSchemaId"]

ALL_VERSIONS = "all"
_Table = Mapping[str, Any] | None


class NotRegistered(ContractError):  # noqa: N818 - reads as the state that it reports
    """A schema is not registered under a subject, or a follower of the registry does not know of it yet."""


class Registry(SchemaIds):
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
        super().__init__(settings, transport=transport)
        self._recent = RecentWrites()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def find(self, subject: str, schema: Schema) -> Registration | None:
        """Where a schema is registered under a subject, or None; with what it refers to as that is registered now.

        Apicurio finds a schema that differs in docs or aliases only, as it keeps one of both.

        Raises:
            ContractError: If the registry says that the schema is invalid.
        """
        body = self._body(schema)
        if body is None:
            return None
        what = f"subject {subject}: looking up {schema.path}"

        def ask() -> Reply:
            return self._http.request("POST", f"/subjects/{quoted(subject)}", what, body)

        def shows(reply: Reply, recent: RecentVersion) -> bool:
            return not reply.missing or recent.schema != schema.canonical

        reply = self._recent.until_shown(subject, ask, shows)
        if reply.missing:
            return None
        found = reply.expect(is_object)
        return Registration(subject, number(reply, found, "version"), number(reply, found, "id"))

    def _body(self, schema: Schema) -> dict[str, Any] | None:
        """What a request about a schema sends; None where a schema that it refers to is not registered."""
        references = []
        for reference in schema.references:
            found = self.find(reference.subject, reference.schema)
            if found is None:
                return None
            references.append({"name": reference.name, "subject": reference.subject, "version": found.version})
        return {"schema": schema.canonical} | ({"references": references} if references else {})

    def require(self, subject: str, schema: Schema) -> Registration:
        """Where a schema is registered under a subject.

        Raises:
            NotRegistered: If it is not.
        """
        found = self.find(subject, schema)
        if found is None:
            raise NotRegistered(f"subject {subject}: {schema.path} is not registered; run scripts/register-schemas")
        return found

    def versions(self, subject: str) -> list[int]:
        """The versions of a subject, oldest first; none where there is no such subject."""
        what = f"subject {subject}: listing versions"

        def ask() -> list[int]:
            reply = self._http.request("GET", f"/subjects/{quoted(subject)}/versions", what)
            return [] if reply.missing else sorted(reply.expect(are_numbers))

        return self._recent.until_shown(subject, ask, lambda found, recent: recent.version <= max(found, default=0))

    def version(self, subject: str, version: int | str = "latest") -> RegisteredSchema:
        """One version of a subject.

        Raises:
            ContractError: If there is no such subject or version.
        """
        path = f"/subjects/{quoted(subject)}/versions/{version}"
        what = f"subject {subject}: reading version {version}"

        def ask(query: str = "") -> Reply:
            return self._http.request("GET", path + query, what)

        def shows(reply: Reply, recent: RecentVersion) -> bool:
            if version == "latest":
                return not reply.missing and recent.version <= number(reply, reply.expect(is_object), "version")
            return not reply.missing or (isinstance(version, int) and version > recent.version)

        reply = self._recent.until_shown(subject, ask, shows)
        body = reply.expect(is_object)
        if body.get("schemaType", "AVRO") != "AVRO":
            raise ContractError(f"{what}: it is {body['schemaType']}, expected AVRO")
        resolved = schema_json(reply, body)
        if body.get("references"):
            whole = self._recent.until_shown(subject, lambda: ask("?format=resolved"), shows)
            resolved = schema_json(whole, whole.expect(is_object))
        return registered(subject, reply, body, resolved, self._settings.context)

    def subjects(self) -> list[str]:
        """Every subject that the registry has, in the context that the URL chooses by their plain names."""
        reply = self._http.request("GET", "/subjects", "listing the subjects")
        return sorted(unqualified(name, self._settings.context) for name in reply.expect(are_names))

    def keeps_metadata(self) -> bool:
        """Whether the registry keeps ``metadata`` and ``ruleSet``: Confluent's does, and alone tells its version."""
        return self._http.request("GET", "/v1/metadata/version", "asking for the registry's version").ok

    def history(self, subject: str) -> list[RegisteredSchema]:
        """Every version of a subject, oldest first; none where there is no such subject."""
        return [self.version(subject, version) for version in self.versions(subject)]

    def register(
        self, subject: str, schema: Schema, *, metadata: _Table = None, rule_set: _Table = None
    ) -> Registration:
        """Register a schema, or find that it is registered already.

        Apicurio answers with an id alone, and with that of the older version for a schema that differs from it in docs
        or aliases only; metadata and rules it drops in silence.

        Args:
            subject: The subject.
            schema: The schema; what it refers to has to be registered before.
            metadata: Confluent's ``metadata``.
            rule_set: Confluent's ``ruleSet``.

        Raises:
            ContractError: If the registry refuses the schema as incompatible or invalid, or is read-only.
        """
        body = self._body(schema)
        if body is None:
            names = ", ".join(f"{one.name} under {one.subject}" for one in schema.references)
            raise ContractError(f"subject {subject}: {schema.path} refers to {names}: register that first")
        extras = {"metadata": metadata, "ruleSet": rule_set}
        body |= {name: value for name, value in extras.items() if value is not None}
        what = f"subject {subject}: registering {schema.path}"
        reply = self._http.request("POST", f"/subjects/{quoted(subject)}/versions", what, body)
        found = reply.expect(is_object)
        if "version" in found:
            registration = Registration(subject, number(reply, found, "version"), number(reply, found, "id"))
            self._recent.registered(subject, schema.canonical, registration.version)
            return registration
        self._recent.registered(subject, schema.canonical)
        present = self.find(subject, schema)
        if present is None:
            raise ContractError(f"subject {subject}: {reply.endpoint} took {schema.path}, but does not have it now")
        return present

    def compatibility_level(self, subject: str) -> Level | None:
        """The level set for a subject; None where none is (Apicurio then says NONE for a subject that exists)."""
        what = f"subject {subject}: reading the compatibility level"
        reply = self._http.request("GET", f"/config/{quoted(subject)}", what)
        return None if reply.missing else self._level(reply)

    def default_level(self) -> Level:
        """The level of subjects for which none is set."""
        return self._level(self._http.request("GET", "/config", "reading the registry's compatibility level"))

    def _level(self, reply: Reply) -> Level:
        level = reply.expect(is_object).get("compatibilityLevel")
        if not isinstance(level, str) or level not in Level.__members__:
            raise ContractError(f"{reply.what}: {reply.endpoint} answered with the unknown level {level!r}")
        return Level(level)

    def set_compatibility_level(self, subject: str, level: Level | None) -> None:
        """Set the level of a subject; None: unset it, so that the registry's own applies."""
        what = f"subject {subject}: {f'setting the level {level}' if level else 'unsetting the level'}"
        path = f"/config/{quoted(subject)}"
        if level is not None:
            self._http.request("PUT", path, what, {"compatibility": level.value}).expect(is_object)
            self._recent.level_set(subject, level)
            return
        reply = self._http.request("DELETE", path, what)
        if not reply.missing:
            reply.expect(is_object)

    def mode(self, subject: str) -> str | None:
        """What may be done to a subject, such as ``READWRITE`` or ``READONLY``; None where the registry doesn't tell.

        Confluent's registry enforces it, Apicurio's does not.
        """
        what = f"subject {subject}: reading the mode"
        try:
            reply = self._http.request("GET", f"/mode/{quoted(subject)}?defaultToGlobal=true", what)
            reply = self._http.request("GET", "/mode", what) if reply.missing else reply
        except NotAuthorised:  # who may register need not be allowed to read modes
            return None
        mode = reply.body.get("mode") if reply.ok and is_object(reply.body) else None
        return mode if isinstance(mode, str) else None

    def is_compatible(self, subject: str, schema: Schema, version: int | str = "latest") -> bool:
        """What the registry itself says of a schema, at the level that it has for the subject now.

        Where it has nothing to say, the answer is yes, as our own checker judges in any case: a schema that refers to
        one which is not registered yet, or to any in Apicurio's registry, whose check takes no references (its
        registration does, and judges then).

        Args:
            subject: The subject; compatible with anything where there is no such subject.
            schema: The schema that would be registered.
            version: The version to compare with; ``all``: all of them, as far as the level asks.

        Raises:
            ContractError: If there is no such version, or the registry says that the schema is invalid.
        """
        which = "" if version == ALL_VERSIONS else f"/{version}"
        path = f"/compatibility/subjects/{quoted(subject)}/versions{which}"
        body = self._body(schema)
        if body is None:
            return True
        self._recent.await_level(subject, lambda: self.compatibility_level(subject))
        what = f"subject {subject}: checking {schema.path} against version {version}"
        reply = self._http.request("POST", path, what, body)
        if (reply.missing and reply.error_code == 40401) or (schema.references and reply.status == 422):
            return True
        return reply.expect(is_object).get("is_compatible") is True
