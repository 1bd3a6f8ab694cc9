"""A registry in memory that answers as Confluent's, Apicurio's and Karapace were recorded to: status, codes, keys.

That it does is proven by tests/integration/avroguard/registry_commands/test_fidelity.py, which sends it the recorded
requests. Not in the recordings: an incompatible schema at Apicurio's (409 with the code 409), its check of a schema
with references (422), and what Confluent's fills in for a rule (its client's entities/Rule.java). They are as the
client was measured to need them.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from avroguard.levels import Level
from support.registry_contents import Body, Refusal, RegistryContents, StoredVersion

Answer = tuple[int, Any]
_MODES = ("READWRITE", "READONLY", "IMPORT", "FORWARD")


class RecordedRegistry(RegistryContents):
    """The answers of one registry."""

    def answer(self, method: str, target: str, body: Any) -> Answer:
        """The answer of the product: status and body; None for an empty one."""
        path, _, query = target.partition("?")
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", "/schemas/types", lambda: (200, ["JSON", "PROTOBUF", "AVRO"])),
            ("GET", "/schemas/ids/(\\d+)", lambda number: self._id(int(number), query)),
            ("GET", "/schemas/ids/(\\d+)/versions", lambda number: self._uses(int(number))),
            ("GET", "/subjects", lambda: (200, list(self.subjects))),
            ("GET", "/subjects/([^/]+)/versions", lambda of: (200, [stored.version for stored in self._versions(of)])),
            ("GET", "/subjects/([^/]+)/versions/([^/]+)", lambda of, number: self._version(of, number, query)),
            ("POST", "/subjects/([^/]+)", lambda of: self._lookup(of, body)),
            ("POST", "/subjects/([^/]+)/versions", lambda of: self._register(of, body)),
            (
                "POST",
                "/compatibility/subjects/([^/]+)/versions/([^/]+)",
                lambda of, number: self._compatible(of, number, query, body),
            ),
            ("GET", "/config", lambda: (200, {"compatibilityLevel": self.default})),
            ("GET", "/config/([^/]+)", lambda of: self._config(of, query)),
            ("PUT", "/config/([^/]+)", lambda of: self._set_config(of, body)),
            ("DELETE", "/config/([^/]+)", self._unset_level),
            ("GET", "/mode", lambda: (200, {"mode": self.mode})),
            ("GET", "/mode/([^/]+)", lambda of: self._mode(of, query)),
        ]
        if not self.karapace:
            routes += [
                (
                    "POST",
                    "/compatibility/subjects/([^/]+)/versions",
                    lambda of: self._compatible(of, None, query, body),
                ),
                ("PUT", "/mode/([^/]+)", lambda of: self._set_mode(of, body["mode"])),
                ("DELETE", "/mode/([^/]+)", lambda of: (200, {"mode": self.modes.pop(of)})),
            ]
        if self.confluent:
            routes.append(("GET", "/v1/metadata/version", lambda: (200, {"version": "8.1.5"})))
        for verb, pattern, handler in routes:
            if verb == method and (match := re.fullmatch(pattern, path)):
                try:
                    return handler(*map(unquote, match.groups()))
                except Refusal as refusal:
                    return refusal.answer
        if self.karapace:
            return (405, "Method Not Allowed") if path.startswith("/mode/") else (404, "Not Found")
        return (404, {"error_code": 404, "message": "HTTP 404 Not Found"} if self.confluent else None)

    def _versions(self, subject: str) -> list[StoredVersion]:
        if subject not in self.subjects:
            raise Refusal(404, 40401, f"Subject '{subject}' not found.")
        return self.subjects[subject]

    def _numbered(self, subject: str, number: str) -> StoredVersion:
        versions = self._versions(subject)
        if number in ("latest", "-1"):
            return versions[-1]
        if (self.confluent or self.karapace) and not re.fullmatch("[1-9][0-9]*", number):
            raise Refusal(422, 42202, f"The specified version '{number}' is not a valid version id.")
        for stored in versions:
            if str(stored.version) == number:
                return stored
        raise Refusal(404, 40402, f"Version {number} not found.")

    def _version(self, subject: str, number: str, query: str = "") -> Answer:
        stored = self._numbered(subject, number)
        return 200, {"subject": subject, "version": stored.version, "id": stored.id} | self._described(stored, query)

    def _described(self, stored: StoredVersion, query: str = "") -> dict[str, Any]:
        """The keys of a version that describe its schema."""
        resolved = "format=resolved" in query and not self.karapace
        content = stored.schema.json if resolved else stored.schema.document.json
        body: dict[str, Any] = {"schema": json.dumps(content, separators=(",", ":"), sort_keys=self.karapace)}
        if stored.references:
            body["references"] = stored.references
        if not self.confluent:
            return body
        extras = {"metadata": stored.body.get("metadata"), "ruleSet": _filled_in(stored.body.get("ruleSet"))}
        extras = {key: value for key, value in extras.items() if value}
        return {"guid": "00000000-0000-0000-0000-000000000000", "schemaType": "AVRO"} | extras | body

    def _id(self, number: int, query: str) -> Answer:
        subject, stored = self._of_id(number)[-1]
        use = {"subject": subject, "version": stored.version} if self.confluent else {}
        return 200, use | self._described(stored, query)

    def _of_id(self, number: int) -> list[tuple[str, StoredVersion]]:
        uses = [
            (subject, stored) for subject, every in self.subjects.items() for stored in every if stored.id == number
        ]
        if not uses:
            raise Refusal(404, 40403, f"Schema {number} not found.")
        return uses

    def _uses(self, number: int) -> Answer:
        if self.karapace and number not in self.ids.values():
            return 200, []
        return 200, [{"subject": subject, "version": stored.version} for subject, stored in self._of_id(number)]

    def _lookup(self, subject: str, body: Body) -> Answer:
        self._versions(subject)
        try:
            stored = self.looked_up(subject, self.parsed(body), body)
        except Refusal:
            if self.confluent or self.karapace:
                raise
            stored = None
        if stored is None:
            raise Refusal(404, 40403, "Schema not found")
        return self._version(subject, str(stored.version))

    def _register(self, subject: str, body: Body) -> Answer:
        schema = self.parsed(body)
        every = self.subjects.get(subject, [])
        stored, merged = self.registered(subject, schema, body)
        if stored is None:
            if self.confluent and self.modes.get(subject, self.mode) == "READONLY":
                raise Refusal(422, 42205, f"Subject {subject} in context  is in read-only mode")
            level = self.levels.get(subject, self.default)
            compared = self.grouped(subject, every, merged)
            if self.breaks(schema, compared if level.transitive else compared[-1:], level):
                code = 40901 if self.confluent else 409
                raise Refusal(409, code, f'Schema being registered is incompatible with subject "{subject}"')
            number = self.ids.setdefault(self.identity(schema, merged), len(self.ids) + 1)
            stored = StoredVersion(len(every) + 1, number, schema, merged)
            self.subjects[subject] = [*every, stored]
        if self.confluent:
            return 200, {"id": stored.id, "version": stored.version} | self._described(stored)
        return 200, {"id": stored.id}

    def _compatible(self, subject: str, number: str | None, query: str, body: Body) -> Answer:
        verbose = self.confluent and "verbose=true" in query
        if subject not in self.subjects:
            if self.karapace:
                raise Refusal(404, 40402, "Version -1 not found.")
            if number is None and not self.confluent:
                self._versions(subject)
            return 200, {"is_compatible": True} | ({"messages": []} if verbose else {})
        level = self.levels.get(subject, self.default)
        every = [self._numbered(subject, number)] if number else self.subjects[subject]
        every = self.grouped(subject, every, body)
        if number is None and not level.transitive:
            every = every[-1:]
        if body.get("references") and not self.confluent and not self.karapace:
            raise Refusal(422, 42201, "Invalid schema: Syntax violation for Avro artifact.")
        try:
            compatible = not self.breaks(self.parsed(body), every, level)
        except Refusal:
            if not self.confluent:
                raise
            compatible = False
        messages = [] if compatible else ["what is wrong"]
        says = verbose or (self.karapace and not compatible)
        return 200, {"is_compatible": compatible} | ({"messages": messages} if says else {})

    def _config(self, subject: str, query: str) -> Answer:
        in_scope = query == "defaultToGlobal=true"
        config = self.config_of(subject) if in_scope else self.config.get(subject, {})
        if subject in self.levels:
            return 200, {"compatibilityLevel": self.levels[subject]} | config
        if not self.confluent:
            self._versions(subject)
        if not config and not in_scope and (self.confluent or self.karapace):
            raise Refusal(404, 40408, f"Subject '{subject}' does not have subject-level compatibility configured")
        return 200, {"compatibilityLevel": self.default} | config

    def _set_config(self, subject: str, body: Mapping[str, Any]) -> Answer:
        more = {key: value for key, value in body.items() if key != "compatibility"}
        if self.confluent:
            self.config.setdefault(subject, {}).update(more)
        if "compatibility" not in body:
            return 200, more
        name = body["compatibility"].upper() if self.confluent else body["compatibility"]
        if name not in Level.__members__:
            raise Refusal(422, 42203, f"Invalid compatibility level: {name}")
        self.levels[subject] = Level(name)
        return 200, {"compatibility": name} | ({} if self.confluent or self.karapace else {"normalize": False})

    def _unset_level(self, subject: str) -> Answer:
        if self.confluent and subject not in self.levels:
            raise Refusal(404, 40401, f"Subject '{subject}' not found.")
        level = self.levels.pop(subject, self.default)
        return 200, {"compatibility": self.default} if self.karapace else {"compatibilityLevel": level}

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
