"""Outcomes of registering contracts, subject by subject: previewed, applied, skipped or stopped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from avroguard.avro.canonical_form import same_content
from avroguard.errors import ContractError, FatalError
from avroguard.findings import Finding
from avroguard.registration.metadata_and_rules import METADATA, RULES, missing_extras
from avroguard.registration.plan import Step, refusal_in_a_word
from avroguard.registry.client import Registry

_SHOWN = {METADATA: "metadata", RULES: "rules"}
_NOT_KEPT = {
    METADATA: "the registry did not keep the metadata of the contract as they are",
    RULES: "the registry dropped the rules of the contract, as Confluent's Community edition does",
}


@dataclass(frozen=True)
class Outcome:
    """One subject.

    Attributes:
        step: The plan.
        status: The result, in a word or two: ``NEW``, ``UNCHANGED``, ``SKIPPED``.
        version: The version that has the schema, or will have; None where it is refused or skipped.
        id: The id of the schema; None where it is not registered.
        notes: Further facts, each in a few words.
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
    """Return the outcome that `apply` would have."""
    if step.registers:
        return Outcome(step, step.status, step.latest + 1, notes=_notes(step, new_extras=step.missing_extras))
    return _unregistered(step)


def register_step(step: Step, registry: Registry) -> Outcome:
    """Register the schema if the plan says so, and read back what the registry stored.

    Raises:
        ContractError: If the registry refuses it, or takes it for a version that it already had.
    """
    if not step.registers:
        return _unregistered(step)
    contract = step.contract
    registration = registry.register(step.subject, step.schema, metadata=contract.metadata, rule_set=contract.rule_set)
    new = registration.version > step.latest
    if not new and step.registered is None:
        raise ContractError(
            f"subject {step.subject}: the registry took {step.schema.path} for v{registration.version}, "
            "which it already had"
        )
    stored = registry.version(step.subject, registration.version)
    missing = () if step.dropped_extras else missing_extras(contract, stored, registry)
    notes = _notes(
        step,
        registry_keeps_docs=not same_content(step.schema.json, stored.schema),
        new_extras=tuple(name for name in step.missing_extras if name not in missing),
        missing=missing,
    )
    status = step.status if new or step.changes_level else "UNCHANGED"
    return Outcome(step, status, registration.version, registration.id, notes)


def skip(step: Step, findings: Iterable[Finding]) -> Outcome:
    """Return the outcome for a subject of a run in which something is refused."""
    refusals = [finding for finding in findings if finding.fails and step.subject in finding.subjects]
    if refusals:
        return Outcome(step, refusal_in_a_word(refusals[0]))
    return Outcome(step, "SKIPPED") if step.changes else Outcome(step, "UNCHANGED")


def failed(step: Step, error: BaseException) -> Outcome:
    """Return the outcome for the subject at which a run stops."""
    unknown = step.registers and not isinstance(error, FatalError)
    return Outcome(step, "FAILED", notes=("the registry may have taken it all the same: run again",) if unknown else ())


def not_done(step: Step) -> Outcome:
    """Return the outcome for a subject that a stopped run does not come to."""
    return Outcome(step, "NOT DONE") if step.changes else _unregistered(step)


def _unregistered(step: Step) -> Outcome:
    registered = step.registered
    version, id_ = (registered.version, registered.id) if registered else (None, None)
    return Outcome(step, step.status, version, id_, _notes(step))


def _notes(
    step: Step,
    *,
    registry_keeps_docs: bool = False,
    new_extras: Sequence[str] = (),
    missing: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return further facts about a subject.

    Args:
        step: The plan.
        registry_keeps_docs: Whether the registry kept other docs or aliases than were sent.
        new_extras: Names of the metadata or rules that are new.
        missing: Names of the metadata or rules that the registry did not keep.
    """
    notes = []
    if step.rolls_back:
        notes.append(f"the latest is v{step.latest}")
    if step.docs_only:
        notes.append("docs or aliases alone")
    if step.registry_keeps_docs or registry_keeps_docs:
        notes.append("the registry keeps its docs and aliases, which differ from the file's")
    if step.dropped_extras:
        notes.append("the registry keeps no metadata and no rules: those of the contract are not in it")
    if new_extras:
        notes.append(f"new {' and '.join(_SHOWN[name] for name in new_extras)}")
    notes += [_NOT_KEPT[name] for name in missing]
    if step.changes_level:
        notes.append(f"level {step.level_before} -> {step.level}" if step.level_before else f"level {step.level}")
    return tuple(notes)
