"""Schema files and entries of contracts.toml that say what a registry holds."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from avroguard.avro.canonical_form import same_content
from avroguard.levels import Level
from avroguard.registry.client import RegisteredSchema, Registry

_HEADER = "# What each topic carries; made by avroguard pull from what a registry holds.\n"
_SUBJECT = re.compile(r"([A-Za-z0-9._-]{1,249})-(key|value)")


@dataclass(frozen=True)
class Pulled:
    """One subject as a registry holds it.

    Attributes:
        latest: Its latest version.
        level: Its level, or else the registry's own.
        earlier: The versions before, oldest first; none where they were not asked for.
    """

    latest: RegisteredSchema
    level: Level
    earlier: tuple[RegisteredSchema, ...] = ()

    @property
    def topic_and_part(self) -> tuple[str, str]:
        """The topic that it governs and ``key`` or ``value`` (TopicNameStrategy); empty where it is named otherwise."""
        match = _SUBJECT.fullmatch(self.latest.subject)
        return (match[1], match[2]) if match else ("", "")

    @property
    def has_name(self) -> bool:
        """Return whether others can refer to the schema: it is a record, an enum or a fixed."""
        return isinstance(self.latest.text, dict) and "name" in self.latest.text


def pull(subjects: Iterable[str], registry: Registry, *, all_versions: bool) -> list[Pulled]:
    """Return some subjects of a registry and those that they refer to, each after those.

    Raises:
        ContractError: If the registry has no such subject.
    """
    pulled_by_subject: dict[str, Pulled] = {}
    for subject in subjects:
        _pull(subject, registry, pulled_by_subject, all_versions)
    return list(pulled_by_subject.values())


def _pull(subject: str, registry: Registry, pulled_by_subject: dict[str, Pulled], all_versions: bool) -> None:
    if subject in pulled_by_subject:
        return
    latest = registry.version(subject)
    for reference in latest.references:
        _pull(str(reference.get("subject")), registry, pulled_by_subject, all_versions)
    level = registry.config_in_scope(subject).level
    numbers = [number for number in registry.versions(subject) if number < latest.version] if all_versions else []
    pulled_by_subject[subject] = Pulled(latest, level, tuple(registry.version(subject, number) for number in numbers))


@dataclass
class Files:
    """The files to write, by path below the directory.

    Attributes:
        known: The file of each subject that contracts.toml has already.
        written: The contents to write.
        entries: The tables to add to contracts.toml for types that others refer to.
        unplaced: Subjects of types without a name that contracts.toml has no place for: of no topic, or of a topic
            that it has already, or with another level than the other part of the topic.
    """

    known: Mapping[str, str]
    written: dict[str, str] = field(default_factory=dict)
    entries: list[str] = field(default_factory=list)
    unplaced: list[str] = field(default_factory=list)
    _schemas: dict[str, Any] = field(default_factory=dict)
    _topics: dict[str, dict[str, tuple[Pulled, str]]] = field(default_factory=dict)

    def add(self, pulled: Pulled, *, referred_to: bool) -> None:
        """Add a subject.

        Args:
            pulled: The subject.
            referred_to: Whether another schema refers to it.
        """
        latest = pulled.latest
        name = self.known.get(latest.subject) or self._free_name(latest)
        self._schemas[name] = latest.text
        self.written[name] = _pretty(latest.text)
        for version in pulled.earlier:
            self.written[f"versions/{_safe(latest.subject)}/v{version.version}.avsc"] = _pretty(version.text)
        if latest.subject in self.known:
            return
        topic, part = pulled.topic_and_part
        parts = self._topics.get(topic, {})
        new_topic = not self.known.keys() & {f"{topic}-key", f"{topic}-value"}
        if topic and not referred_to and new_topic and all(other.level is pulled.level for other, _ in parts.values()):
            self._topics[topic] = parts | {part: (pulled, name)}
        elif pulled.has_name:
            self.entries.append(_shared_entry(pulled, name))
        else:
            self.unplaced.append(latest.subject)

    def _free_name(self, latest: RegisteredSchema) -> str:
        """A file of the schema's name, unless another schema has it."""
        own = latest.text.get("name") if isinstance(latest.text, dict) else None
        short = own.rpartition(".")[2] if isinstance(own, str) else latest.subject.removesuffix("-value")
        taken = set(self.known.values()) - {*self._schemas}
        for candidate in (f"{_snake(short)}.avsc", f"{_safe(latest.subject)}.avsc"):
            if candidate in self._schemas and same_content(self._schemas[candidate], latest.text):
                return candidate
            if candidate not in self._schemas and candidate not in taken:
                return candidate
        return f"{_safe(latest.subject)}.{latest.id}.avsc"

    def contracts(self, text: str | None) -> str | None:
        """contracts.toml with the new entries; None where there are none."""
        entries = [*(_topic_entry(topic, parts) for topic, parts in self._topics.items()), *self.entries]
        if not entries:
            return None
        return "\n".join([(text or _HEADER).rstrip("\n") + "\n", *entries])


def _topic_entry(topic: str, parts: Mapping[str, tuple[Pulled, str]]) -> str:
    """Return the table of a topic: of its values and keys, or of raw bytes with keys."""
    pulled, _ = parts.get("value") or parts["key"]
    files = {"value": "bytes"} | {part: name for part, (_, name) in parts.items()}
    lines = [f"[topics.{_toml(topic)}]", *(f"{part} = {_toml(name)}" for part, name in files.items())]
    return "\n".join([*lines, *_settings(pulled, extras="value" in parts), ""])


def _shared_entry(pulled: Pulled, name: str) -> str:
    """Return the table of a schema that others refer to, or that has no topic of its own."""
    lines = [f"[schemas.{_toml(name)}]", f"subject = {_toml(pulled.latest.subject)}"]
    return "\n".join([*lines, *_settings(pulled, extras=True), ""])


def _settings(pulled: Pulled, *, extras: bool) -> Iterator[str]:
    yield f'compatibility = "{pulled.level}"'
    if extras:
        values = {"metadata": pulled.latest.metadata, "ruleSet": pulled.latest.rule_set}
        yield from (f"{key} = {_toml(value)}" for key, value in values.items() if value)


def _toml(value: Any) -> str:
    """A JSON value as an inline value of TOML; what is null has no place there."""
    match value:
        case dict():
            pairs = (f"{_toml(key)} = {_toml(inner)}" for key, inner in value.items() if inner is not None)
            return f"{{ {', '.join(pairs)} }}"
        case list():
            return f"[{', '.join(_toml(item) for item in value if item is not None)}]"
    return json.dumps(value, ensure_ascii=False)


def _pretty(schema: Any) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _snake(name: str) -> str:
    return _safe(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())


def _safe(name: str) -> str:
    """A name without what a file's name can't have, or what would lead elsewhere."""
    return str(PurePosixPath(re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip("."))) or "schema"
