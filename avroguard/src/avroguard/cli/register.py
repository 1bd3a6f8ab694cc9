"""`avroguard register`: make the registry hold what the contracts say, all of it or nothing."""

import argparse
import contextlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from avroguard.cli.options import (
    DRY_RUN_HAS_CHANGES,
    REGISTRY_ENVIRONMENT,
    add_output_options,
    add_registry_options,
    add_semantic_option,
    apply_contract_waivers,
    print_report,
    registry_settings,
    select_subjects,
    semantic_severity,
    verb_parser,
)
from avroguard.cli.running import run
from avroguard.cli.waiting import add_wait_option, wait
from avroguard.config.topics import load_contracts
from avroguard.config.tree import CONTRACTS, default_directory
from avroguard.errors import ExpectedError
from avroguard.findings import Finding, merged
from avroguard.registration.levels import put_levels_back, set_levels
from avroguard.registration.lockfile import Locked, latest_versions, read_lockfile, verify, write_lockfile
from avroguard.registration.outcomes import Outcome, failed, not_done, preview, register_step, skip
from avroguard.registration.plan import Step, make_plan, refusal_in_a_word
from avroguard.registry.client import Registry
from avroguard.reporting import Format, Report, failure_report

_EPILOG = f"""\
a line for each subject says what is done:
  NEW           the subject is new
  CHANGED       a new version, another level, or new metadata or rules
  UNCHANGED     the registry has it all
  INCOMPATIBLE  refused by the subject's level; then nothing at all is done
  OTHER MEANING refused as well: it can be read, and means something else (--semantic, waivers of contracts.toml)
  READ ONLY     refused as well: the registry has the subject in another mode than READWRITE
  LOCKED        refused as well: the registry does not hold what the lockfile says
  ROLLBACK      the registry has the schema, and a later one; refused without --allow-rollback
  SKIPPED       fine by itself, but another subject is refused
  FAILED        the run stopped at this subject, for the reason on stderr
  NOT DONE      the run stopped before this subject, and left it as it was

White space and the order of keys never make a version. A change of docs or aliases makes one in Confluent's
registry and in Karapace, and is dropped by Apicurio's: the line says so. So does the line of a subject whose
metadata or rules the registry drops: Confluent's Community edition drops rules, the others both.

exit codes:
  0  registered, or nothing to do; with --dry-run: nothing is refused
  1  something is refused: before anything was changed, or by the registry at a subject that is FAILED
  2  wrong usage or configuration
  3  the registry does not answer, or has no leader; what had been done by then is printed
  4  not authorised
  5  a dry run has changes (with --detailed-exitcode)

SCHEMAS_DIR names the directory of contracts.toml.
{REGISTRY_ENVIRONMENT}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = verb_parser(
        "avroguard register",
        "Register every schema of contracts.toml and set each subject's compatibility level.",
        _EPILOG,
    )
    parser.add_argument("subjects", metavar="SUBJECT", nargs="*", help="subjects to register; by default all")
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and change nothing")
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit 5 if a dry run has changes")
    parser.add_argument("--allow-rollback", action="store_true", help="accept schemas that are not the latest version")
    add_semantic_option(parser)
    parser.add_argument(
        "--lockfile",
        metavar="FILE",
        type=Path,
        help="verify the registry against FILE first, and write FILE at the end",
    )
    add_wait_option(parser)
    add_output_options(parser)
    add_registry_options(parser)
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _register(options), options.format)


def _register(options: argparse.Namespace) -> int:
    contracts = load_contracts(default_directory() / CONTRACTS)
    chosen = select_subjects(contracts, options.subjects)
    settings = registry_settings(options)
    locked = read_lockfile(options.lockfile) if options.lockfile else {}
    left = wait(settings, options.wait, "avroguard register")
    with Registry(settings) as registry:
        registry.wait_for_leader(left)
        differing = verify(locked, registry, options.lockfile) if options.lockfile else []
        semantic = semantic_severity(options)
        steps = make_plan(chosen, registry, allow_rollback=options.allow_rollback, semantic=semantic)
        waived = apply_contract_waivers((finding for step in steps for finding in step.findings), contracts)
        steps = [_with(step, waived) for step in steps]
        findings = [*differing, *waived]
        if any(finding.fails for finding in findings):
            return _refuse(steps, findings, options)
        outcomes: list[Outcome] = []
        try:
            findings += [] if options.dry_run else _set_levels(steps, registry, options, outcomes)
            if any(finding.fails for finding in findings):
                return _refuse(steps, findings, options)
            _apply(steps, registry, options, outcomes)
        except ExpectedError as error:
            return _stop(error, outcomes, findings, options)
        code = _tell(outcomes, findings, options)
        if options.lockfile and not options.dry_run:
            _lock(options.lockfile, locked, steps, registry)
    changes = options.dry_run and any(step.changes for step in steps)
    return code or (DRY_RUN_HAS_CHANGES if changes and options.detailed_exitcode else 0)


def _with(step: Step, findings: Iterable[Finding]) -> Step:
    return replace(step, findings=tuple(finding for finding in findings if step.subject in finding.subjects))


def _set_levels(
    steps: Sequence[Step], registry: Registry, options: argparse.Namespace, outcomes: list[Outcome]
) -> list[Finding]:
    """Set the levels; returns what the registry refuses at them. After an error each subject is said to be not done."""
    try:
        return set_levels(steps, registry)
    except (ExpectedError, KeyboardInterrupt):
        _say(map(not_done, steps), steps, options, outcomes)
        raise


def _apply(steps: Sequence[Step], registry: Registry, options: argparse.Namespace, outcomes: list[Outcome]) -> None:
    """Do what is planned, or say it, a line for each subject.

    An error leaves the subjects after it as they were; each has a line as well.
    """
    try:
        for step in steps:
            _say([preview(step) if options.dry_run else register_step(step, registry)], steps, options, outcomes)
    except (ExpectedError, KeyboardInterrupt) as error:
        failing, *rest = steps[len(outcomes) :]
        _say([failed(failing, error), *map(not_done, rest)], steps, options, outcomes)
        put_levels_back([failing, *rest], registry, error if isinstance(error, ExpectedError) else None)
        raise


def _say(done: Iterable[Outcome], steps: Sequence[Step], options: argparse.Namespace, outcomes: list[Outcome]) -> None:
    """Print a line for each outcome, and keep it; on stdout, unless that is for a report."""
    width = max((len(step.subject) for step in steps), default=0)
    output = sys.stdout if options.format == Format.TEXT else sys.stderr
    dry = " (dry run)" if options.dry_run else ""
    for outcome in done:
        outcomes.append(outcome)
        with contextlib.suppress(BrokenPipeError):  # a reader that has gone is no reason to stop halfway
            print(f"{outcome.subject:<{width}}  {outcome}{dry}", file=output)


def _stop(
    error: ExpectedError, outcomes: Sequence[Outcome], findings: Sequence[Finding], options: argparse.Namespace
) -> int:
    """Tell what has stopped the run, in a report together with what was done before; returns the exit code."""
    if options.format == Format.TEXT:
        raise error
    for line in str(error).splitlines():
        print(f"avroguard register: {line}", file=sys.stderr)
    stopped = failure_report("avroguard register", error)
    everything = (*merged(findings), *stopped.findings)
    print_report(replace(_report(outcomes, everything), errors=stopped.errors), options)
    return error.exit_code


def _tell(outcomes: Sequence[Outcome], findings: Sequence[Finding], options: argparse.Namespace) -> int:
    """Tell what has been done besides the lines for each subject: the warnings, or everything in a report."""
    findings = merged(findings)
    if options.format == Format.TEXT:
        for finding in findings:
            if not finding.waived:
                print(finding)
        return 0
    return print_report(_report(outcomes, findings), options)


def _report(outcomes: Sequence[Outcome], findings: Iterable[Finding]) -> Report:
    subjects = tuple(outcome.subject for outcome in outcomes)
    results = tuple(outcome.as_json() for outcome in outcomes)
    return Report("avroguard register", tuple(findings), subjects, _summary(outcomes), results)


def _summary(outcomes: Sequence[Outcome]) -> str:
    statuses = [outcome.status for outcome in outcomes]
    counts = ", ".join(f"{statuses.count(status)} {status.lower()}" for status in dict.fromkeys(statuses))
    subjects = f"{len(outcomes)} subject{'' if len(outcomes) == 1 else 's'}"
    return f"{subjects}: {counts}" if outcomes else "no subjects"


def _refuse(steps: Sequence[Step], findings: Sequence[Finding], options: argparse.Namespace) -> int:
    print("avroguard register: refused; nothing has been changed", file=sys.stderr)
    outcomes = [skip(step, findings) for step in steps]
    if options.format != Format.TEXT:
        return _tell(outcomes, findings, options)
    width = max((len(step.subject) for step in steps), default=0)
    known = {step.subject for step in steps}
    for outcome in outcomes:
        refusals = [finding for finding in findings if finding.fails and outcome.subject in finding.subjects]
        for finding in refusals:
            versions = f"with {', '.join(finding.breaks)}: " if finding.breaks else ""
            fix = f"; {finding.fix}" if finding.fix else ""
            print(f"{outcome.subject:<{width}}  {refusal_in_a_word(finding)} {versions}{finding.text}{fix}")
        if not refusals:
            print(f"{outcome.subject:<{width}}  {outcome.status}")
    for finding in merged(findings):
        if not finding.waived and not (finding.fails and known & set(finding.subjects)):
            print(finding)
    return 1


def _lock(path: Path, locked: dict[str, Locked], steps: Iterable[Step], registry: Registry) -> None:
    if write_lockfile(path, locked | latest_versions((step.subject for step in steps), registry)):
        print(f"avroguard register: {path}: written", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
