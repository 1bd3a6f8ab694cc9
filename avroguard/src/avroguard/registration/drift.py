"""Differences between what a registry holds and what the contracts say, in both directions; changes nothing."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from avroguard.avro.canonical_form import same_content
from avroguard.config.subjects import SubjectContract
from avroguard.config.topics import Contracts
from avroguard.findings import Finding
from avroguard.places import Place
from avroguard.registration.metadata_and_rules import missing_extras
from avroguard.registry.client import RegisteredSchema, Registry
from avroguard.rules import Severity


def drift(
    contracts: Contracts, chosen: Iterable[SubjectContract], registry: Registry, *, ignored: Iterable[str] | None
) -> list[Finding]:
    """Return what is in the contracts and not in the registry, or the other way round, or different.

    Args:
        contracts: All contracts.
        chosen: The subjects to look at.
        registry: The registry that should have them.
        ignored: Patterns (``*`` and ``?``) of subjects that may be in the registry alone; None: don't look for any.
    """
    findings = [finding for contract in chosen for finding in _subject(contract, registry)]
    if ignored is not None:
        findings += _extra(contracts, registry, list(ignored))
    return findings


def _subject(contract: SubjectContract, registry: Registry) -> Iterator[Finding]:
    subject, schema, place = contract.subject, contract.schema, contract.place
    versions = registry.versions(subject)
    if not versions:
        message = f"the registry at {registry} has no subject {subject}"
        yield _finding(place, "NOT_REGISTERED", message, "run avroguard register", subject)
        return
    latest = registry.version(subject)
    match = latest.registration if latest.holds(schema) else registry.look_up(subject, schema)
    if match is None:
        message = f"the registry at {registry} has another schema as the latest version, v{latest.version}"
        fix = "run avroguard register if the file is right, avroguard pull if the registry is"
        yield _finding(schema.where(), "NOT_REGISTERED", message, fix, subject)
    elif match.version != latest.version:
        message = f"the file is v{match.version} in the registry at {registry}, where v{latest.version} is the latest"
        fix = "bring the file up to date: avroguard pull"
        yield _finding(schema.where(), "NOT_THE_LATEST", message, fix, subject)
    else:
        yield from _not_kept(contract, latest, registry)
    level = registry.compatibility_level(subject)
    expected = contract.compatibility.in_registry
    if level is not expected:
        message = f"the registry at {registry} has the level {level or 'of its own'}, not {expected}"
        yield _finding(place, "LEVEL_DIFFERS", message, "run avroguard register", subject)


def _not_kept(contract: SubjectContract, latest: RegisteredSchema, registry: Registry) -> Iterator[Finding]:
    """Yield what a registry holds otherwise in a version that it takes for the contract's."""
    if not same_content(contract.schema.json, latest.schema):
        message = f"the registry at {registry} has other docs or aliases in v{latest.version}"
        fix = "it takes schemas that differ in those alone for one: they come with the next change"
        yield _finding(contract.schema.where(), "NOT_KEPT", message, fix, contract.subject, severity=Severity.WARNING)
    for name in missing_extras(contract, latest, registry):
        message = f"the registry at {registry} has other {name} in v{latest.version}, or keeps none"
        fix = "run avroguard register, which says more"
        yield _finding(contract.place, "NOT_KEPT", message, fix, contract.subject, severity=Severity.WARNING)


def _extra(contracts: Contracts, registry: Registry, ignored: list[str]) -> Iterator[Finding]:
    known = {contract.subject for contract in contracts.subjects}
    for subject in registry.subjects():
        if subject not in known and not any(fnmatchcase(subject, pattern) for pattern in ignored):
            message = f"the registry at {registry} has the subject {subject}, which the contracts don't have"
            fix = "bring it here with avroguard pull, or leave it to others with --ignore"
            yield _finding(Place(contracts.name, 1), "NOT_IN_CONTRACTS", message, fix, subject)


def _finding(
    place: Place, rule: str, message: str, fix: str, subject: str, *, severity: Severity = Severity.ERROR
) -> Finding:
    return Finding(place, rule, message, fix, severity, subjects=(subject,))
