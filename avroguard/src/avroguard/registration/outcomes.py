"""What becomes of each subject when contracts are registered: foreseen, or done."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from avroguard.errors import ContractError
from avroguard.findings import Finding
from avroguard.registration.canonical_form import same_content
from avroguard.registration.metadata_and_rules import extras_differ
from avroguard.registration.plan import Step, refusal_in_a_word
from avroguard.registry.client import Registry


@dataclass(frozen=True)
class Outcome:
    """One subject.

    Attributes:
        step: What was planned.
        status: What became of it, in a word or two: ``NEW``, ``UNCHANGED``, ``SKIPPED``.
        version: The version that has the schema, or will have; None where it is refused or skipped.
        id: The id of the schema; None where it is not registered.
        notes: What else is to be known, each in a few words.
    """

    step: Step
    status: str
    version: int | None = None
    id: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The subject."""
        return self.step.subject

    def __str__(self) -> str:
        """The outcome in a line: ``CHANGED v2 id 7, docs or aliases alone``."""
        version = "" if self.version is None else f" v{self.version}"
        return ", ".join([f"{self.status}{version}{'' if self.id is None else f' id {self.id}'}", *self.notes])

    def as_json(self) -> dict[str, Any]:
        """The outcome for programs."""
        return {
            "subject": self.subject,
            "status": self.status,
            "version": self.version,
            "id": self.id,
            "latest_before": self.step.latest or None,
            "level": self.step.level,
            "level_before": self.step.level_before,
            "notes": self.notes,
        }


def preview(step: Step) -> Outcome:
    """What `apply` would do."""
    if step.registers:
        return Outcome(step, step.status, step.latest + 1, notes=_notes(step))
    return _left(step)


def apply(step: Step, registry: Registry) -> Outcome:
    """Register the schema where it is to be, and look at what the registry holds then.

    Raises:
        ContractError: If the registry refuses it, or holds something else.
    """
    if not step.registers:
        return _left(step)
    contract = step.contract
    found = registry.register(step.subject, step.schema, metadata=contract.metadata, rule_set=contract.rule_set)
    if found.version <= step.latest:
        raise ContractError(
            f"subject {step.subject}: the registry took {step.schema.path} for v{found.version}, which it already had"
        )
    held = registry.version(step.subject, found.version)
    if not step.dropped_extras and extras_differ(contract, held):
        raise ContractError(
            f"subject {step.subject}: the registry did not keep the metadata or rules of v{found.version}"
        )
    registry_keeps_docs = not same_content(step.schema.json, held.schema)
    return Outcome(step, step.status, found.version, found.id, _notes(step, registry_keeps_docs=registry_keeps_docs))


def skip(step: Step, findings: Iterable[Finding]) -> Outcome:
    """What becomes of a subject where something is refused: nothing."""
    refusals = [finding for finding in findings if finding.fails and step.subject in finding.subjects]
    if refusals:
        return Outcome(step, refusal_in_a_word(refusals[0]))
    return Outcome(step, "SKIPPED") if step.changes else Outcome(step, "UNCHANGED")


def _left(step: Step) -> Outcome:
    registered = step.registered
    version, id_ = (registered.version, registered.id) if registered else (None, None)
    return Outcome(step, step.status, version, id_, _notes(step))


def _notes(step: Step, *, registry_keeps_docs: bool = False) -> tuple[str, ...]:
    notes = []
    if step.rolls_back:
        notes.append(f"the latest is v{step.latest}")
    if step.docs_only:
        notes.append("docs or aliases alone")
    if step.registry_keeps_docs or registry_keeps_docs:
        notes.append("the registry keeps its docs and aliases, which differ from the file's")
    if step.dropped_extras:
        notes.append("the registry keeps no metadata and no rules: those of the contract are not in it")
    if step.new_extras:
        notes.append("new metadata or rules")
    if step.changes_level:
        notes.append(f"level {step.level_before} -> {step.level}" if step.level_before else f"level {step.level}")
    return tuple(notes)
