"""`avroguard check`: is what the contracts say now a change that deployed readers and writers survive?"""

import argparse
import gc
import sys
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from avroguard.avro.schema import shown
from avroguard.changes.baselines import Baseline, directory_of, tree_baseline
from avroguard.changes.breakages import CheckOptions, Explain
from avroguard.changes.checking import CheckRequest, check_project
from avroguard.changes.deployment import order_at
from avroguard.changes.git_baseline import GitBaseline
from avroguard.cli.naming import named_subjects
from avroguard.cli.options import (
    EXIT_CODES,
    REGISTRY_ENVIRONMENT,
    add_output_options,
    add_registry_options,
    add_semantic_option,
    apply_contract_waivers,
    print_report,
    registry_settings,
    semantic_severity,
    verb_parser,
)
from avroguard.cli.running import run
from avroguard.config.projects import DEFAULT_LEVEL, Project, find_projects
from avroguard.findings import Finding, exit_code, merged, with_missing_types_once
from avroguard.levels import Level
from avroguard.reporting import Format, Report

if TYPE_CHECKING:
    from avroguard.config.subjects import Contracts

_EPILOG = f"""\
what is checked:
  with a contracts.toml in the working directory, in its directory schemas, or above in the repository: the
  subjects that it names, each at its own level. Without one: every schema file (.avsc, .avpr) of the repository,
  matched with its past by full name, at BACKWARD or the level that --level gives.

what is compared with:
  git:REF         the schemas at a commit, branch or tag; for a transitive level every version since the
                  first tag, or since the commit that contracts.toml names: [history] since = "COMMIT"
  registry[:URL]  what a schema registry holds, and its own word
  PATH            the schemas in another directory

What is new, or could not be compared, is listed with the reason. If nothing at all was compared, the exit
code is 1, unless --allow-none says that this is fine.

{EXIT_CODES}
SCHEMAS_DIR names the directory to check.
{REGISTRY_ENVIRONMENT}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = verb_parser(
        "avroguard check", "Check that no change of the schemas breaks a deployed reader or writer.", _EPILOG
    )
    parser.add_argument(
        "subjects", metavar="SUBJECT|FILE", nargs="*", help="subjects or schema files to check; by default all"
    )
    parser.add_argument(
        "--against",
        metavar="git:REF|registry[:URL]|PATH",
        required=True,
        help="baseline: the schemas that are deployed, or were before",
    )
    parser.add_argument(
        "--level",
        type=str.upper,
        choices=[str(level) for level in Level],
        help="check at this level instead of the contracts' own",
    )
    parser.add_argument(
        "--all-versions", action="store_true", help="compare with every version, whatever the level says"
    )
    parser.add_argument("--allow-none", action="store_true", help="pass even if nothing could be compared")
    add_semantic_option(parser)
    parser.add_argument("--explain", action="store_true", help="show with a record what each finding does to data")
    add_output_options(parser)
    add_registry_options(parser)
    options = parser.parse_args(arguments)
    collecting = gc.isenabled()
    gc.disable()  # many small objects and no garbage to speak of: looking for it is a sixth of a run's time
    try:
        return run(parser.prog, lambda: _check(options), options.format)
    finally:
        if collecting:
            gc.enable()


def _check(options: argparse.Namespace) -> int:
    level = Level(options.level) if options.level else None
    request = CheckRequest(
        level,
        options.all_versions,
        CheckOptions(semantic_severity(options), _explain() if options.explain else None),
    )
    by_contracts: dict[str, tuple[Contracts, list[Finding]]] = {}
    checked: list[str] = []
    compared: list[str] = []
    repaired: list[str] = []
    changed: set[Level] = set()
    labels: dict[str, None] = {}
    with ExitStack() as stack:
        projects = projects_to_check(options.against, level)
        named = named_subjects(projects, options.subjects)
        for project in projects:
            contracts = project.inspection.contracts
            selected = [contract for contract in contracts.subjects if not named or contract.subject in named]
            invalid = {
                name: faults for name, faults in project.inspection.invalid.items() if not named or name in named
            }
            if named and not selected and not invalid:
                continue
            baseline = open_baseline(options, project, stack)
            labels[baseline.label] = None
            result = check_project(project, selected, baseline, request)
            faults = [fault for name in invalid if named for fault in invalid[name]]
            by_contracts.setdefault(contracts.name, (contracts, []))[1].extend([*faults, *result.findings])
            checked += [*(contract.subject for contract in selected), *invalid]
            compared += result.compared
            changed |= result.changed
            repaired += result.repaired
            for name in baseline.unreadable if isinstance(baseline, GitBaseline) else ():
                print(f"avroguard check: {name} is no Avro schema: left out", file=sys.stderr)
    unmerged = (
        finding
        for contracts, unwaived in by_contracts.values()
        for finding in apply_contract_waivers(unwaived, contracts)
    )
    findings = with_missing_types_once(merged(unmerged))
    about = _about(projects, checked, compared, " and ".join(labels), level)
    if not exit_code(findings):
        about += _deployment(changed)
    report = Report("avroguard check", tuple(findings), tuple(checked), about)
    if compared or repaired or options.allow_none:
        return print_report(report, options)
    reason = _nothing_compared(projects, checked, findings)
    print(f"avroguard check: {reason}", file=sys.stderr)
    if options.format != Format.TEXT and not exit_code(findings):
        report = replace(report, errors=(reason,))  # a report for programs is whole without stderr
    return print_report(report, options) or 1


def _about(
    projects: Sequence[Project], checked: Sequence[str], compared: Sequence[str], label: str, level: Level | None
) -> str:
    """Return a summary: what was checked, against what, and at which level."""
    discovered = any(project.discovered for project in projects)
    count = f"{len(checked)}" if len(compared) == len(checked) else f"{len(compared)} of {len(checked)}"
    noun = "schema" if discovered else "subject"
    text = f"{count} {noun}{'' if len(checked) == 1 else 's'} checked against {label}"
    tabled = any(project.inspection.contracts.subjects for project in projects if not project.discovered)
    if level or any(project.discovered and not (project.remainder and tabled) for project in projects):
        text += f" at {level or DEFAULT_LEVEL}"
    places = {shown(project.directory.resolve()) for project in projects if not project.remainder}
    directories = places - {".", "schemas"}
    return f"{text} in {', '.join(sorted(directories))}" if directories else text


def _deployment(levels: Collection[Level]) -> str:
    """Return who deploys first, for the summary, where the levels of what has changed agree on it."""
    orders = {order_at(level) for level in levels}
    (order,) = orders if len(orders) == 1 else ("",)
    return f" ({order})" if order else ""


def _nothing_compared(projects: Sequence[Project], checked: Sequence[str], findings: Sequence[Finding]) -> str:
    directories = ", ".join(str(project.directory.absolute()) for project in projects)
    why = (
        "each of them is listed with the reason"
        if checked
        else f"there is no schema file (.avsc, .avpr) in {directories}"
    )
    if checked and all(finding.rule == "SCHEMA_NEW" for finding in findings):
        why = "every schema is new, as in a first commit"
    return f"nothing was compared: {why}; --allow-none lets that pass"


def projects_to_check(against: str, level: Level | None) -> list[Project]:
    """Return what is compared; schema files that no contracts name have no subject in a registry."""
    projects = find_projects(Path(), level, directory_of(against))
    of_registry = against.partition(":")[0] == "registry"
    return [project for project in projects if not (of_registry and project.remainder)]


def _explain() -> Explain:
    """Import what explains only when it is asked for."""
    from avroguard.explain import explain  # noqa: PLC0415

    return explain


def open_baseline(options: argparse.Namespace, project: Project, stack: ExitStack) -> Baseline:
    """Open the baseline that ``--against`` names.

    Args:
        options: With ``--against`` and what `add_registry_options` added.
        project: The project that is compared with it.
        stack: Ends what is started.
    """
    kind, _, url = options.against.partition(":")
    if kind != "registry":
        return tree_baseline(options.against, project, stack)
    from avroguard.changes.registry_baseline import RegistryBaseline  # noqa: PLC0415
    from avroguard.registry.client import Registry  # noqa: PLC0415 - brings an HTTP client along

    registry = stack.enter_context(Registry(registry_settings(options, url or None)))
    return RegistryBaseline(registry, project.inspection.contracts.subjects)


if __name__ == "__main__":
    sys.exit(main())
