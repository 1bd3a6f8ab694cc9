"""The contents of the recorded registry, and which schemas each product takes for one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avroguard.avro.canonical_form import fingerprint, same_but_docs
from avroguard.avro.schema import Reference, Schema, parse_schema
from avroguard.compatibility import incompatibilities
from avroguard.errors import ContractError
from avroguard.levels import Level
from support.registry_replay import APICURIO, CONFLUENT, KARAPACE

Body = Mapping[str, Any]
_AVRO_KEYS = {"type", "name", "namespace", "fields", "symbols", "items", "values", "size", "doc", "aliases", "default"}


class Refusal(Exception):  # noqa: N818 - reads as what it is
    """An answer that is none of the successes."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.answer = (status, {"error_code": code, "message": message})


@dataclass(frozen=True)
class StoredVersion:
    """A version of a subject; ``schema`` has its references resolved, ``body`` is what registered it."""

    version: int
    id: int
    schema: Schema
    body: Body

    @property
    def references(self) -> list[dict[str, Any]]:
        return list(self.body.get("references") or ())


class RegistryContents:
    """The state of one registry.

    Args:
        product: Whose: one of support.registry_replay.PRODUCTS.

    Attributes:
        keeps_rules: Whether rules are kept, as Confluent's other editions do: the recorded one does not.
        config: Confluent's configuration besides the level, by subject; that of None is for all subjects.
    """

    def __init__(self, product: str) -> None:
        self.product = product
        self.confluent = product == CONFLUENT
        self.karapace = product == KARAPACE
        self.apicurio = product == APICURIO
        self.keeps_rules = False
        self.subjects: dict[str, list[StoredVersion]] = {}
        self.levels: dict[str, Level] = {}
        self.default = Level.BACKWARD if self.confluent or self.karapace else Level.NONE
        self.config: dict[str | None, dict[str, Any]] = {}
        self.modes: dict[str, str] = {}
        self.mode = "READWRITE"
        self.ids: dict[object, int] = {}

    def state(self) -> object:
        """All that commands can change."""
        ids = {subject: [version.id for version in versions] for subject, versions in self.subjects.items()}
        return ids, dict(self.levels)

    def config_of(self, subject: str) -> dict[str, Any]:
        """Confluent's configuration of a subject in scope, besides the level."""
        return self.config.get(None, {}) | self.config.get(subject, {})

    def parsed(self, body: Body) -> Schema:
        """The schema of a request."""
        shared = {}
        for reference in body.get("references") or ():
            versions = self.subjects.get(reference["subject"], [])
            if not 1 <= reference["version"] <= len(versions):
                raise Refusal(422, 42201, "Unresolved reference")
            other = versions[reference["version"] - 1].schema
            shared[other.name] = Reference(other.name, reference["subject"], other)
        try:
            return parse_schema("sent", body["schema"].encode(), shared)
        except ContractError as error:
            raise Refusal(422, 42201, f"Invalid schema of type AVRO, details: {error}") from None

    def looked_up(self, subject: str, schema: Schema, body: Body) -> StoredVersion | None:
        """The version that a look-up answers."""
        if self.karapace:
            references = body.get("references") or []
            for version in reversed(self.subjects.get(subject, [])):
                if version.references == references and fingerprint(version.schema.json) == fingerprint(schema.json):
                    return version
            return None
        stored = self._stored(subject, schema, body)
        return self._stored(subject, schema, self._merged(subject, body, True)) if stored is None else stored

    def registered(self, subject: str, schema: Schema, body: Body) -> tuple[StoredVersion | None, Body]:
        """The version that a registration finds, and what would be stored otherwise."""
        merged = self._merged(subject, body, self.keeps_rules)
        return self._stored(subject, schema, merged), merged

    def breaks(self, schema: Schema, versions: list[StoredVersion], level: Level) -> bool:
        return any(
            (level.backward and incompatibilities(schema.json, version.schema.json))
            or (level.forward and incompatibilities(version.schema.json, schema.json))
            for version in versions
        )

    def grouped(self, subject: str, versions: list[StoredVersion], body: Body) -> list[StoredVersion]:
        """The versions of the compatibility group that a request belongs to."""
        key = self.config_of(subject).get("compatibilityGroup")
        if key is None:
            return versions
        return [version for version in versions if _property(version.body, key) == _property(body, key)]

    def identity(self, schema: Schema, body: Body) -> object:
        """The key of an id: the text or the content, with docs and metadata or without."""
        references = json.dumps(body.get("references") or [], sort_keys=True)
        if self.karapace:
            return json.dumps(schema.document.json, sort_keys=True), references
        if self.confluent:
            extras = json.dumps([body.get("metadata"), body.get("ruleSet")], sort_keys=True)
            return fingerprint(schema.json), references, extras
        unknown = [key for key in schema.json if key not in _AVRO_KEYS] if isinstance(schema.json, dict) else []
        return _Undocumented(schema.json), references, tuple(unknown)

    def _merged(self, subject: str, body: Body, keeps_rules: bool) -> Body:
        """A request with the metadata and rules that a version made of it gets; a look-up drops no rules."""
        if not self.confluent:
            return {key: value for key, value in body.items() if key not in ("metadata", "ruleSet")}
        merged = {key: value for key, value in body.items() if key != "ruleSet" or keeps_rules}
        latest = self.subjects[subject][-1].body if self.subjects.get(subject) else {}
        for key in ("metadata", "ruleSet"):
            if key not in merged and key in latest:
                merged[key] = latest[key]
        config = self.config_of(subject)
        properties = [
            (source or {}).get("properties") or {}
            for source in (config.get("defaultMetadata"), merged.get("metadata"), config.get("overrideMetadata"))
        ]
        if any(properties):
            merged["metadata"] = {
                **merged.get("metadata", {}),
                "properties": properties[0] | properties[1] | properties[2],
            }
        return merged

    def _stored(self, subject: str, schema: Schema, body: Body) -> StoredVersion | None:
        identity = self.identity(schema, body)
        for version in self.subjects.get(subject, ()):
            if self.identity(version.schema, version.body) == identity:
                return version
            inline = self.confluent and version.references and not body.get("references")
            if inline and fingerprint(version.schema.json) == fingerprint(schema.json):
                return version
        return None


def _property(body: Body, key: str) -> Any:
    return ((body.get("metadata") or {}).get("properties") or {}).get(key)


@dataclass(frozen=True)
class _Undocumented:
    """A schema as Apicurio tells one from another: whatever its docs and aliases."""

    json: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Undocumented) and same_but_docs(self.json, other.json)

    def __hash__(self) -> int:
        return 0
