"""Topics and what each carries, read from ``contracts.toml``."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from avroguard.avro.names import suggestion
from avroguard.avro.schema import Schema
from avroguard.config.inspection import ContractsReader, Inspection, faults_at
from avroguard.config.schema_files import SchemaFiles
from avroguard.config.severities import read_rule_settings
from avroguard.config.shared import SharedSchemas
from avroguard.config.subjects import (
    Contracts,
    SubjectContract,
    SubjectNameStrategy,
    TimestampType,
    TopicContract,
    json_table,
    read_level,
)
from avroguard.config.tree import CONTRACTS, Directory, Tree, default_directory
from avroguard.config.waivers import read_waivers
from avroguard.errors import ContractError
from avroguard.levels import Level
from avroguard.places import Place
from avroguard.toml_source import parse_toml, toml_shown

__all__ = ["Contracts", "Inspection", "TopicContract", "inspect_contracts", "load_contracts", "read_contracts"]

_TABLES = ("topics", "schemas", "history", "waivers", "rules", "profile")
_KEYS = (
    "partitions",
    "retention",
    "key",
    "value",
    "compatibility",
    "subject_name_strategy",
    "message_timestamp_type",
    "dead_letter_topic",
    "metadata",
    "ruleSet",
)
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # what Kafka allows: org.apache.kafka.common.internals.Topic
_RETENTION = re.compile(r"([1-9][0-9]{0,5})([hd])")
_HOUR_MS = 3_600_000
_RAW = "bytes"


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
    return inspect_contracts(tree, name).valid_contracts()


def inspect_contracts(tree: Tree, name: str = CONTRACTS, files: SchemaFiles | None = None) -> Inspection:
    """Read a contracts file as far as it can be read, faults or not.

    Args:
        tree: The tree that it is kept in.
        name: The file.
        files: The schema files of the tree, where they are known.

    Raises:
        ContractError: If it is not there, or not TOML.
    """
    file = tree.shown(name)
    content = tree.read(name)
    if content is None:
        raise ContractError(
            f"{file}: no such file; it says what each topic carries, on lines such as [topics.orders], value = "
            f'"order.avsc", compatibility = "BACKWARD"; avroguard init writes one'
        )
    document = parse_toml(file, content, float)
    reader = _Reader(document, files or SchemaFiles(tree))
    shared = SharedSchemas(reader)
    shared.register(document.data.get("schemas", {}))
    topics = tuple(reader.topics())
    subjects = shared.read(topics)
    reader.refuse_clashes(topics, subjects)
    reader.check_dead_letter_topics(topics)
    waivers, faults = read_waivers(document.data.get("waivers", []), document.text.splitlines(), file, tree.shown)
    reader.faults += faults_at(faults, file)
    rules, rule_faults = read_rule_settings(document.data, tree.shown)
    for message, path in rule_faults:
        reader.fault(message, path)
    contracts = Contracts(topics, file, subjects, reader.since(), tuple(waivers), rules)
    return Inspection(contracts, reader.files, tuple(reader.faults), reader.invalid)


class _Reader(ContractsReader):
    """Turns the tables of topics into contracts, and collects every fault on the way."""

    def topics(self) -> Iterator[TopicContract]:
        """Read the tables ``[topics]``."""
        tables = self.document.data
        for key in tables:
            if key not in _TABLES:
                self.fault(f'unknown key "{key}"; expected tables [topics."NAME"]', (key,))
        topics = tables.get("topics", {})
        says_nothing = not any(tables.get(kind) for kind in _TABLES)
        if not isinstance(topics, dict) or says_nothing:
            self.fault('expected at least one table [topics."NAME"] or [schemas."FILE.avsc"]', ("topics",))
            return
        for name, table in topics.items():
            if not _TOPIC.fullmatch(name) or name in (".", ".."):
                self.fault(f'"{name}" is no topic name: 1 to 249 letters, digits, dots, _ or -', ("topics", name))
            elif not isinstance(table, dict):
                self.fault(f'expected a table [topics."{name}"]', ("topics", name))
            else:
                known = len(self.faults)
                topic = self.topic(name, table)
                if len(self.faults) > known and not topic.subjects:
                    self.invalid.setdefault(topic.subject, tuple(self.faults[known:]))
                yield topic

    def topic(self, name: str, table: dict[str, Any]) -> TopicContract:
        for key in table:
            if key not in _KEYS:
                expected = suggestion(key, list(_KEYS)) or f"; expected one of {', '.join(_KEYS)}"
                self.topic_fault(f'unknown key "{key}"{expected}', name, key)
        raw = table.get("value") == _RAW and "key" not in table
        strategy = self.strategy(name, table)
        schemas = self.schemas(name, table, strategy)
        return TopicContract(
            name=name,
            partitions=self.partitions(name, table),
            retention_ms=self.retention(name, table),
            schema=schemas[0] if schemas else None,
            compatibility=self.compatibility(name, table, raw=raw),
            place=self.place(("topics", name)),
            message_timestamp_type=self.message_timestamp_type(name, table),
            dead_letter_topic=self.dead_letter_topic(name, table),
            metadata=json_table(table, "metadata", lambda message: self.topic_fault(message, name, "metadata")),
            rule_set=json_table(table, "ruleSet", lambda message: self.topic_fault(message, name, "ruleSet")),
            strategy=strategy,
            key_schema=self.schema(name, "key", table["key"]) if table.get("key", _RAW) != _RAW else None,
            further_schemas=tuple(schemas[1:]),
        )

    def partitions(self, name: str, table: dict[str, Any]) -> int:
        value = table.get("partitions", 0)
        if isinstance(value, int) and not isinstance(value, bool) and (value >= 1 or "partitions" not in table):
            return value
        self.topic_fault(f"partitions: expected a number of 1 or more, found {toml_shown(value)}", name, "partitions")
        return 0

    def retention(self, name: str, table: dict[str, Any]) -> int:
        value = table.get("retention")
        if value is None:
            return 0
        match = _RETENTION.fullmatch(value) if isinstance(value, str) else None
        if match:
            return int(match.group(1)) * (24 if match.group(2) == "d" else 1) * _HOUR_MS
        message = f'retention: expected hours or days such as "12h" or "7d", found {toml_shown(value)}'
        self.topic_fault(message, name, "retention")
        return 0

    def message_timestamp_type(self, name: str, table: dict[str, Any]) -> TimestampType:
        value = table.get("message_timestamp_type", TimestampType.CREATE_TIME)
        known = [timestamp_type.value for timestamp_type in TimestampType]
        return TimestampType(self.choice(name, "message_timestamp_type", value, known))

    def strategy(self, name: str, table: dict[str, Any]) -> SubjectNameStrategy:
        value = table.get("subject_name_strategy", SubjectNameStrategy.TOPIC)
        known = [strategy.value for strategy in SubjectNameStrategy]
        return SubjectNameStrategy(self.choice(name, "subject_name_strategy", value, known))

    def choice(self, topic: str, key: str, value: Any, known: list[str]) -> str:
        """The value of a key that takes one of some words, or the first of them where it is another."""
        if value in known:
            return str(value)
        hint = suggestion(value, known) if isinstance(value, str) else ""
        message = f"{key}: expected one of {', '.join(known)}, found {toml_shown(value)}{hint}"
        self.topic_fault(message, topic, key)
        return known[0]

    def dead_letter_topic(self, name: str, table: dict[str, Any]) -> str | None:
        value = table.get("dead_letter_topic")
        if value is None or (isinstance(value, str) and value):
            return value
        message = f"dead_letter_topic: expected the name of a topic of this file, found {toml_shown(value)}"
        self.topic_fault(message, name, "dead_letter_topic")
        return None

    def compatibility(self, name: str, table: dict[str, Any], *, raw: bool) -> Level | None:
        if not raw:
            return read_level(table, lambda message: self.topic_fault(message, name, "compatibility"))
        if "compatibility" in table:
            self.topic_fault("compatibility: raw bytes have none; remove it", name, "compatibility")
        return None

    def schemas(self, name: str, table: dict[str, Any], strategy: SubjectNameStrategy) -> list[Schema]:
        """The schemas of a topic's values; none for raw bytes."""
        value = table.get("value")
        if value == _RAW:
            return []
        by_record = strategy is not SubjectNameStrategy.TOPIC
        if isinstance(value, list) and value and not by_record:
            message = 'value: several schemas need subject_name_strategy = "record" or "topic-record"'
            self.topic_fault(message, name, "value")
            return []
        files = value if isinstance(value, list) and value else [value]
        schemas = [schema for file in files if (schema := self.schema(name, "value", file))]
        for schema in schemas if by_record else ():
            if "." not in schema.name and not isinstance(schema.document.json, dict):
                self.topic_fault(f"subject_name_strategy: {schema.path} has no name", name, "subject_name_strategy")
        return schemas

    def schema(self, topic: str, key: str, file: Any) -> Schema | None:
        """The schema that a topic names."""
        if not isinstance(file, str) or not file or file == _RAW:
            expected = f'expected a schema file such as "transaction.avsc", or "{_RAW}"'
            self.topic_fault(f"{key}: {expected}, found {toml_shown(file)}", topic, key)
            return None
        try:
            schema = self.files.schema(file)
        except ContractError as error:
            self.refuse_schema(file, f"{topic}-{key}", error)
            return None
        if schema is None:
            message = f"{key}: no file {self.files.shown(file)!r}; a schema file stands beside this one"
            self.topic_fault(message, topic, key)
            self.invalid.setdefault(f"{topic}-{key}", (self.faults[-1],))
        return schema

    def refuse_clashes(self, topics: tuple[TopicContract, ...], shared: tuple[SubjectContract, ...]) -> None:
        """Report each subject that two tables give another schema or level."""
        taken: dict[str, tuple[SubjectContract, str]] = {}
        owners = [(contract, f"topic {topic.name}") for topic in topics for contract in topic.subjects]
        owners += [(contract, f"schema {contract.schema.path.name}") for contract in shared]
        for contract, owner in owners:
            known, other = taken.setdefault(contract.subject, (contract, owner))
            if (known.schema is not contract.schema or known.compatibility is not contract.compatibility) and (
                owner != other or known.schema is not contract.schema
            ):
                where = f"{other} (line {known.place.line})"
                message = f'{owner}: the subject "{contract.subject}" is that of {where}; choose another'
                self.faults.append(self.finding(message, self.subject_place(contract)))

    def subject_place(self, contract: SubjectContract) -> Place:
        """The line that names a subject, or that of its table."""
        for name, table in self.tables("schemas"):
            if table.get("subject") == contract.subject and self.files.shown(name) == str(contract.schema.path):
                return self.place(("schemas", name, "subject"))
        return contract.place

    def check_dead_letter_topics(self, topics: tuple[TopicContract, ...]) -> None:
        """Report each `dead_letter_topic` that is not a topic of the file with raw bytes as values."""
        known: Mapping[str, TopicContract] = {topic.name: topic for topic in topics}
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
            self.topic_fault(message, topic.name, "dead_letter_topic")

    def topic_fault(self, message: str, topic: str, key: str) -> None:
        """Take a fault of a topic's table."""
        self.fault(f"topic {topic}: {message}", ("topics", topic, key))
