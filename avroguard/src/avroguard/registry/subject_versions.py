"""Reading the versions of subjects, and finding the version that holds a schema."""

from collections.abc import Mapping
from typing import Any

import httpx2

from avroguard.avro.names import definitions
from avroguard.avro.references import foreign_names, inlined
from avroguard.avro.schema import Schema
from avroguard.errors import ContractError
from avroguard.registry.contexts import unqualified
from avroguard.registry.http import Http, Reply
from avroguard.registry.recent_writes import RecentVersion, RecentWrites
from avroguard.registry.replies import (
    RegisteredSchema,
    Registration,
    are_names,
    are_numbers,
    is_object,
    number,
    quoted,
    references_in,
    registered,
    schema_json,
)
from avroguard.registry.settings import RegistrySettings

NOTHING: Mapping[str, Any] = {}


class SubjectVersions:
    """Reads versions.

    Args:
        settings: Address and credentials of the registry; by default from the environment.
        transport: Transport of the requests; for tests.
    """

    def __init__(
        self, settings: RegistrySettings | None = None, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._settings = settings or RegistrySettings.load()
        self._http = Http(self._settings, transport)
        self._recent = RecentWrites()

    def __str__(self) -> str:
        return ", ".join(self._settings.base_urls)

    def find(self, subject: str, schema: Schema) -> Registration | None:
        """Return the newest version of a subject that holds a schema, whatever its metadata and rules; or None.

        A look-up alone answers an older version where only that one has no metadata, and none where the types that the
        schema refers to got a new version for their metadata alone.

        Raises:
            ContractError: If the registry says that the schema is invalid.
        """
        latest = self._latest(subject)
        if latest and latest.holds(schema):
            return latest.registration
        return self.look_up(subject, schema)

    def look_up(self, subject: str, schema: Schema, extras: Mapping[str, Any] = NOTHING) -> Registration | None:
        """Return where a registry itself finds a schema under a subject; None where it does not.

        Apicurio finds a schema that differs in docs or aliases only, as it keeps one of both. Confluent's registry also
        looks into other contexts: what it finds there does not count.

        Args:
            subject: The subject.
            schema: The schema; what it refers to is taken as it is registered now.
            extras: Confluent's ``metadata`` and ``ruleSet`` that the version must have.

        Raises:
            ContractError: If the registry says that the schema is invalid.
        """
        body = self._body(schema)
        if body is None:
            return None
        what = f"subject {subject}: looking up {schema.path}"

        def ask() -> Reply:
            return self._http.request("POST", f"/subjects/{quoted(subject)}", what, {**body, **extras})

        def shows(reply: Reply, recent: RecentVersion) -> bool:
            return not reply.missing or recent.schema != schema.canonical

        reply = self._recent.until_shown(subject, ask, shows)
        if reply.missing:
            return None
        answer = reply.expect(is_object)
        if str(answer.get("subject", "")).startswith(":.") and not self._is_ours(answer["subject"]):
            return None
        return Registration(subject, number(reply, answer, "version"), number(reply, answer, "id"))

    def _is_ours(self, subject: str) -> bool:
        """Return whether a qualified subject is of the URL's context."""
        return unqualified(subject, self._settings.context) != subject

    def _body(self, schema: Schema) -> dict[str, Any] | None:
        """Return what a request about a schema sends; None where a type that it refers to is not registered."""
        references = []
        for reference in schema.references:
            target = self.find(reference.subject, reference.schema)
            if target is None:
                return None
            references.append({"name": reference.name, "subject": reference.subject, "version": target.version})
        return {"schema": schema.canonical} | ({"references": references} if references else {})

    def versions(self, subject: str) -> list[int]:
        """Return the versions of a subject, oldest first; none where there is no such subject."""
        what = f"subject {subject}: listing versions"

        def ask() -> list[int]:
            reply = self._http.request("GET", f"/subjects/{quoted(subject)}/versions", what)
            return [] if reply.missing else sorted(reply.expect(are_numbers))

        return self._recent.until_shown(subject, ask, lambda numbers, recent: recent.version <= max(numbers, default=0))

    def version(self, subject: str, version: int | str = "latest") -> RegisteredSchema:
        """Return one version of a subject.

        Raises:
            ContractError: If there is no such subject or version.
        """
        return self._version(subject, version, self._ask_version(subject, version))

    def history(self, subject: str) -> list[RegisteredSchema]:
        """Return every version of a subject, oldest first; none where there is no such subject."""
        return [self.version(subject, version) for version in self.versions(subject)]

    def subjects(self) -> list[str]:
        """Return every subject of the registry, those of the context that the URL chooses by their plain names."""
        reply = self._http.request("GET", "/subjects", "listing the subjects")
        return sorted(unqualified(name, self._settings.context) for name in reply.expect(are_names))

    def _latest(self, subject: str) -> RegisteredSchema | None:
        """Return the latest version of a subject; None where there is no such subject."""
        reply = self._ask_version(subject, "latest")
        return None if reply.missing else self._version(subject, "latest", reply)

    def _ask_version(self, subject: str, version: int | str, query: str = "") -> Reply:
        path = f"/subjects/{quoted(subject)}/versions/{version}{query}"
        what = f"subject {subject}: reading version {version}"

        def shows(reply: Reply, recent: RecentVersion) -> bool:
            if version == "latest":
                return not reply.missing and recent.version <= number(reply, reply.expect(is_object), "version")
            return not reply.missing or (isinstance(version, int) and version > recent.version)

        return self._recent.until_shown(subject, lambda: self._http.request("GET", path, what), shows)

    def _version(self, subject: str, version: int | str, reply: Reply) -> RegisteredSchema:
        body = reply.expect(is_object)
        if body.get("schemaType", "AVRO") != "AVRO":
            raise ContractError(f"{reply.what}: it is {body['schemaType']}, expected AVRO")
        whole = schema_json(reply, body)
        if body.get("references"):
            answer = self._ask_version(subject, version, "?format=resolved")
            whole = self._resolved(answer, answer.expect(is_object))
        return registered(subject, reply, body, whole, self._settings.context)

    def _resolved(self, reply: Reply, body: dict[str, Any]) -> Any:
        """Return the schema of an answer to ``format=resolved``, which Karapace answers as if it had not been asked."""
        schema = schema_json(reply, body)
        if not foreign_names(schema):
            return schema
        types: dict[str, Any] = {}
        for reference in references_in(body, self._settings.context):
            version = reference.get("version")
            if not isinstance(version, int):
                raise ContractError(f"{reply.what}: {reply.endpoint} answered with a reference to no version")
            try:
                types |= definitions(self.version(str(reference["subject"]), version).schema)
            except RecursionError:
                raise ContractError(f"{reply.what}: {reply.endpoint} answered with a schema within itself") from None
        return inlined(schema, types)[0]
