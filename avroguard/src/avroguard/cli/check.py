"""`avroguard check`: is what the contracts say now a change that deployed readers and writers survive?"""

import argparse
import gc
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from avroguard.changes.baselines import Baseline, CheckRequest, GitBaseline, check_contracts, tree_baseline
from avroguard.changes.breakages import CheckOptions, Explain
from avroguard.cli.options import (
    EXIT_CODES,
    REGISTRY_ENVIRONMENT,
    add_output_options,
    add_registry_options,
    add_semantic_option,
    apply_contract_waivers,
    print_report,
    registry_settings,
    select_subjects,
    semantic_severity,
)
from avroguard.cli.running import run
from avroguard.config.topics import Contracts, load_contracts
from avroguard.config.tree import CONTRACTS, default_directory
from avroguard.findings import merged
from avroguard.levels import Level
from avroguard.reporting import Report

_EPILOG = f"""\
what is compared with:
  git:REF         the contracts at a commit, branch or tag; for a transitive level every version since the
                  first tag, or since the commit that contracts.toml names: [history] since = "COMMIT"
  registry[:URL]  what a schema registry holds, and its own word
  PATH            the contracts in another directory

{EXIT_CODES}
SCHEMAS_DIR names the directory of contracts.toml.
{REGISTRY_ENVIRONMENT}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="avroguard check",
        description="Check that no change of the schemas breaks a deployed reader or writer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subjects", metavar="SUBJECT", nargs="*", help="what to check; by default every subject")
    parser.add_argument(
        "--against", metavar="git:REF|registry[:URL]|PATH", required=True, help="what is deployed, or was before"
    )
    parser.add_argument("--level", choices=list(Level), help="judge at this level instead of the contracts' own")
    parser.add_argument("--all-versions", action="store_true", help="judge by every version, whatever the level says")
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
    contracts = load_contracts(default_directory() / CONTRACTS)
    chosen = select_subjects(contracts, options.subjects)
    request = CheckRequest(
        Level(options.level) if options.level else None,
        options.all_versions,
        CheckOptions(semantic_severity(options), _explain() if options.explain else None),
    )
    with ExitStack() as stack:
        baseline = _baseline(options, contracts, stack)
        findings = merged(apply_contract_waivers(check_contracts(contracts, chosen, baseline, request), contracts))
    for name in baseline.unreadable if isinstance(baseline, GitBaseline) else ():
        print(f"avroguard check: {name} is no Avro schema: left out", file=sys.stderr)
    subjects = tuple(contract.subject for contract in chosen)
    checked = "1 subject" if len(subjects) == 1 else f"{len(subjects)} subjects"
    return print_report(
        Report("avroguard check", tuple(findings), subjects, f"{checked} checked against {baseline.label}"), options
    )


def _explain() -> Explain:
    """Import what explains only when it is asked for."""
    from avroguard.explain import explain  # noqa: PLC0415

    return explain


def _baseline(options: argparse.Namespace, contracts: Contracts, stack: ExitStack) -> Baseline:
    kind, _, url = options.against.partition(":")
    if kind != "registry":
        return tree_baseline(options.against, default_directory(), contracts.since, stack)
    from avroguard.changes.registry_baseline import RegistryBaseline  # noqa: PLC0415
    from avroguard.registry.client import Registry  # noqa: PLC0415 - brings an HTTP client along

    registry = stack.enter_context(Registry(registry_settings(options, url or None)))
    return RegistryBaseline(registry, contracts.subjects)


if __name__ == "__main__":
    sys.exit(main())
