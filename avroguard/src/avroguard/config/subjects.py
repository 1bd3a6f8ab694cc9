"""Contracts of each topic, of each subject of the registry, and all of them together."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from avroguard.avro.names import suggestion
from avroguard.avro.schema import Schema
from avroguard.config.severities import RECOMMENDED, RuleSettings
from avroguard.config.waivers import Waiver
from avroguard.errors import ContractError
from avroguard.levels import Level
from avroguard.places import Place
from avroguard.toml_source import toml_shown


@dataclass(frozen=True)
class SubjectContract:
    """The contract of one subject: the values of a topic, or a schema that others refer to.

    Attributes:
        subject: The subject.
        schema: The schema of its latest version.
        compatibility: The level for changes of the schema.
        place: The contract's place in its file.
        metadata: Confluent's ``metadata`` of the versions; None where nothing is said of it.
        rule_set: Confluent's ``ruleSet`` of the versions; None where nothing is said of it.
    """

    subject: str
    schema: Schema
    compatibility: Level
    place: Place
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None


class SubjectNameStrategy(StrEnum):
    """Naming of the subjects of a topic's schemas: Confluent's ``subject.name.strategy``."""

    TOPIC = "topic"
    """``TOPIC-value``, ``TOPIC-key``."""
    RECORD = "record"
    """The full name of the record; a topic may carry several."""
    TOPIC_RECORD = "topic-record"
    """``TOPIC-`` and the full name of the record."""

    def subject(self, topic: str, schema: Schema, part: str) -> str:
        """Return the subject of a schema.

        Args:
            topic: The topic.
            schema: The schema of its keys or values.
            part: ``key`` or ``value``.
        """
        match self:
            case SubjectNameStrategy.RECORD:
                return schema.name
            case SubjectNameStrategy.TOPIC_RECORD:
                return f"{topic}-{schema.name}"
        return f"{topic}-{part}"


class TimestampType(StrEnum):
    """Source of the timestamp of a topic's records: Kafka's ``message.timestamp.type``."""

    CREATE_TIME = "CreateTime"  # the producer
    LOG_APPEND_TIME = "LogAppendTime"  # the broker


@dataclass(frozen=True)
class TopicContract:
    """Contract of one topic: its settings and what it carries.

    Attributes:
        name: The topic.
        partitions: Number of partitions; 0 where the file has none.
        retention_ms: Retention of messages in milliseconds; 0 where the file has none.
        schema: The schema of values; None for raw bytes.
        compatibility: The level for changes of the schema; None for raw bytes.
        place: The contract's place in its file.
        message_timestamp_type: The source of its records' timestamps.
        dead_letter_topic: The topic for records that a reader can't process; None where there is none.
        metadata: Confluent's ``metadata`` of the subject's versions; None where nothing is said of it.
        rule_set: Confluent's ``ruleSet`` of the subject's versions; None where nothing is said of it.
        strategy: The naming of its subjects.
        key_schema: The schema of keys; None where the file has none.
        further_schemas: The other records that values may be, besides ``schema``.
    """

    name: str
    partitions: int
    retention_ms: int
    schema: Schema | None
    compatibility: Level | None
    place: Place
    message_timestamp_type: TimestampType = TimestampType.CREATE_TIME
    dead_letter_topic: str | None = None
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None
    strategy: SubjectNameStrategy = SubjectNameStrategy.TOPIC
    key_schema: Schema | None = None
    further_schemas: tuple[Schema, ...] = ()

    @property
    def subject(self) -> str:
        """The subject of the topic's values in the registry."""
        return self.strategy.subject(self.name, self.schema, "value") if self.schema else f"{self.name}-value"

    @property
    def subjects(self) -> tuple[SubjectContract, ...]:
        """The contracts of its subjects: of the values, and of the key; none for raw bytes."""
        if self.compatibility is None:
            return ()
        values = [schema for schema in (self.schema, *self.further_schemas) if schema]
        parts = [("value", schema) for schema in values] + ([("key", self.key_schema)] if self.key_schema else [])
        return tuple(
            SubjectContract(
                self.strategy.subject(self.name, schema, part),
                schema,
                self.compatibility,
                self.place,
                self.metadata if part == "value" else None,
                self.rule_set if part == "value" else None,
            )
            for part, schema in parts
        )

    @property
    def required_schema(self) -> Schema:
        """The schema, for a caller that can't do without one.

        Raises:
            ContractError: If the topic carries raw bytes.
        """
        if self.schema is None:
            raise ContractError(f'{self.place}: topic {self.name} carries raw bytes; expected value = "SOMETHING.avsc"')
        return self.schema


@dataclass(frozen=True)
class Contracts:
    """Every topic's contract, and those of the schemas that others refer to.

    Attributes:
        topics: In the order of the file.
        name: The file, as messages call it.
        shared: The subjects of schemas that others may refer to; each after those that it refers to itself.
        since: The commit from which on versions in git were deployed; None: from the first tag on.
        waivers: The findings that don't count.
        rules: The rules that count, and how much.
    """

    topics: tuple[TopicContract, ...]
    name: str
    shared: tuple[SubjectContract, ...] = ()
    since: str | None = None
    waivers: tuple[Waiver, ...] = ()
    rules: RuleSettings = RECOMMENDED

    @property
    def subjects(self) -> tuple[SubjectContract, ...]:
        """Every subject, in an order in which they can be registered."""
        of_topics = (contract for topic in self.topics for contract in topic.subjects)
        return tuple({contract.subject: contract for contract in (*self.shared, *of_topics)}.values())

    def topic(self, name: str) -> TopicContract:
        """The contract of one topic.

        Raises:
            ContractError: If the file has no such topic.
        """
        for topic in self.topics:
            if topic.name == name:
                return topic
        close = suggestion(name, [topic.name for topic in self.topics])
        raise ContractError(f'{self.name}: no topic "{name}"; add [topics."{name}"]{close}')

    def inputs_of(self, dead_letter_topic: str) -> tuple[TopicContract, ...]:
        """Return the topics whose dead letters go to `dead_letter_topic`."""
        return tuple(topic for topic in self.topics if topic.dead_letter_topic == dead_letter_topic)

    @property
    def governed(self) -> tuple[TopicContract, ...]:
        """The topics whose values have a schema."""
        return tuple(topic for topic in self.topics if topic.schema)


def read_level(table: Mapping[str, Any], fault: Callable[[str], object]) -> Level | None:
    """The ``compatibility`` of a topic or schema, or None where it is faulty."""
    value = table.get("compatibility")
    if isinstance(value, str) and value in Level.__members__:
        return Level(value)
    known = list(Level.__members__)
    hint = suggestion(value.upper(), known) if isinstance(value, str) else ""
    fault(f"compatibility: expected one of {', '.join(known)}, found {toml_shown(value)}{hint}")
    return None


def json_table(table: Mapping[str, Any], key: str, fault: Callable[[str], object]) -> dict[str, Any] | None:
    """A table that is passed on to a registry as JSON, or None where there is none or it is faulty."""
    value = table.get(key)
    if value is None:
        return None
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        fault(f"{key}: expected what JSON can say: no dates, no inf and no nan")
        return None
    if not isinstance(value, dict):
        fault(f"{key}: expected a table, as the registry's API has it")
        return None
    return value
