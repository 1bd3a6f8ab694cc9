"""What registering the contracts would do, subject by subject, worked out before anything is changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.contracts.changes.baselines import REFUSED_FIX, check_schema
from services.contracts.changes.judging import Tiers
from services.contracts.changes.registry_baseline import RegistryBaseline
from services.contracts.definition.schema import Schema
from services.contracts.definition.subjects import SubjectContract
from services.contracts.levels import Level
from services.contracts.registration.wording import same_but_docs, same_wording
from services.contracts.registry.client import ALL_VERSIONS, RegisteredSchema, Registration, Registry
from services.contracts.reporting import Finding
from services.errors import PipelineError

_RULE_DEFAULTS = {"kind": "TRANSFORM", "mode": "WRITEREAD"}


@dataclass(frozen=True)
class Step:
    """What is to be done for one subject.

    Attributes:
        contract: What the subject shall hold.
        level_before: The level that it has; None where none is set.
        registered: Where the schema is registered already; None where it is to be.
        latest: The latest version of the subject; 0 where there is none.
        docs_only: Whether the schema to be registered differs from the latest version in docs and aliases alone.
        kept_wording: Whether the registry takes the schema for one that differs in docs or aliases, and keeps that.
        new_extras: Whether metadata or rules are to be registered that the registered version lacks.
        dropped_extras: Whether the registry keeps no metadata and no rules, though the contract has some.
        findings: Why it must not be registered.
    """

    contract: SubjectContract
    level_before: Level | None
    registered: Registration | None
    latest: int
    docs_only: bool
    kept_wording: bool
    new_extras: bool
    dropped_extras: bool
    findings: tuple[Finding, ...]

    @property
    def subject(self) -> str:
        """The subject."""
        return self.contract.subject

    @property
    def schema(self) -> Schema:
        """What it shall hold."""
        return self.contract.schema

    @property
    def level(self) -> Level:
        """The level that it shall have."""
        return self.contract.compatibility

    @property
    def changes_level(self) -> bool:
        """Whether the level is to be set."""
        return self.level is not self.level_before

    @property
    def registers(self) -> bool:
        """Whether a version is to be registered."""
        return self.registered is None or self.new_extras

    @property
    def rolls_back(self) -> bool:
        """Whether the schema is a version that is not the latest."""
        return self.registered is not None and self.registered.version < self.latest

    @property
    def status(self) -> str:
        """The plan in a word."""
        if self.findings:
            return "ROLLBACK" if self.rolls_back else "INCOMPATIBLE"
        if self.latest == 0:
            return "NEW"
        if self.rolls_back:
            return "ROLLBACK"
        return "CHANGED" if self.changes else "UNCHANGED"

    @property
    def changes(self) -> bool:
        """Whether anything is to be done."""
        return self.registers or self.changes_level


def make_plan(contracts: Iterable[SubjectContract], registry: Registry, *, allow_rollback: bool = False) -> list[Step]:
    """Look at every subject and judge what is to be registered; changes nothing.

    Args:
        contracts: The subjects, each after those that it refers to.
        registry: Where they are to be registered.
        allow_rollback: Whether a schema may be an older version.
    """
    chosen = list(contracts)
    has_extras = any(contract.metadata is not None or contract.rule_set is not None for contract in chosen)
    keeps_extras = has_extras and registry.keeps_metadata()
    baseline = RegistryBaseline(registry)
    return [_step(contract, registry, baseline, keeps_extras, allow_rollback) for contract in chosen]


def _step(
    contract: SubjectContract, registry: Registry, baseline: RegistryBaseline, keeps_extras: bool, allow_rollback: bool
) -> Step:
    subject, schema = contract.subject, contract.schema
    found = registry.find(subject, schema)
    latest = max(registry.versions(subject), default=0)
    newest = registry.version(subject, latest) if latest else None
    if newest and (found is None or found.version < latest) and _is(newest, schema):
        found = Registration(subject, newest.version, newest.id)
    held = newest if found and found.version == latest else registry.version(subject, found.version) if found else None
    before = None if found else newest
    differ = held is None or extras_differ(contract, held)
    findings: Sequence[Finding] = ()
    if held is None:
        findings = check_schema(contract, contract.compatibility, baseline, Tiers(semantic=None))
    elif held.version < latest and not allow_rollback:
        findings = [_rollback(contract, held.version, latest)]
    return Step(
        contract=contract,
        level_before=registry.compatibility_level(subject),
        registered=found,
        latest=latest,
        docs_only=before is not None and same_but_docs(schema.json, before.schema),
        kept_wording=held is not None and not same_wording(schema.json, held.schema),
        new_extras=held is not None and differ and keeps_extras,
        dropped_extras=bool(_extras(contract)) and not keeps_extras,
        findings=tuple(findings),
    )


def _is(held: RegisteredSchema, schema: Schema) -> bool:
    """Whether a version is this schema: a lookup may find an older one, or none, for the sake of metadata alone."""
    return not schema.references and not held.references and same_wording(held.schema, schema.json)


def _extras(contract: SubjectContract) -> Mapping[str, Any]:
    extras = {"metadata": contract.metadata, "ruleSet": contract.rule_set}
    return {name: value for name, value in extras.items() if value is not None}


def extras_differ(contract: SubjectContract, held: RegisteredSchema) -> bool:
    """Whether a version lacks metadata or rules that the contract asks for; what it has besides does not count."""
    present = {"metadata": held.metadata, "ruleSet": held.rule_set}
    return any(_filled(present[name]) != _filled(value) for name, value in _extras(contract).items())


def _filled(extras: Any) -> Any:
    """Metadata or rules as Confluent's registry would write them, without what is empty, null or false.

    It sorts what is a set to it, and gives each rule a kind and a mode: its client's ``entities/Rule.java``.
    """
    match extras:
        case {"name": str(), "type": str()}:
            extras = _RULE_DEFAULTS | {key: value for key, value in extras.items() if value is not None}
        case list():
            items = [_filled(item) for item in extras]
            return sorted(items) if all(isinstance(item, str) for item in items) else items
    if isinstance(extras, dict):
        return {key: filled for key, value in extras.items() if (filled := _filled(value))}
    return extras


def _rollback(contract: SubjectContract, version: int, latest: int) -> Finding:
    message = f"the registry has this schema as v{version}, but v{latest} is the latest, and would stay so"
    fix = "bring the file up to date, or allow it with --allow-rollback where older services are to run again"
    return Finding(contract.schema.where(), "ROLLBACK", message, fix, subjects=(contract.subject,))


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
    except PipelineError as error:
        put_levels_back(changed, registry, error)
        raise
    if refused:
        put_levels_back(changed, registry)
    return refused


def put_levels_back(steps: Iterable[Step], registry: Registry, why: PipelineError | None = None) -> None:
    """Undo `set_levels` for the steps that it changed, as far as the registry lets us.

    Args:
        steps: The steps.
        registry: Where the levels were set.
        why: What went wrong before, if anything did.

    Raises:
        PipelineError: If a level could not be put back: of the kind of what went wrong first, with a line for each.
    """
    left = []
    first = why
    for step in steps:
        if step.changes_level:
            try:
                registry.set_compatibility_level(step.subject, step.level_before)
            except PipelineError as error:
                first = first or error
                before = step.level_before or "unset"
                left.append(f"subject {step.subject}: the level, {before} before, may be left as {step.level}: {error}")
    if first and left:
        raise type(first)("\n".join([str(why), *left] if why else left)) from first


def _refuses(step: Step, registry: Registry) -> bool:
    if step.registered or not step.latest:
        return False
    version = ALL_VERSIONS if step.level.transitive else "latest"
    return not registry.is_compatible(step.subject, step.schema, version)


def _refusal(step: Step) -> Finding:
    message = f"the registry refuses this schema at {step.level}, though no rule here says why"
    return Finding(step.schema.where(), "REFUSED_BY_REGISTRY", message, REFUSED_FIX, subjects=(step.subject,))
