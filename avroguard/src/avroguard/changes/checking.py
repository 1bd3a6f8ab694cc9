"""Check of the contracts as a change of a baseline, and of what could not be compared with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from avroguard.changes.baselines import Baseline
from avroguard.changes.breakages import CheckOptions, find_breakages, find_lowered_level
from avroguard.config.projects import Project
from avroguard.config.subjects import Contracts, SubjectContract
from avroguard.findings import Finding
from avroguard.levels import Level
from avroguard.places import Place
from avroguard.rules import RULES, Family, Severity

REFUSED_FIX = "ask the registry's log for its reason"
_LISTED = 5  # files that a message names


@dataclass(frozen=True)
class CheckRequest:
    """Options of a check.

    Attributes:
        level: The level to check at; None: each subject's own.
        all_versions: Whether every earlier version counts, also at a plain level.
        options: The checks besides compatibility.
    """

    level: Level | None = None
    all_versions: bool = False
    options: CheckOptions = field(default_factory=CheckOptions)


@dataclass(frozen=True)
class CheckResult:
    """Result of a check.

    Attributes:
        findings: The faults, and the subjects that were not compared.
        compared: The subjects that were compared with at least one version.
        repaired: The subjects whose only version before was no schema: no reader and no writer can have it.
        changed: The levels at which schemas were checked that differ from the version before.
    """

    findings: tuple[Finding, ...]
    compared: tuple[str, ...]
    repaired: tuple[str, ...] = ()
    changed: frozenset[Level] = frozenset()


def check_project(
    project: Project, subjects: Sequence[SubjectContract], baseline: Baseline, request: CheckRequest
) -> CheckResult:
    """Check the schemas of a project, and tell what is wrong with them now and what is not compared.

    Args:
        project: The schemas.
        subjects: The subjects to check.
        baseline: The contracts that they are compared with.
        request: The options of the check.
    """
    contracts = project.inspection.contracts
    result = check_contracts(contracts, subjects, baseline, request)
    findings = [*result.findings]
    if len(subjects) == len(contracts.subjects):
        findings = [*_faults(project, baseline), *findings, *_outside(project, baseline)]
    return replace(result, findings=tuple(findings))


def _faults(project: Project, baseline: Baseline) -> Iterator[Finding]:
    """Return today's faults; a file that no contracts name and that was faulty before is no reason to fail."""
    for file, faults in project.inspection.invalid.items():
        if project.discovered and baseline.has_same_fault(file):
            message = f"no schema, neither here nor in {baseline.label}: {faults[0].message}"
            yield Finding(faults[0].place, "NOT_COMPARED", message, severity=Severity.WARNING, subjects=(file,))
        elif project.discovered:
            yield from faults
    if not project.discovered:
        yield from project.inspection.faults


def _outside(project: Project, baseline: Baseline) -> Iterator[Finding]:
    """The schemas of the repository that are not looked at."""
    if project.unnamed and not baseline.has_files:
        count = len(project.unnamed)
        files = ", ".join(project.unnamed[:_LISTED]) + (", ..." if count > _LISTED else "")
        message = f"{count} schema file{'' if count == 1 else 's'} not compared, as no table here names them: {files}"
        place = Place(project.inspection.contracts.name, 1)
        yield Finding(place, "NOT_COMPARED", message, "name them, or move them away", Severity.NOTE)
    if project.apart and project.alone and not project.discovered:
        message = f"what has contracts of its own is not checked: {', '.join(project.apart)}"
        place = Place(project.inspection.contracts.name, 1)
        yield Finding(place, "NOT_COMPARED", message, "run avroguard there as well", Severity.NOTE)
    for module, count in project.submodules.items():
        schemas = f"its {count} schema file{'' if count == 1 else 's'}" if count else "what is in it"
        message = f"{module} is a submodule, a repository of its own: {schemas} not compared"
        fix = f"run avroguard check in {module}"
        yield Finding(Place(module, 1), "NOT_COMPARED", message, fix, Severity.WARNING)


def check_contracts(
    contracts: Contracts, subjects: Sequence[SubjectContract], baseline: Baseline, request: CheckRequest
) -> CheckResult:
    """Check each subject on its own against the baseline.

    Args:
        contracts: All contracts.
        subjects: The subjects to check; dropped subjects are looked for only if these are all.
        baseline: The contracts that they are compared with.
        request: The options of the check.
    """
    findings = baseline.removals() if len(subjects) == len(contracts.subjects) else []
    compared, repaired = [], []
    changed: set[Level] = set()
    for contract in subjects:
        if request.level is None:
            findings += find_lowered_level(contract, baseline.level(contract.subject), baseline.label)
        level = request.level or contract.compatibility
        level = level.of_all_versions if request.all_versions else level
        if level is Level.NONE:
            findings.append(_not_compared(contract, "its level is NONE, which lets every change pass"))
            continue
        history = baseline.history(contract, whole=level.transitive)
        broken = baseline.was_broken(contract)
        if broken or not history:
            findings.append(baseline.absence(contract))
        if history:
            findings += check_schema(contract, level, baseline, request.options)
            compared.append(contract.subject)
            changed |= {level} if history[-1].schema != contract.schema.json else set()
        elif broken:
            repaired.append(contract.subject)
    return CheckResult(tuple(findings), tuple(compared), tuple(repaired), frozenset(changed))


def _not_compared(contract: SubjectContract, why: str) -> Finding:
    message = f"{contract.subject} was not compared: {why}"
    subjects = (contract.subject,)
    return Finding(contract.place, "NOT_COMPARED", message, severity=Severity.NOTE, subjects=subjects)


def check_schema(contract: SubjectContract, level: Level, baseline: Baseline, options: CheckOptions) -> list[Finding]:
    """Check one schema against the baseline's versions at a level, and against the baseline's own answer."""
    subject, schema = contract.subject, contract.schema
    history = baseline.history(contract, whole=level.transitive)
    findings = find_breakages(subject, schema, history, level, options)
    compatible = not any(RULES[finding.rule].family is Family.COMPATIBILITY for finding in findings)
    if compatible and history and baseline.refuses(subject, schema, level.in_registry):
        message = f"{baseline.label} refuses this schema at its present level, though no rule here says why"
        findings.append(Finding(schema.where(), "REFUSED_BY_REGISTRY", message, REFUSED_FIX, subjects=(subject,)))
    return findings
