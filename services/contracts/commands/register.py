"""`register-schemas`: make the registry hold what the contracts say, all of it or nothing."""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence

from services.contracts.commands.running import run
from services.contracts.plan import Step, make_plan, put_levels_back, set_levels
from services.contracts.registry import Registry
from services.contracts.registry_settings import RegistrySettings
from services.contracts.reporting import Finding
from services.contracts.topics import load_contracts
from services.contracts.tree import CONTRACTS, default_directory
from services.errors import ContractError, PipelineError, Unavailable

_EPILOG = """\
exit codes:
  0  done, or nothing to do
  1  an incompatible or invalid schema; nothing has been changed
  2  wrong usage
  3  the registry can't be reached
  4  not authorised

SCHEMAS_DIR names the directory of contracts.toml; credentials for the registry come from
SCHEMA_REGISTRY_BASIC_AUTH (user:password) or SCHEMA_REGISTRY_BEARER_TOKEN.
"""
_PAUSE = 0.5  # seconds between two looks whether the registry is up


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="register-schemas",
        description="Register every schema of contracts.toml and set each subject's compatibility level.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument("--wait", metavar="SECONDS", type=_seconds, default=0.0, help="wait until the registry is up")
    parser.add_argument("--registry-url", metavar="URL", help="instead of SCHEMA_REGISTRY_URL")
    options = parser.parse_args(arguments)
    return run(parser.prog, lambda: _register(options))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"expected seconds from 0 to 86400, found {text!r}")
    return seconds


def _register(options: argparse.Namespace) -> int:
    contracts = load_contracts(default_directory() / CONTRACTS)
    settings = RegistrySettings.load(url=options.registry_url) if options.registry_url else RegistrySettings.load()
    if options.wait:
        _wait(settings, options.wait)
    with Registry(settings) as registry:
        steps = make_plan(contracts, registry)
        width = max((len(step.subject) for step in steps), default=0)
        refused = [finding for step in steps for finding in step.findings]
        if not refused and not options.dry_run:
            refused = set_levels(steps, registry)
        if refused:
            _print_refusal(steps, refused, width)
            return 1
        done = 0
        try:
            for step in steps:
                print(f"{step.subject:<{width}}  {_would_do(step) if options.dry_run else _do(step, registry)}")
                done += 1
        except PipelineError:
            put_levels_back(steps[done:], registry)
            raise
    return 0


def _wait(settings: RegistrySettings, seconds: float) -> None:
    """Wait until the registry answers.

    Raises:
        Unavailable: If it doesn't within this time.
    """
    deadline = time.monotonic() + seconds
    impatient = settings.model_copy(update={"retries": 0, "timeout": min(settings.timeout, seconds)})
    said = False
    with Registry(impatient) as registry:
        while True:
            try:
                registry.ping()
            except Unavailable as error:
                if time.monotonic() + _PAUSE > deadline:
                    raise Unavailable(f"gave up after {seconds:g} s: {error}") from None
                if not said:
                    print(f"register-schemas: waiting up to {seconds:g} s: {error}", file=sys.stderr)
                    said = True
                time.sleep(_PAUSE)
            else:
                return


def _print_refusal(steps: Iterable[Step], refused: Sequence[Finding], width: int) -> None:
    for step in steps:
        findings = [finding for finding in refused if step.subject in finding.subjects]
        for finding in findings:
            versions = f"with {', '.join(finding.breaks)}: " if finding.breaks else ""
            print(f"{step.subject:<{width}}  INCOMPATIBLE {versions}{finding.text}; {finding.fix}")
        if not findings:
            print(f"{step.subject:<{width}}  {'UNCHANGED' if step.registered else 'HELD BACK'}")
    print("register-schemas: refused; nothing has been changed", file=sys.stderr)


def _would_do(step: Step) -> str:
    version = f"v{step.registered.version} id {step.registered.id}" if step.registered else f"v{step.latest + 1}"
    return f"{_status(step, version)} (dry run)"


def _do(step: Step, registry: Registry) -> str:
    found = step.registered or registry.register(step.subject, step.schema)
    if not step.registered and found.version <= step.latest:
        raise ContractError(
            f"subject {step.subject}: the registry took {step.schema.path} for v{found.version}, which it already had"
        )
    return _status(step, f"v{found.version} id {found.id}")


def _status(step: Step, version: str) -> str:
    parts = [f"{'UNCHANGED' if step.registered else 'NEW'} {version}"]
    if step.registered and step.registered.version < step.latest:
        parts.append(f"the latest is v{step.latest}")
    if step.kept_wording:
        parts.append("the registry keeps its docs and aliases, which differ from the file's")
    if step.changes_level:
        parts.append(f"level {step.level_before} -> {step.level}" if step.level_before else f"level {step.level}")
    return ", ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
