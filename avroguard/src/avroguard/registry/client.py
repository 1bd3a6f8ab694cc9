"""The schema registry: a client for Confluent's API, as Confluent, Apicurio and Karapace serve it.

Where their answers differ, all are meant; the differences stand beside the code that knows of them. Why this is not
Confluent's own client: docs/decisions/0003-schema-registry-client.md.
"""

from typing import Self

from avroguard.avro.schema import Schema
from avroguard.errors import ContractError, NotAuthorised
from avroguard.levels import Level
from avroguard.registry.config_replies import SubjectConfig, Table, level_in, subject_config
from avroguard.registry.replies import RegisteredSchema, Registration, is_object, number, quoted
from avroguard.registry.schema_ids import SchemaIds, UnknownSchemaId

__all__ = ["ALL_VERSIONS", "NotRegistered", "RegisteredSchema", "Registration", "Registry", "UnknownSchemaId"]

ALL_VERSIONS = "all"


class NotRegistered(ContractError):  # noqa: N818 - reads as the state that it reports
    """A schema is not registered under a subject, or a follower of the registry does not know of it yet."""


class Registry(SchemaIds):
    """A schema registry.

    Every method raises Unavailable if the registry doesn't answer, NotAuthorised if it doesn't let us, UsageError if
    something else than a registry answers, ContractError if it refuses. Safe to share between threads.

    Args:
        settings: Address and credentials of the registry; by default from the environment.
        transport: Transport of the requests; for tests.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def wait_for_leader(self, seconds: float) -> None:
        """Retry for that long what a registry of several nodes can't do for want of a leader."""
        self._http.wait_for_leader(seconds)

    def require(self, subject: str, schema: Schema) -> Registration:
        """Return the newest version of a subject that holds a schema.

        Raises:
            NotRegistered: If it is not.
        """
        registration = self.find(subject, schema)
        if registration is None:
            raise NotRegistered(f"subject {subject}: {schema.path} is not registered; run avroguard register")
        return registration

    def keeps_metadata(self) -> bool:
        """Return whether the registry keeps ``metadata`` and ``ruleSet``: Confluent's does; no other has a version."""
        return self._http.request("GET", "/v1/metadata/version", "asking for the registry's version").ok

    def register(self, subject: str, schema: Schema, *, metadata: Table = None, rule_set: Table = None) -> Registration:
        """Register a schema, or find that it is registered already.

        Apicurio and Karapace answer with an id alone, and drop metadata and rules in silence; Apicurio answers with the
        id of the older version for a schema that differs from it in docs or aliases only. Confluent's Community edition
        drops rules in silence.

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
            names = ", ".join(f"{reference.name} under {reference.subject}" for reference in schema.references)
            raise ContractError(f"subject {subject}: {schema.path} refers to {names}: register that first")
        extras = {"metadata": metadata, "ruleSet": rule_set}
        body |= {name: value for name, value in extras.items() if value is not None}
        what = f"subject {subject}: registering {schema.path}"
        reply = self._http.request("POST", f"/subjects/{quoted(subject)}/versions", what, body)
        answer = reply.expect(is_object)
        if "version" in answer:
            registration = Registration(subject, number(reply, answer, "version"), number(reply, answer, "id"))
            self._recent.registered(subject, schema.canonical, registration.version)
            return registration
        self._recent.registered(subject, schema.canonical)
        present = self.find(subject, schema)
        if present is None:
            raise ContractError(f"subject {subject}: {reply.endpoint} took {schema.path}, but does not have it now")
        return present

    def compatibility_level(self, subject: str) -> Level | None:
        """Return the level set for a subject; None where none is (Apicurio then says NONE if the subject exists)."""
        what = f"subject {subject}: reading the compatibility level"
        reply = self._http.request("GET", f"/config/{quoted(subject)}", what)
        return None if reply.missing else level_in(reply, reply.expect(is_object))

    def config_in_scope(self, subject: str) -> SubjectConfig:
        """Return the configuration that applies to a subject, its own or else the registry's."""
        what = f"subject {subject}: reading the configuration"
        reply = self._http.request("GET", f"/config/{quoted(subject)}?defaultToGlobal=true", what)
        return subject_config(self._http.request("GET", "/config", what) if reply.missing else reply)

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
        """Return the mode of a subject, such as ``READWRITE`` or ``READONLY``; None where the registry doesn't tell.

        Confluent's registry enforces it, Apicurio's does not.
        """
        what = f"subject {subject}: reading the mode"
        try:
            reply = self._http.request("GET", f"/mode/{quoted(subject)}?defaultToGlobal=true", what)
            reply = self._http.request("GET", "/mode", what) if reply.missing else reply
        except NotAuthorised:  # the right to register does not include reading modes
            return None
        mode = reply.body.get("mode") if reply.ok and is_object(reply.body) else None
        return mode if isinstance(mode, str) else None

    def is_compatible(
        self, subject: str, schema: Schema, version: int | str = "latest", *, metadata: Table = None
    ) -> bool:
        """Return the registry's own verdict on a schema, at the level that it has for the subject now.

        Where it has none, the answer is yes, as our own checker runs in any case: for a schema that refers to one which
        is not registered yet, or to any in Apicurio's registry, whose check takes no references (its registration does,
        and checks then).

        Args:
            subject: The subject; compatible with anything where there is no such subject.
            schema: The schema that would be registered.
            version: The version to compare with; ``all``: all of them, as far as the level asks.
            metadata: The metadata that the version would have; counts where the subject has compatibility groups.

        Raises:
            ContractError: If there is no such version, or the registry says that the schema is invalid.
        """
        body = self._body(schema)
        if body is None:
            return True
        body |= {"metadata": metadata} if metadata else {}
        self._recent.await_level(subject, lambda: self.compatibility_level(subject))
        what = f"subject {subject}: checking {schema.path} against version {version}"
        path = f"/compatibility/subjects/{quoted(subject)}/versions"
        reply = self._http.request("POST", path if version == ALL_VERSIONS else f"{path}/{version}", what, body)
        if version == ALL_VERSIONS and reply.unknown_path:  # Karapace checks one version at a time
            return all(
                self.is_compatible(subject, schema, known, metadata=metadata) for known in self.versions(subject)
            )
        no_subject = reply.error_code == 40401 or (version == "latest" and reply.error_code == 40402)
        if (reply.missing and no_subject) or (schema.references and reply.status == 422):
            return True
        return reply.expect(is_object).get("is_compatible") is True
