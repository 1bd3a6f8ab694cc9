"""The topics and what each carries, as ``contracts.toml`` says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avroguard.avro.names import suggestion
from avroguard.avro.schema import Reference, Schema, parse_schema
from avroguard.config.severities import read_rule_settings
from avroguard.config.shared import SharedSchemas
from avroguard.config.subjects import (
    Contracts,
    SubjectContract,
    TimestampType,
    TopicContract,
    json_table,
    read_level,
)
from avroguard.config.toml import parse_toml, toml_shown
from avroguard.config.tree import CONTRACTS, Directory, Tree, default_directory
from avroguard.config.waivers import read_waivers
from avroguard.errors import ContractError
from avroguard.levels import Level
from avroguard.places import Place

__all__ = ["Contracts", "Inspection", "TopicContract", "inspect_contracts", "load_contracts", "read_contracts"]

_TABLES = ("topics", "schemas", "history", "waivers", "rules", "profile")
_KEYS = (
    "partitions",
    "retention",
    "value",
    "compatibility",
    "message_timestamp_type",
    "dead_letter_topic",
    "metadata",
    "ruleSet",
)
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # what Kafka allows: org.apache.kafka.common.internals.Topic
_HEADER = re.compile(r"\s*\[\s*(topics|schemas)\s*\.\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'\]]+))\s*\]")
_RETENTION = re.compile(r"([1-9][0-9]{0,5})([hd])")
_HOUR_MS = 3_600_000
_RAW = "bytes"


@dataclass(frozen=True)
class Inspection:
    """What a contracts file says, as far as it can be read.

    Attributes:
        contracts: Without the parts that are faulty.
        types: The types of the schemas that others may refer to, by full name.
        faults: A line for each fault of it and of its schemas, with file and line.
    """

    contracts: Contracts
    types: Mapping[str, Reference]
    faults: tuple[str, ...]


def load_contracts(path: Path | None = None) -> Contracts:
    """Read and check ``contracts.toml`` and every schema that it names.

    Args:
        path: The file; by default that of `default_directory`.

    Raises:
        ContractError: One line for each fault, with file and line.
    """
    path = path or default_directory() / CONTRACTS
    return read_contracts(Directory(path.parent), path.name)


def read_contracts(tree: Tree, name: str = CONTRACTS) -> Contracts:
    """Read and check a contracts file and every schema that it names, wherever they are kept.

    Raises:
        ContractError: One line for each fault, with file and line.
    """
    read = inspect_contracts(tree, name)
    if read.faults:
        raise ContractError("\n".join(read.faults))
    return read.contracts


def inspect_contracts(tree: Tree, name: str = CONTRACTS) -> Inspection:
    """Read a contracts file as far as it can be read, faults or not.

    Raises:
        ContractError: If it is not there, or not TOML.
    """
    file = tree.shown(name)
    content = tree.read(name)
    if content is None:
        raise ContractError(
            f"{file}: no such file; it says what each topic carries, on lines such as [topics.orders], partitions = 3, "
            'retention = "7d", value = "order.avsc", compatibility = "BACKWARD"'
        )
    text, tables = parse_toml(file, content)
    reader = _Reader(tree, file, text)
    shared = reader.shared(tables)
    waivers, faults = read_waivers(tables.get("waivers", []), reader.lines, file, tree.shown)
    topics = tuple(reader.topics(tables))
    reader.refuse_clashes(topics)
    reader.check_dead_letter_topics(topics)
    rules, rule_faults = read_rule_settings(tables, tree.shown)
    for message, path in rule_faults:
        reader.fault(message, key=str(path[-1]))
    contracts = Contracts(topics, file, shared, reader.since(tables), tuple(waivers), rules)
    return Inspection(contracts, reader.types.types, (*reader.faults, *faults))


class _Reader:
    """Turns the tables of a contracts file into contracts, and collects every fault on the way."""

    def __init__(self, tree: Tree, file: str, text: str) -> None:
        self.tree = tree
        self.file = file
        self.lines = text.splitlines()
        self.headers = _headers(self.lines)
        self.faults: list[str] = []
        self.schemas: dict[str, Schema | None] = {}
        self.types = SharedSchemas(tree, self.fault_in_schemas)

    def shared(self, tables: dict[str, Any]) -> tuple[SubjectContract, ...]:
        found = self.types.read(
            tables.get("schemas", {}), lambda name: Place(self.file, self.line(name, kind="schemas"))
        )
        self.schemas |= self.types.loaded
        return found

    def fault_in_schemas(self, message: str, name: str | None = None, key: str | None = None) -> None:
        """A fault of ``[schemas]``; of a schema's own file where no name is given."""
        whose = f"schema {name}: " if name else ""
        place = "" if name is None else f"{self.file}:{self.line(name, key, kind='schemas')}: "
        self.faults.append(f"{place}{whose}{message}")

    def refuse_clashes(self, topics: Sequence[TopicContract]) -> None:
        """A subject has one schema and one level: a shared schema's can't be that of a topic, nor of another one."""
        taken = {topic.subject: f"topic {topic.name} (line {topic.place.line})" for topic in topics}
        for name, subject in self.types.subjects.items():
            if subject in taken:
                message = f'the subject "{subject}" is that of {taken[subject]}; choose another'
                self.fault_in_schemas(message, name, "subject")
            taken.setdefault(subject, f"schema {name} (line {self.line(name, kind='schemas')})")

    def check_dead_letter_topics(self, topics: Sequence[TopicContract]) -> None:
        """Report each `dead_letter_topic` that is not a topic of the file with raw bytes as values."""
        known = {topic.name: topic for topic in topics}
        for topic in topics:
            name = topic.dead_letter_topic
            if name is None:
                continue
            target = known.get(name)
            if target is None:
                message = f'dead_letter_topic: no topic "{name}" in this file{suggestion(name, list(known))}'
            elif target.schema is not None:
                message = f'dead_letter_topic: a dead letter is any bytes, expected value = "{_RAW}" of topic {name}'
            elif target is topic:
                message = "dead_letter_topic: expected another topic than this one"
            else:
                continue
            self.fault(message, topic.name, "dead_letter_topic")

    def since(self, tables: dict[str, Any]) -> str | None:
        history = tables.get("history", {})
        if not isinstance(history, dict) or not set(history) <= {"since"}:
            self.fault('history: expected a table with the key "since"', key="history")
            return None
        since = history.get("since")
        if since is not None and (not isinstance(since, str) or not since):
            self.fault(f"history: since: expected a commit or tag, found {toml_shown(since)}", key="since")
            return None
        return since

    def topics(self, tables: dict[str, Any]) -> Iterator[TopicContract]:
        for key in tables:
            if key not in _TABLES:
                self.fault(f'unknown key "{key}"; expected tables [topics."NAME"]', key=key)
        topics = tables.get("topics", {})
        if not isinstance(topics, dict) or not (topics or tables.get("schemas")):
            self.fault('expected at least one table [topics."NAME"] or [schemas."FILE.avsc"]')
            return
        for name, table in topics.items():
            if not _TOPIC.fullmatch(name) or name in (".", ".."):
                self.fault(f'"{name}" is no topic name: 1 to 249 letters, digits, dots, _ or -', name)
            elif not isinstance(table, dict):
                self.fault(f'expected a table [topics."{name}"]', name)
            else:
                yield self.topic(name, table)

    def topic(self, name: str, table: dict[str, Any]) -> TopicContract:
        for key in table:
            if key not in _KEYS:
                expected = suggestion(key, list(_KEYS)) or f"; expected one of {', '.join(_KEYS)}"
                self.fault(f'unknown key "{key}"{expected}', name, key)
        schema = self.schema(name, table)
        raw = table.get("value") == _RAW
        return TopicContract(
            name=name,
            partitions=self.partitions(name, table),
            retention_ms=self.retention(name, table),
            schema=schema,
            compatibility=self.compatibility(name, table, raw=raw),
            place=Place(self.file, self.line(name)),
            message_timestamp_type=self.message_timestamp_type(name, table),
            dead_letter_topic=self.dead_letter_topic(name, table),
            metadata=json_table(table, "metadata", lambda message: self.fault(message, name, "metadata")),
            rule_set=json_table(table, "ruleSet", lambda message: self.fault(message, name, "ruleSet")),
        )

    def partitions(self, name: str, table: dict[str, Any]) -> int:
        value = table.get("partitions")
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        self.fault(f"partitions: expected a number of 1 or more, found {toml_shown(value)}", name, "partitions")
        return 0

    def retention(self, name: str, table: dict[str, Any]) -> int:
        value = table.get("retention")
        match = _RETENTION.fullmatch(value) if isinstance(value, str) else None
        if match:
            return int(match.group(1)) * (24 if match.group(2) == "d" else 1) * _HOUR_MS
        message = f'retention: expected hours or days such as "12h" or "7d", found {toml_shown(value)}'
        self.fault(message, name, "retention")
        return 0

    def message_timestamp_type(self, name: str, table: dict[str, Any]) -> TimestampType:
        value = table.get("message_timestamp_type", TimestampType.CREATE_TIME)
        known = [timestamp_type.value for timestamp_type in TimestampType]
        if value in known:
            return TimestampType(value)
        hint = suggestion(value, known) if isinstance(value, str) else ""
        message = f"message_timestamp_type: expected one of {', '.join(known)}, found {toml_shown(value)}{hint}"
        self.fault(message, name, "message_timestamp_type")
        return TimestampType.CREATE_TIME

    def dead_letter_topic(self, name: str, table: dict[str, Any]) -> str | None:
        value = table.get("dead_letter_topic")
        if value is None or (isinstance(value, str) and value):
            return value
        message = f"dead_letter_topic: expected the name of a topic of this file, found {toml_shown(value)}"
        self.fault(message, name, "dead_letter_topic")
        return None

    def compatibility(self, name: str, table: dict[str, Any], *, raw: bool) -> Level | None:
        if not raw:
            return read_level(table, lambda message: self.fault(message, name, "compatibility"))
        if "compatibility" in table:
            self.fault("compatibility: raw bytes have none; remove it", name, "compatibility")
        return None

    def schema(self, name: str, table: dict[str, Any]) -> Schema | None:
        value = table.get("value")
        if not isinstance(value, str) or not value:
            expected = f'expected a schema file such as "transaction.avsc", or "{_RAW}"'
            self.fault(f"value: {expected}, found {toml_shown(value)}", name, "value")
            return None
        if value == _RAW:
            return None
        if value not in self.schemas:
            self.schemas[value] = self.load(value, name)
        return self.schemas[value]

    def load(self, value: str, topic: str) -> Schema | None:
        """Read a schema once, however many topics carry it, so that its faults are told once."""
        try:
            content = None if "\0" in value else self.tree.read(value)
            if content is not None:
                return parse_schema(self.tree.shown(value), content, self.types.types)
        except ContractError as error:
            self.faults.append(str(error))
            return None
        self.fault(f"value: no file {self.tree.shown(value)!r}; a schema file stands beside this one", topic, "value")
        return None

    def fault(self, message: str, topic: str | None = None, key: str | None = None) -> None:
        whose = f"topic {topic}: " if topic else ""
        self.faults.append(f"{self.file}:{self.line(topic, key)}: {whose}{message}")

    def line(self, topic: str | None = None, key: str | None = None, kind: str = "topics") -> int:
        """The line, from 1, of a topic's or schema's table or of a key in it, as far as it can be told."""
        start = 0 if topic is None else self.headers.get((kind, topic), 0)
        if key is not None:
            wanted = re.compile(rf"\s*\[*\s*([\"']?){re.escape(key)}\1\s*[=.\]]")
            for n, line in enumerate(self.lines[start:], start):
                if topic is not None and n > start and line.lstrip().startswith("["):
                    break
                if wanted.match(line):
                    return n + 1
        return start + 1


def _headers(lines: Sequence[str]) -> dict[tuple[str, str], int]:
    """Where the table of each topic and schema starts, by kind and name: the index of the line."""
    found: dict[tuple[str, str], int] = {}
    for index, line in enumerate(lines):
        if "[" in line and (header := _HEADER.match(line)):
            found.setdefault((header[1], next(name for name in header.groups()[1:] if name is not None)), index)
    return found
