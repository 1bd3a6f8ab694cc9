"""What is wrong with a change of a contract: each finding with its place, what it breaks and what to do. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.contracts.compatibility import Direction, Rule, Violation, judge
from services.contracts.levels import Level
from services.contracts.schema import Schema
from services.contracts.source import JsonPath, Place
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


@dataclass(frozen=True)
class Finding:
    """A fault in a change of the contracts.

    Attributes:
        place: What to change.
        rule: A stable id.
        message: What is wrong and what to do.
        subjects: The subjects that it concerns.
        breaks: The versions or commits that it breaks; none where the fault is not about a version.
    """

    place: Place
    rule: str
    message: str
    subjects: tuple[str, ...]
    breaks: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The finding in one line."""
        breaks = f"breaks {', '.join(self.breaks)} of " if self.breaks else ""
        return f"{self.text} ({breaks}{', '.join(self.subjects)})"

    @property
    def text(self) -> str:
        """The finding without what it breaks."""
        return f"{self.place}: {self.rule} {self.message}"


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
    if violation.direction is Direction.BACKWARD:
        message = f"{found.message} (the reader is this schema)"
    elif found.rule is Rule.READER_FIELD_MISSING_DEFAULT:
        field = _at(old.schema, found.reader_path)["name"]
        message = f"the field {field!r} is gone, and older readers have no default for it: put it back"
    else:
        message = f"{found.message} (the writer is this schema)"
    return Finding(schema.where(violation.new_path), found.rule, message, (subject,), (old.label,))


def _at(schema: Any, path: JsonPath) -> Any:
    for key in path:
        schema = schema[key]
    return schema


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with those of the same text made one, which names every subject and every version."""
    result: dict[tuple[Place, str, str], Finding] = {}
    for finding in findings:
        key = finding.place, finding.rule, finding.message
        known = result.setdefault(key, finding)
        result[key] = replace(
            known, subjects=_union(known.subjects, finding.subjects), breaks=_union(known.breaks, finding.breaks)
        )
    return list(result.values())


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return first + tuple(item for item in second if item not in first)


def judge_level(topic: TopicContract, wanted: Level, old: Level | None, label: str) -> list[Finding]:
    """Whether a topic's level asks for less than it did: a change that lets every later change through."""
    if old is None or wanted.implies(old):
        return []
    message = f"the level is {wanted}, and {old} in {label}: a lower level lets changes through; keep {old}"
    return [Finding(topic.place, "LEVEL_LOWERED", message, (topic.subject,))]


def judge_removals(contracts: Contracts, old: Contracts, label: str) -> list[Finding]:
    """The topics whose values had a schema and have none now."""
    findings = []
    now = {topic.name: topic for topic in contracts.topics}
    for topic in old.governed:
        if topic.name not in now:
            message = f"the topic {topic.name} is in {label} and gone here: put it back, or retire its readers first"
            findings.append(Finding(Place(contracts.name, 1), "TOPIC_REMOVED", message, (topic.subject,)))
        elif now[topic.name].schema is None:
            message = f"the values of {topic.name} have a schema in {label} and are raw bytes here: name the schema"
            findings.append(Finding(now[topic.name].place, "SCHEMA_REMOVED", message, (topic.subject,)))
    return findings
