"""What registering the contracts would do, subject by subject, worked out before anything is changed."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.contracts.baselines import REFUSED_FIX, RegistryBaseline, check_schema
from services.contracts.levels import Level
from services.contracts.registry import ALL_VERSIONS, Registration, Registry
from services.contracts.reporting import Finding
from services.contracts.schema import Schema
from services.contracts.topics import Contracts
from services.contracts.wording import same_wording
from services.errors import PipelineError


@dataclass(frozen=True)
class Step:
    """What is to be done for one subject.

    Attributes:
        subject: The subject.
        schema: What it shall hold.
        level: The level that it shall have.
        level_before: The level that it has; None where none is set.
        registered: Where the schema is registered already; None where it is to be.
        latest: The latest version of the subject; 0 where there is none.
        kept_wording: Whether the registry takes the schema for one that differs in docs or aliases, and keeps that.
        findings: Why it must not be registered.
    """

    subject: str
    schema: Schema
    level: Level
    level_before: Level | None
    registered: Registration | None
    latest: int
    kept_wording: bool
    findings: tuple[Finding, ...]

    @property
    def changes_level(self) -> bool:
        """Whether the level is to be set."""
        return self.level is not self.level_before


def make_plan(contracts: Contracts, registry: Registry) -> list[Step]:
    """Look at every subject and judge what is to be registered; changes nothing."""
    baseline = RegistryBaseline(registry)
    return [
        _step(topic.subject, topic.schema, topic.compatibility, registry, baseline)
        for topic in contracts.governed
        if topic.schema and topic.compatibility
    ]


def _step(subject: str, schema: Schema, level: Level, registry: Registry, baseline: RegistryBaseline) -> Step:
    found = registry.find(subject, schema)
    versions = registry.versions(subject)
    kept = found is not None and not same_wording(schema.json, registry.version(subject, found.version).schema)
    return Step(
        subject=subject,
        schema=schema,
        level=level,
        level_before=registry.compatibility_level(subject),
        registered=found,
        latest=max(versions, default=0),
        kept_wording=kept,
        findings=() if found else tuple(check_schema(subject, schema, level, baseline)),
    )


def set_levels(steps: Iterable[Step], registry: Registry) -> list[Finding]:
    """Set the levels of the steps and ask the registry for its word at them; its no puts all levels back.

    A registry judges by the level that a subject has, so its word on the wanted one can only be had this way.

    Returns:
        What the registry refuses; if it is anything, nothing has changed.
    """
    changed: list[Step] = []
    refused: list[Finding] = []
    try:
        for step in steps:
            if step.changes_level:
                changed.append(step)
                registry.set_compatibility_level(step.subject, step.level)
        refused += [_refusal(step) for step in steps if _refuses(step, registry)]
    except PipelineError:
        put_levels_back(changed, registry)
        raise
    if refused:
        put_levels_back(changed, registry)
    return refused


def put_levels_back(steps: Iterable[Step], registry: Registry) -> None:
    """Undo `set_levels` for the steps that it changed."""
    for step in steps:
        if step.changes_level:
            registry.set_compatibility_level(step.subject, step.level_before)


def _refuses(step: Step, registry: Registry) -> bool:
    if step.registered or not step.latest:
        return False
    version = ALL_VERSIONS if step.level.transitive else "latest"
    return not registry.is_compatible(step.subject, step.schema, version)


def _refusal(step: Step) -> Finding:
    message = f"the registry refuses this schema at {step.level}, though no rule here says why"
    return Finding(step.schema.where(), "REFUSED_BY_REGISTRY", message, REFUSED_FIX, subjects=(step.subject,))
