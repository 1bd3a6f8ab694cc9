"""Breakages of a changed contract: each finding with its place, what it breaks and what to do. No I/O."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from avroguard.avro.names import definitions, field_at
from avroguard.avro.schema import Schema
from avroguard.changes.differences import differences
from avroguard.compatibility import Incompatibility, Node, Parser, directions_of, history_incompatibilities
from avroguard.config.inspection import Inspection
from avroguard.config.subjects import Contracts, SubjectContract
from avroguard.errors import ContractError
from avroguard.findings import Finding, merged
from avroguard.levels import Level
from avroguard.places import Place
from avroguard.rules import RULES, Severity
from avroguard.semantics import SemanticRule, semantic_changes


@dataclass(frozen=True)
class OldVersion:
    """A schema that is or was in use.

    Attributes:
        label: Its name in messages: ``v3``, ``git:main``, ``commit 1a2b3c4``.
        schema: The schema as plain JSON data.
        parser: The parser: one for all versions of a subject, so that their common parts are read once.
    """

    label: str
    schema: Any
    parser: Parser = field(default_factory=Parser, compare=False, repr=False)

    @cached_property
    def node(self) -> Node:
        """The schema, parsed once; raises ContractError if it is no Avro schema."""
        return self.parser.parse(self.schema)


@dataclass(frozen=True)
class Breakage:
    """One thing that a change of a schema breaks: what an explanation has to show.

    Attributes:
        old: The version that it breaks.
        new: The new schema as plain JSON data.
        level: The level of the check.
        change: The incompatibility, with its direction.
    """

    old: OldVersion
    new: Any
    level: Level
    change: Incompatibility


Explain = Callable[[Breakage], str]


@dataclass(frozen=True)
class CheckOptions:
    """Options of a check besides compatibility.

    Attributes:
        semantic: Severity of a change of meaning; None: it is not looked for.
        explain: Returns a finding's consequences as text; None: they are not shown.
    """

    semantic: Severity | None = Severity.ERROR
    explain: Explain | None = None


def find_breakages(
    subject: str, schema: Schema, history: Sequence[OldVersion], level: Level, options: CheckOptions
) -> list[Finding]:
    """Return the findings that keep a schema from following the versions before it.

    Args:
        subject: The subject that it would be registered under.
        schema: The schema.
        history: The versions before it, oldest first.
        level: The level to check at.
        options: The checks besides compatibility.

    Raises:
        ContractError: If one of the versions before it is no Avro schema.
    """
    counted = [old for old in (history if level.transitive else history[-1:]) if old.schema is not schema.json]
    if not counted:
        return []
    try:
        new = counted[-1].parser.parse(schema.json)
        changes = [*_incompatible(new, counted, level), *_changed(new, counted, level, options)]
        frozen = _frozen(subject, schema, counted[-1], changes) if level is Level.FROZEN else []
    except ContractError as error:
        labels = ", ".join(old.label for old in counted)
        raise ContractError(f"subject {subject}: can't compare {schema.path} with {labels}: {error}") from None
    breakages = (Breakage(old, schema.json, level, change) for old, change in changes)
    return merged([*(_finding(subject, schema, breakage, options) for breakage in breakages), *frozen])


def _frozen(subject: str, schema: Schema, old: OldVersion, known: Sequence["_Change"]) -> list[Finding]:
    """Return changes under FROZEN, docs and aliases aside, of places that no other finding names."""
    known_paths = {change.new_path for _, change in known}
    fix = "put it back: the level FROZEN lets docs and aliases change, and nothing else"
    return [
        Finding(
            schema.where(difference.new_path),
            "SCHEMA_FROZEN",
            f"{difference.part}: {difference.detail} ({difference.kind})",
            fix,
            subjects=(subject,),
            breaks=(old.label,),
            path=difference.new_path,
            field=field_at(schema.json, difference.new_path),
        )
        for difference in differences(old.schema, schema.json)
        if not difference.of_docs and difference.new_path not in known_paths
    ]


_Change = tuple[OldVersion, Incompatibility]


def _incompatible(new: Node, history: Sequence[OldVersion], level: Level) -> Iterator[_Change]:
    for incompatibility in history_incompatibilities(new, [old.node for old in history], level):
        yield history[incompatibility.version], incompatibility


def _changed(new: Node, history: Sequence[OldVersion], level: Level, options: CheckOptions) -> Iterator[_Change]:
    """The changes of meaning that no version before has made: what is deployed has been decided.

    A doc is compared with the latest version only: older ones say what was meant then.
    """
    if options.semantic is None or level is Level.NONE:
        return
    directions, nodes = directions_of(level), [old.node for old in history]
    for index, old in enumerate(history):
        changes = semantic_changes(old.node, new, directions, nodes)
        later = nodes[:index:-1] if changes else ()
        made_before = {
            _identity(change) for between in later for change in semantic_changes(old.node, between, directions, nodes)
        }
        for change in changes:
            if change.rule == SemanticRule.DOC_REMOVED and later:
                continue
            if _identity(change) not in made_before:
                yield old, change


def _identity(change: Incompatibility) -> tuple[object, ...]:
    """Return a key that is equal for the very same changes of an older version's meaning."""
    return change.rule, change.old_path, change.message


