"""A registry in memory that answers as Confluent's and Apicurio's were recorded to: status, codes, keys, silences.

That it does is proven by tests/integration/registry_commands/test_fidelity.py, which sends it the recorded requests.
Four answers are not in the recordings: an incompatible schema at Apicurio's (409 with the code 409), its check of a
schema with references (422), Confluent's lookup of a schema that it has with metadata alone (404), and what it fills
in for a rule (its client's entities/Rule.java). They are as the client was measured to need them.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from avroguard.avro.schema import Reference, Schema, parse_schema
from avroguard.compatibility import incompatibilities
from avroguard.errors import ContractError
from avroguard.levels import Level
from avroguard.registration.canonical_form import fingerprint, same_but_docs
from support.registry_replay import CONFLUENT

Answer = tuple[int, Any]
_AVRO_KEYS = {"type", "name", "namespace", "fields", "symbols", "items", "values", "size", "doc", "aliases", "default"}
_MODES = ("READWRITE", "READONLY", "IMPORT", "FORWARD")


class Refusal(Exception):  # noqa: N818 - reads as what it is
    """An answer that is none of the successes."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.answer = (status, {"error_code": code, "message": message})


@dataclass(frozen=True)
class Held:
    """A version of a subject; ``schema`` has its references resolved, ``body`` is what registered it."""

    version: int
    id: int
    schema: Schema
    body: Mapping[str, Any]

    @property
    def references(self) -> list[dict[str, Any]]:
        return list(self.body.get("references") or ())


