"""`register-schemas`: make the registry hold what the contracts say, all of it or nothing."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from services.contracts.commands.options import (
    DRY_RUN_HAS_CHANGES,
    EXIT_CODES,
    REGISTRY_ENVIRONMENT,
    add_output_options,
    add_registry_options,
    choose,
    registry_settings,
    tell,
)
from services.contracts.commands.running import run
from services.contracts.commands.waiting import add_wait_option, wait
from services.contracts.definition.topics import load_contracts
from services.contracts.definition.tree import CONTRACTS, default_directory
from services.contracts.registration.lockfile import Locked, held, read_lockfile, verify, write_lockfile
from services.contracts.registration.plan import Step, extras_differ, make_plan, put_levels_back, set_levels
from services.contracts.registration.wording import same_wording
from services.contracts.registry.client import Registry
from services.contracts.reporting import Finding, Format, Report
from services.errors import ContractError, PipelineError

_EPILOG = f"""\
a line for each subject says what is done:
  NEW           the subject is new
  CHANGED       a new version, another level, or new metadata or rules
  UNCHANGED     the registry has it all
  INCOMPATIBLE  refused; then nothing at all is done
  HELD BACK     fine by itself, but another subject is refused
  ROLLBACK      the registry has the schema, and a later one; refused without --allow-rollback

White space and the order of keys never make a version. A change of docs or aliases makes one in Confluent's
registry, and is dropped by Apicurio's: the line says so.

{EXIT_CODES}
SCHEMAS_DIR names the directory of contracts.toml.
{REGISTRY_ENVIRONMENT}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="register-schemas",
        description="Register every schema of contracts.toml and set each subject's compatibility level.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subjects", metavar="SUBJECT", nargs="*", help="what to register; by default every subject")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit 5 if a dry run has changes")
    parser.add_argument("--allow-rollback", action="store_true", help="accept schemas that are not the latest version")
    parser.add_argument(
        "--lockfile", metavar="FILE", type=Path, help="verify what it says first; write what the registry holds then"
    )
    add_wait_option(parser)
    add_output_options(parser)
    add_registry_options(parser)
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _register(options))


def _register(options: argparse.Namespace) -> int:
    contracts = load_contracts(default_directory() / CONTRACTS)
    chosen = choose(contracts, options.subjects)
    settings = registry_settings(options)
    locked = read_lockfile(options.lockfile) if options.lockfile else {}
    wait(settings, options.wait, "register-schemas")
    with Registry(settings) as registry:
        differing = verify(locked, registry, options.lockfile) if options.lockfile else []
        steps = make_plan(chosen, registry, allow_rollback=options.allow_rollback)
        refused = [*differing, *(finding for step in steps for finding in step.findings)]
        if not refused and not options.dry_run:
            refused = set_levels(steps, registry)
        if refused:
            return _refuse(steps, refused, options)
        _carry_out(steps, registry, options)
        if options.lockfile and not options.dry_run:
            _lock(options.lockfile, locked, steps, registry)
    if options.format != Format.TEXT:
        subjects = tuple(step.subject for step in steps)
        return tell(Report("register-schemas", (), subjects, _summary(steps)), options)
    changes = options.dry_run and any(step.changes for step in steps)
    return DRY_RUN_HAS_CHANGES if changes and options.detailed_exitcode else 0


def _carry_out(steps: Sequence[Step], registry: Registry, options: argparse.Namespace) -> None:
    """Do what is planned, or say it, a line for each subject; what fails halfway leaves the other levels as they were.

    Results are on stdout, unless that is for a report.
    """
    width = max((len(step.subject) for step in steps), default=0)
    output = sys.stdout if options.format == Format.TEXT else sys.stderr
    done = 0
    try:
        for step in steps:
            line = _would_do(step) if options.dry_run else _do(step, registry)
            print(f"{step.subject:<{width}}  {line}", file=output)
            done += 1
    except PipelineError as error:
        put_levels_back(steps[done:], registry, error)
        raise


def _summary(steps: Sequence[Step]) -> str:
    statuses = [step.status for step in steps]
    counts = ", ".join(f"{statuses.count(status)} {status.lower()}" for status in dict.fromkeys(statuses))
    return f"{len(steps)} subjects: {counts}" if steps else "no subjects"


def _refuse(steps: Iterable[Step], refused: Sequence[Finding], options: argparse.Namespace) -> int:
    print("register-schemas: refused; nothing has been changed", file=sys.stderr)
    listed = list(steps)
    if options.format != Format.TEXT:
        subjects = tuple(step.subject for step in listed)
        return tell(Report("register-schemas", tuple(refused), subjects, _summary(listed)), options)
    width = max((len(step.subject) for step in listed), default=0)
    known = {step.subject for step in listed}
    for step in listed:
        findings = [finding for finding in refused if step.subject in finding.subjects]
        for finding in findings:
            status = {"ROLLBACK": "ROLLBACK", "LOCK_DIFFERS": "LOCKED"}.get(finding.rule, "INCOMPATIBLE")
            versions = f"with {', '.join(finding.breaks)}: " if finding.breaks else ""
            fix = f"; {finding.fix}" if finding.fix else ""
            print(f"{step.subject:<{width}}  {status} {versions}{finding.text}{fix}")
        if not findings:
            print(f"{step.subject:<{width}}  {'HELD BACK' if step.changes else 'UNCHANGED'}")
    for finding in refused:
        if not known & set(finding.subjects):
            print(finding)
    return 1


def _would_do(step: Step) -> str:
    if step.registers:
        return f"{_status(step, f'v{step.latest + 1}')} (dry run)"
    return f"{_status(step, _version(step))} (dry run)"


def _version(step: Step) -> str:
    return f"v{step.registered.version} id {step.registered.id}" if step.registered else ""


def _do(step: Step, registry: Registry) -> str:
    if not step.registers:
        return _status(step, _version(step))
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
    kept_wording = not same_wording(step.schema.json, held.schema)
    return _status(step, f"v{found.version} id {found.id}", kept_wording=kept_wording)


def _status(step: Step, version: str, *, kept_wording: bool = False) -> str:
    parts = [f"{step.status} {version}"]
    if step.rolls_back:
        parts.append(f"the latest is v{step.latest}")
    if step.docs_only:
        parts.append("docs or aliases alone")
    if step.kept_wording or kept_wording:
        parts.append("the registry keeps its docs and aliases, which differ from the file's")
    if step.dropped_extras:
        parts.append("the registry keeps no metadata and no rules: those of the contract are not in it")
    if step.new_extras:
        parts.append("new metadata or rules")
    if step.changes_level:
        parts.append(f"level {step.level_before} -> {step.level}" if step.level_before else f"level {step.level}")
    return ", ".join(parts)


def _lock(path: Path, locked: dict[str, Locked], steps: Iterable[Step], registry: Registry) -> None:
    if write_lockfile(path, locked | held((step.subject for step in steps), registry)):
        print(f"register-schemas: {path}: written", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