def _finding(subject: str, schema: Schema, breakage: Breakage, options: CheckOptions) -> Finding:
    change, path = breakage.change, breakage.change.new_path
    severity = RULES[change.rule].severity
    if change.is_semantic and options.semantic is Severity.WARNING:
        severity = Severity.WARNING
    return Finding(
        schema.where(path),
        change.rule,
        change.message,
        change.fix,
        severity,
        subjects=(subject,),
        breaks=(breakage.old.label,),
        path=path,
        field=field_at(schema.json, path),
        explanation=options.explain(breakage) if options.explain else "",
    )


def find_lowered_level(contract: SubjectContract, old: Level | None, label: str) -> list[Finding]:
    """Find a subject level that asks for less than before: a change that lets every later change through."""
    level = contract.compatibility
    if old is None or level.implies(old):
        return []
    message = f"the level is {level}, and {old} in {label}: a lower level lets changes through"
    return [Finding(contract.place, "LEVEL_LOWERED", message, f"keep {old}", subjects=(contract.subject,))]


def find_removed_subjects(here: Inspection, old: Contracts, label: str) -> list[Finding]:
    """The subjects that had a schema and have none now.

    Args:
        here: The contracts now.
        old: The contracts before.
        label: The name in messages of the contracts before.
    """
    contracts = here.contracts
    findings = []
    now = {topic.name: topic for topic in contracts.topics}
    gone: set[str] = set()
    for topic in old.governed:
        if topic.name not in now:
            message = f"the topic {topic.name} is in {label} and gone here"
            fix = "put it back, or retire its readers first"
            findings.append(Finding(Place(contracts.name, 1), "TOPIC_REMOVED", message, fix, subjects=(topic.subject,)))
            gone |= {contract.subject for contract in topic.subjects}
        elif now[topic.name].schema is None and f"{topic.name}-value" not in here.invalid:
            message = f"the values of {topic.name} have a schema in {label} and are raw bytes here"
            place = now[topic.name].place
            findings.append(Finding(place, "SCHEMA_REMOVED", message, "name the schema", subjects=(topic.subject,)))
            gone.add(topic.subject)
    present = {contract.subject for contract in contracts.subjects} | here.invalid.keys() | gone
    types = {name for contract in contracts.subjects for name in definitions(contract.schema.json)}
    present |= {contract.subject for contract in old.shared if contract.schema.name in types}
    dropped = [contract.subject for contract in old.subjects if contract.subject not in present]
    findings += [removed_schema(subject, label, Place(contracts.name, 1)) for subject in dropped]
    return findings


def removed_schema(subject: str, label: str, place: Place, hint: str = "") -> Finding:
    """Return the finding that a schema is gone.

    Args:
        subject: Its subject.
        label: The name in messages of the contracts that had it.
        place: The place to report.
        hint: Another way to mend it, for the end of the advice; empty for none.
    """
    message = f"the schema of {subject} is in {label} and gone here"
    fix = f"put it back, or retire what refers to it first{hint}"
    return Finding(place, "SCHEMA_REMOVED", message, fix, subjects=(subject,))


def new_schema(contract: SubjectContract, label: str) -> Finding:
    """Return the finding that a subject is not in the baseline at all."""
    message = f"{contract.subject} is new in comparison with {label}: nothing to compare with"
    place, subjects = contract.schema.where(), (contract.subject,)
    return Finding(place, "SCHEMA_NEW", message, severity=Severity.NOTE, subjects=subjects)
