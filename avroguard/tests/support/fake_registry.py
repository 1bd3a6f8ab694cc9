"""A registry in memory, as far as the commands need it."""

import json
from collections import defaultdict
from typing import Any

from avroguard.avro.schema import Schema, parse_schema
from avroguard.levels import Level
from avroguard.registry.client import RegisteredSchema, Registration
from avroguard.registry.config_replies import SubjectConfig


def schema(content: Any) -> Schema:
    return parse_schema("r.avsc", json.dumps(content).encode())


class FakeRegistry:
    """A registry as far as a plan needs it; unset levels are None as in Confluent's."""

    def __init__(self, *versions: Any) -> None:
        schemas = [schema(version) for version in versions]
        self.schemas: dict[str, list[Schema]] = defaultdict(list) | {"x-value": schemas[:], "y-value": schemas[:]}
        self.levels: dict[str, Level | None] = {}
        self.refused: tuple[str, Level] | None = None
        self.fails: dict[str, Exception] = {}
        self.keeps = False
        self.extras: dict[str, Any] = {}
        self.modes: dict[str, str] = {}

    def __str__(self) -> str:
        return "http://fake"

    def state(self) -> object:
        set_levels = {subject: level for subject, level in self.levels.items() if level}
        return {subject: len(versions) for subject, versions in self.schemas.items()}, set_levels

    def look_up(self, subject: str, schema: Schema, extras: Any = None) -> Registration | None:
        if extras:
            return None
        numbers = [
            number for number, registered in enumerate(self.schemas[subject], 1) if registered.json == schema.json
        ]
        return Registration(subject, numbers[-1], numbers[-1]) if numbers else None

    def versions(self, subject: str) -> list[int]:
        return list(range(1, len(self.schemas[subject]) + 1))

    def version(self, subject: str, version: int | str = "latest") -> RegisteredSchema:
        number = len(self.schemas[subject]) if version == "latest" else int(version)
        content = self.schemas[subject][number - 1].json
        return RegisteredSchema(subject, number, number, content, content, metadata=self.extras.get(subject))

    def history(self, subject: str) -> list[RegisteredSchema]:
        return [self.version(subject, version) for version in self.versions(subject)]

    def compatibility_level(self, subject: str) -> Level | None:
        return self.levels.get(subject)

    def config_in_scope(self, subject: str) -> SubjectConfig:
        return SubjectConfig(self.levels.get(subject) or Level.NONE)

    def set_compatibility_level(self, subject: str, level: Level | None) -> None:
        if level and f"level of {subject}" in self.fails:
            raise self.fails[f"level of {subject}"]
        self.levels[subject] = level

    def is_compatible(self, subject: str, *_: object, **__: object) -> bool:
        return self.refused != (subject, self.levels.get(subject))

    def mode(self, subject: str) -> str | None:
        return self.modes.get(subject, "READWRITE")

    def keeps_metadata(self) -> bool:
        return self.keeps

    def register(self, subject: str, schema: Schema, *, metadata: Any = None, **_: Any) -> Registration:
        if subject in self.fails:
            raise self.fails[subject]
        self.schemas[subject].append(schema)
        self.extras[subject] = metadata if self.keeps else None
        return Registration(subject, len(self.schemas[subject]), len(self.schemas[subject]))

    def wait_for_leader(self, seconds: float) -> None:
        pass

    def __enter__(self) -> "FakeRegistry":
        return self

    def __exit__(self, *_: object) -> None:
        pass