class RecordedRegistry:
    """The state of one registry.

    Args:
        product: Whose answers: one of support.registry_replay.PRODUCTS.
    """

    def __init__(self, product: str) -> None:
        self.product = product
        self.confluent = product == CONFLUENT
        self.subjects: dict[str, list[Held]] = {}
        self.levels: dict[str, Level] = {}
        self.default = Level.BACKWARD if self.confluent else Level.NONE
        self.modes: dict[str, str] = {}
        self.mode = "READWRITE"
        self.ids: dict[object, int] = {}

    def state(self) -> object:
        """All that commands can change."""
        held = {subject: [one.id for one in versions] for subject, versions in self.subjects.items()}
        return held, dict(self.levels)

    def answer(self, method: str, target: str, body: Any) -> Answer:
        """What the product answers; None for a body is an empty one."""
        path, _, query = target.partition("?")
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", "/schemas/types", lambda: (200, ["JSON", "PROTOBUF", "AVRO"])),
            ("GET", "/schemas/ids/(\\d+)", lambda number: self._id(int(number), query)),
            ("GET", "/schemas/ids/(\\d+)/versions", lambda number: self._uses(int(number))),
            ("GET", "/subjects", lambda: (200, list(self.subjects))),
            ("GET", "/subjects/([^/]+)/versions", lambda of: (200, [held.version for held in self._versions(of)])),
            ("GET", "/subjects/([^/]+)/versions/([^/]+)", lambda of, number: self._version(of, number, query)),
            ("POST", "/subjects/([^/]+)", lambda of: self._lookup(of, body)),
            ("POST", "/subjects/([^/]+)/versions", lambda of: self._register(of, body)),
            ("POST", "/compatibility/subjects/([^/]+)/versions", lambda of: self._compatible(of, None, query, body)),
            (
                "POST",
                "/compatibility/subjects/([^/]+)/versions/([^/]+)",
                lambda of, number: self._compatible(of, number, query, body),
            ),
            ("GET", "/config", lambda: (200, {"compatibilityLevel": self.default})),
            ("GET", "/config/([^/]+)", self._level),
            ("PUT", "/config/([^/]+)", lambda of: self._set_level(of, body["compatibility"])),
            ("DELETE", "/config/([^/]+)", self._unset_level),
            ("GET", "/mode", lambda: (200, {"mode": self.mode})),
            ("GET", "/mode/([^/]+)", lambda of: self._mode(of, query)),
            ("PUT", "/mode/([^/]+)", lambda of: self._set_mode(of, body["mode"])),
            ("DELETE", "/mode/([^/]+)", lambda of: (200, {"mode": self.modes.pop(of)})),
        ]
        if self.confluent:
            routes.append(("GET", "/v1/metadata/version", lambda: (200, {"version": "8.1.5"})))
        for verb, pattern, handler in routes:
            if verb == method and (found := re.fullmatch(pattern, path)):
                try:
                    return handler(*map(unquote, found.groups()))
                except Refusal as refusal:
                    return refusal.answer
        return (404, {"error_code": 404, "message": "HTTP 404 Not Found"} if self.confluent else None)

    def _versions(self, subject: str) -> list[Held]:
        if subject not in self.subjects:
            raise Refusal(404, 40401, f"Subject '{subject}' not found.")
        return self.subjects[subject]

    def _numbered(self, subject: str, number: str) -> Held:
        versions = self._versions(subject)
        if number in ("latest", "-1"):
            return versions[-1]
        if self.confluent and not re.fullmatch("[1-9][0-9]*", number):
            raise Refusal(422, 42202, f"The specified version '{number}' is not a valid version id.")
        for held in versions:
            if str(held.version) == number:
                return held
        raise Refusal(404, 40402, f"Version {number} not found.")

    def _version(self, subject: str, number: str, query: str = "") -> Answer:
        held = self._numbered(subject, number)
        return 200, {"subject": subject, "version": held.version, "id": held.id} | self._told(held, query)

    def _told(self, held: Held, query: str = "") -> dict[str, Any]:
        """What both say of a schema, each in its way."""
        resolved = "format=resolved" in query
        content = held.schema.json if resolved else held.schema.document.json
        told: dict[str, Any] = {"schema": json.dumps(content, separators=(",", ":"))}
        if held.references:
            told["references"] = held.references
        if not self.confluent:
            return told
        extras = {"metadata": held.body.get("metadata"), "ruleSet": _filled_in(held.body.get("ruleSet"))}
        extras = {key: value for key, value in extras.items() if value}
        return {"guid": "00000000-0000-0000-0000-000000000000", "schemaType": "AVRO"} | extras | told

    def _id(self, number: int, query: str) -> Answer:
        subject, held = self._of_id(number)[-1]
        use = {"subject": subject, "version": held.version} if self.confluent else {}
        return 200, use | self._told(held, query)

    def _of_id(self, number: int) -> list[tuple[str, Held]]:
        uses = [(subject, held) for subject, every in self.subjects.items() for held in every if held.id == number]
        if not uses:
            raise Refusal(404, 40403, f"Schema {number} not found.")
        return uses

    def _uses(self, number: int) -> Answer:
        return 200, [{"subject": subject, "version": held.version} for subject, held in self._of_id(number)]

    def _parsed(self, body: Mapping[str, Any]) -> Schema:
        shared = {}
        for reference in body.get("references") or ():
            found = self.subjects.get(reference["subject"], [])
            if not 1 <= reference["version"] <= len(found):
                raise Refusal(422, 42201, "Unresolved reference")
            other = found[reference["version"] - 1].schema
            shared[other.name] = Reference(other.name, reference["subject"], other)
        try:
            return parse_schema("sent", body["schema"].encode(), shared)
        except ContractError as error:
            raise Refusal(422, 42201, f"Invalid schema of type AVRO, details: {error}") from None

    def _identity(self, schema: Schema, body: Mapping[str, Any]) -> object:
        """What has an id of its own: Confluent's counts docs and metadata, Apicurio's the order of unknown keys."""
        references = json.dumps(body.get("references") or [], sort_keys=True)
        if self.confluent:
            extras = json.dumps([body.get("metadata"), body.get("ruleSet")], sort_keys=True)
            return fingerprint(schema.json), references, extras
        unknown = [key for key in schema.json if key not in _AVRO_KEYS] if isinstance(schema.json, dict) else []
        return _Undocumented(schema.json), references, tuple(unknown)

    def _found(self, subject: str, schema: Schema, body: Mapping[str, Any]) -> Held | None:
        wanted = self._identity(schema, body)
        for held in self.subjects.get(subject, ()):
            if self._identity(held.schema, held.body) == wanted:
                return held
            inline = self.confluent and held.references and not body.get("references")
            if inline and fingerprint(held.schema.json) == fingerprint(schema.json):
                return held
        return None

    def _lookup(self, subject: str, body: Mapping[str, Any]) -> Answer:
        self._versions(subject)
        try:
            held = self._found(subject, self._parsed(body), body)
        except Refusal:
            if self.confluent:
                raise
            held = None
        if held is None:
            raise Refusal(404, 40403, "Schema not found")
        return self._version(subject, str(held.version))

    def _register(self, subject: str, body: Mapping[str, Any]) -> Answer:
        schema = self._parsed(body)
        every = self.subjects.get(subject, [])
        held = self._found(subject, schema, body)
        if held is None and self.confluent and every and not {"metadata", "ruleSet"} & set(body):
            # What is sent without metadata takes over those of the latest version.
            taken = {key: every[-1].body[key] for key in ("metadata", "ruleSet") if key in every[-1].body}
            body = {**body, **taken}
            held = self._found(subject, schema, body)
        if held is None:
            if self.confluent and self.modes.get(subject, self.mode) == "READONLY":
                raise Refusal(422, 42205, f"Subject {subject} in context  is in read-only mode")
            level = self.levels.get(subject, self.default)
            if self._breaks(schema, every if level.transitive else every[-1:], level):
                code = 40901 if self.confluent else 409
                raise Refusal(409, code, f'Schema being registered is incompatible with subject "{subject}"')
            identity = self._identity(schema, body)
            number = self.ids.setdefault(identity, len(self.ids) + 1)
            held = Held(len(every) + 1, number, schema, body)
            self.subjects[subject] = [*every, held]
        answer = {"id": held.id}
        return 200, answer | {"version": held.version} | self._told(held) if self.confluent else answer

    def _breaks(self, schema: Schema, every: list[Held], level: Level) -> bool:
        return any(
            (level.backward and incompatibilities(schema.json, held.schema.json))
            or (level.forward and incompatibilities(held.schema.json, schema.json))
            for held in every
        )

    def _compatible(self, subject: str, number: str | None, query: str, body: Mapping[str, Any]) -> Answer:
        verbose = self.confluent and "verbose=true" in query
        if subject not in self.subjects:
            if number is None and not self.confluent:
                self._versions(subject)
            return 200, {"is_compatible": True} | ({"messages": []} if verbose else {})
        level = self.levels.get(subject, self.default)
        every = [self._numbered(subject, number)] if number else self.subjects[subject]
        if number is None and not level.transitive:
            every = every[-1:]
        if body.get("references") and not self.confluent:
            raise Refusal(422, 42201, "Invalid schema: Syntax violation for Avro artifact.")
        try:
            fine = not self._breaks(self._parsed(body), every, level)
        except Refusal:
            if not self.confluent:
                raise
            fine = False
        return 200, {"is_compatible": fine} | ({"messages": [] if fine else ["what is wrong"]} if verbose else {})

    def _level(self, subject: str) -> Answer:
        if subject in self.levels:
            return 200, {"compatibilityLevel": self.levels[subject]}
        if self.confluent:
            raise Refusal(404, 40408, f"Subject '{subject}' does not have subject-level compatibility configured")
        self._versions(subject)
        return 200, {"compatibilityLevel": self.default}

    def _set_level(self, subject: str, wanted: str) -> Answer:
        name = wanted.upper() if self.confluent else wanted
        if name not in Level.__members__:
            raise Refusal(422, 42203, f"Invalid compatibility level: {wanted}")
        self.levels[subject] = Level(name)
        return 200, {"compatibility": name} | ({} if self.confluent else {"normalize": False})

    def _unset_level(self, subject: str) -> Answer:
        if self.confluent and subject not in self.levels:
            raise Refusal(404, 40401, f"Subject '{subject}' not found.")
        return 200, {"compatibilityLevel": self.levels.pop(subject, self.default)}

    def _mode(self, subject: str, query: str) -> Answer:
        if self.confluent and subject not in self.modes and query != "defaultToGlobal=true":
            raise Refusal(404, 40409, f"Subject '{subject}' does not have subject-level mode configured")
        return 200, {"mode": self.modes.get(subject, self.mode)}

    def _set_mode(self, subject: str, mode: str) -> Answer:
        if mode not in _MODES:
            raise Refusal(422, 42204 if self.confluent else 42201, f"Invalid mode: {mode}")
        self.modes[subject] = mode
        return 200, {"mode": mode}


def _filled_in(rule_set: Mapping[str, Any] | None) -> dict[str, Any]:
    defaults = {"kind": "TRANSFORM", "mode": "WRITEREAD", "disabled": False}
    return {
        family: [defaults | rule | {"tags": sorted(rule["tags"])} for rule in rules]
        for family, rules in (rule_set or {}).items()
    }


@dataclass(frozen=True)
class _Undocumented:
    """A schema as Apicurio tells one from another: whatever its docs and aliases."""

    json: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Undocumented) and same_but_docs(self.json, other.json)

    def __hash__(self) -> int:
        return 0
