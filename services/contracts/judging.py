"""What is wrong with a change of a contract: each finding with its place, what it breaks and what to do. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.contracts.compatibility import Direction, Rule, Violation, judge
from services.contracts.levels import Level
from services.contracts.reporting import Finding, merged
from services.contracts.schema import Schema
from services.contracts.source import JsonPath, Place
from services.contracts.syntax import field_at
from services.contracts.topics import Contracts, TopicContract
from services.errors import ContractError


@dataclass(frozen=True)
class OldVersion:
    """A schema that is or was in use.

    Attributes:
        label: What to call it: ``v3``, ``git:main``.
        schema: The schema as plain JSON data.
    """

    label: str
    schema: Any


def judge_schema(subject: str, schema: Schema, history: Sequence[OldVersion], level: Level) -> list[Finding]:
    """What keeps a schema from following the versions before it.

    Args:
        subject: The subject that it would be registered under.
        schema: The schema.
        history: The versions before it, oldest first.
        level: What is asked.

    Raises:
        ContractError: If one of the versions before it is no Avro schema.
    """
    try:
        violations = judge(schema.json, [old.schema for old in history], level)
    except ContractError as error:
        labels = ", ".join(old.label for old in history)
        raise ContractError(f"subject {subject}: can't compare {schema.path} with {labels}: {error}") from None
    return merged(_finding(subject, schema, history[violation.version], violation) for violation in violations)


def _finding(subject: str, schema: Schema, old: OldVersion, violation: Violation) -> Finding:
    found = violation.incompatibility
    path = violation.new_path
    if violation.direction is Direction.BACKWARD:
        message, fix = f"{found.message} (the reader is this schema)", found.fix
    elif found.rule is Rule.READER_FIELD_MISSING_DEFAULT:
        name = _at(old.schema, found.reader_path)["name"]
        message, fix = f"the field {name!r} is gone, and older readers have no default for it", "put it back"
    else:
        message, fix = f"{found.message} (the writer is this schema)", found.fix
    return Finding(
        schema.where(path),
        found.rule,
        message,
        fix,
        subjects=(subject,),
        breaks=(old.label,),
        path=path,
        field=field_at(schema.json, path),
    )


def _at(schema: Any, path: JsonPath) -> Any:
    for key in path:
        schema = schema[key]
    return schema


def judge_level(topic: TopicContract, wanted: Level, old: Level | None, label: str) -> list[Finding]:
    """Whether a topic's level asks for less than it did: a change that lets every later change through."""
    if old is None or wanted.implies(old):
        return []
    message = f"the level is {wanted}, and {old} in {label}: a lower level lets changes through"
    return [Finding(topic.place, "LEVEL_LOWERED", message, f"keep {old}", subjects=(topic.subject,))]


def judge_removals(contracts: Contracts, old: Contracts, label: str) -> list[Finding]:
    """The topics whose values had a schema and have none now."""
    findings = []
    now = {topic.name: topic for topic in contracts.topics}
    for topic in old.governed:
        if topic.name not in now:
            message = f"the topic {topic.name} is in {label} and gone here"
            fix = "put it back, or retire its readers first"
            findings.append(Finding(Place(contracts.name, 1), "TOPIC_REMOVED", message, fix, subjects=(topic.subject,)))
        elif now[topic.name].schema is None:
            message = f"the values of {topic.name} have a schema in {label} and are raw bytes here"
            place = now[topic.name].place
            findings.append(Finding(place, "SCHEMA_REMOVED", message, "name the schema", subjects=(topic.subject,)))
    return findings
