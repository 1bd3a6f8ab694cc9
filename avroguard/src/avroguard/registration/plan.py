"""The plan of registering contracts, subject by subject, made before anything is changed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from avroguard.avro.canonical_form import same_but_docs, same_content
from avroguard.avro.schema import Schema
from avroguard.changes.breakages import CheckOptions
from avroguard.changes.checking import check_schema
from avroguard.changes.registry_baseline import RegistryBaseline
from avroguard.config.subjects import SubjectContract
from avroguard.findings import Finding
from avroguard.levels import Level
from avroguard.registration.metadata_and_rules import expected_extras, extras_of, missing_extras
from avroguard.registry.client import RegisteredSchema, Registration, Registry
from avroguard.registry.replies import quoted
from avroguard.rules import RULES, Family, Severity

_WORDS = {"ROLLBACK": "ROLLBACK", "LOCK_DIFFERS": "LOCKED", "READ_ONLY": "READ ONLY"}


@dataclass(frozen=True)
class Step:
    """The plan for one subject.

    Attributes:
        contract: The contract of the subject.
        level_before: The level that it has; None where none is set.
        registered: The version that has the schema already; None where it is to be registered.
        latest: The latest version of the subject; 0 where there is none.
        docs_only: Whether the schema to be registered differs from the latest version in docs and aliases alone.
        registry_keeps_docs: Whether the registry holds the schema with other docs or aliases, and keeps those.
        missing_extras: Keys of ``metadata`` and ``ruleSet`` that the registered version has otherwise than the contract
            asks for, where the registry keeps them.
        dropped_extras: Whether the registry keeps no metadata and no rules, though the contract has some.
        findings: Its findings, warnings and waived ones included.
    """

    contract: SubjectContract
    level_before: Level | None
    registered: Registration | None
    latest: int
    docs_only: bool
    registry_keeps_docs: bool
    missing_extras: tuple[str, ...]
    dropped_extras: bool
    findings: tuple[Finding, ...]

    @property
    def subject(self) -> str:
        """The subject."""
        return self.contract.subject

    @property
    def schema(self) -> Schema:
        """The contract's schema."""
        return self.contract.schema

    @property
    def level(self) -> Level:
        """The level to be set."""
        return self.contract.compatibility.in_registry

    @property
    def changes_level(self) -> bool:
        """Return whether the level is to be set."""
        return self.level is not self.level_before

    @property
    def registers(self) -> bool:
        """Return whether a version is to be registered."""
        return self.registered is None or bool(self.missing_extras)

    @property
    def rolls_back(self) -> bool:
        """Return whether the schema is a version that is not the latest."""
        return self.registered is not None and self.registered.version < self.latest

    @property
    def status(self) -> str:
        """The plan in a word."""
        if self.refused:
            return refusal_in_a_word(self.refused[0])
        if self.latest == 0:
            return "NEW"
        if self.rolls_back:
            return "ROLLBACK"
        return "CHANGED" if self.changes else "UNCHANGED"

    @property
    def refused(self) -> tuple[Finding, ...]:
        """Return the reasons why it must not be registered; empty where it may be."""
        return tuple(finding for finding in self.findings if finding.fails)

    @property
    def changes(self) -> bool:
        """Return whether anything is to be done."""
        return self.registers or self.changes_level


def refusal_in_a_word(finding: Finding) -> str:
    """Return why a subject is not registered, in a word or two."""
    if RULES[finding.rule].family is Family.SEMANTICS:
        return "OTHER MEANING"
    return _WORDS.get(finding.rule, "INCOMPATIBLE")


def make_plan(
    contracts: Iterable[SubjectContract],
    registry: Registry,
    *,
    allow_rollback: bool = False,
    semantic: Severity | None = Severity.ERROR,
) -> list[Step]:
    """Compare every subject with the registry and plan what is to be registered; changes nothing.

    Args:
        contracts: The subjects, each after those that it refers to.
        registry: The registry that they are registered in.
        allow_rollback: Whether a schema may be an older version.
        semantic: Severity of a change of meaning; None: it is not looked for.
    """
    chosen = list(contracts)
    keeps_extras = any(map(extras_of, chosen)) and registry.keeps_metadata()
    planner = _Planner(
        registry, RegistryBaseline(registry, chosen), keeps_extras, allow_rollback, CheckOptions(semantic)
    )
    return [planner.step(contract) for contract in chosen]


@dataclass(frozen=True)
class _Planner:
    """Looks at one subject after the other."""

    registry: Registry
    baseline: RegistryBaseline
    keeps_extras: bool
    allow_rollback: bool
    options: CheckOptions

    def step(self, contract: SubjectContract) -> Step:
        """Return the plan for a subject."""
        planned = self._planned(contract)
        if planned.changes and not planned.refused:
            return replace(planned, findings=(*planned.findings, *self._read_only(contract)))
        return planned

    def _planned(self, contract: SubjectContract) -> Step:
        subject, schema, registry = contract.subject, contract.schema, self.registry
        latest = max(registry.versions(subject), default=0)
        newest = registry.version(subject, latest) if latest else None
        stored = newest if newest is None or newest.holds(schema) else self._stored(contract, newest)
        missing: tuple[str, ...] = ()
        if stored and stored.version == latest and self.keeps_extras:
            missing = missing_extras(contract, stored, registry)
        if missing:
            older = registry.look_up(subject, schema, expected_extras(contract, registry))
            if older and older.version < latest:  # registering would come back to it
                stored, missing = registry.version(subject, older.version), ()
        return Step(
            contract=contract,
            level_before=registry.compatibility_level(subject),
            registered=stored.registration if stored else None,
            latest=latest,
            docs_only=newest is not None and stored is None and same_but_docs(schema.json, newest.schema),
            registry_keeps_docs=stored is not None and not same_content(schema.json, stored.schema),
            missing_extras=missing,
            dropped_extras=bool(extras_of(contract)) and not self.keeps_extras,
            findings=tuple(self._findings(contract, stored, latest)),
        )

    def _stored(self, contract: SubjectContract, newest: RegisteredSchema) -> RegisteredSchema | None:
        """Return the version that the registry takes the contract's schema for, if any."""
        match = self.registry.look_up(contract.subject, contract.schema)
        if match is None or match.version == newest.version:
            return newest if match else None
        return self.registry.version(contract.subject, match.version)

    def _findings(self, contract: SubjectContract, stored: RegisteredSchema | None, latest: int) -> Sequence[Finding]:
        if stored is None:
            return check_schema(contract, contract.compatibility, self.baseline, self.options)
        if stored.version < latest and not self.allow_rollback:
            return [_rollback(contract, stored.version, latest)]
        return ()

    def _read_only(self, contract: SubjectContract) -> Iterator[Finding]:
        """Return whether the registry lets no client change the subject."""
        subject, mode = contract.subject, self.registry.mode(contract.subject)
        if mode not in (None, "READWRITE"):
            message = f"the registry at {self.registry} has {subject} in mode {mode}: it is not to be changed"
            fix = f"find out why, then set the mode READWRITE (PUT /mode/{quoted(subject)})"
            yield Finding(contract.place, "READ_ONLY", message, fix, subjects=(subject,))


def _rollback(contract: SubjectContract, version: int, latest: int) -> Finding:
    what = "this schema with these metadata and rules" if extras_of(contract) else "this schema"
    message = f"the registry has {what} as v{version}, but v{latest} is the latest, and would stay so"
    fix = "bring the file up to date, or allow it with --allow-rollback where older services are to run again"
    return Finding(contract.schema.where(), "ROLLBACK", message, fix, subjects=(contract.subject,))
