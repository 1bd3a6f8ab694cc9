"""The options that the commands share, so that each means the same everywhere."""

import argparse
import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avroguard.avro.names import suggestion
from avroguard.config.subjects import SubjectContract
from avroguard.config.topics import Contracts
from avroguard.config.waivers import Waiver, apply_waivers
from avroguard.errors import UsageError
from avroguard.findings import Finding, exit_code, listed
from avroguard.lint import LINT_FAMILIES
from avroguard.reporting import Format, Report, render
from avroguard.rules import RULES, Family, Severity

if TYPE_CHECKING:
    from avroguard.registry.settings import RegistrySettings

EXIT_CODES = """\
exit codes:
  0  fine
  1  findings
  2  wrong usage or configuration
  3  git or the registry does not answer
  4  not authorised
  5  a dry run has changes (with --detailed-exitcode)
"""
SCHEMA_FORMS = """\
OLD and NEW are each one of:
  FILE                          a schema file
  git:REF:FILE                  a schema file at a commit, branch or tag; FILE as from the working directory
  registry:SUBJECT[@VERSION]    a version of a subject, by default the latest
"""
REGISTRY_ENVIRONMENT = """\
The registry's URL is SCHEMA_REGISTRY_URL unless an option gives it; credentials come from
SCHEMA_REGISTRY_BASIC_AUTH (user:password), SCHEMA_REGISTRY_BEARER_TOKEN, or an OAuth server at
SCHEMA_REGISTRY_OAUTH_TOKEN_URL (with _OAUTH_CLIENT_ID, _OAUTH_CLIENT_SECRET, _OAUTH_SCOPE); secrets
also from the file that the variable of the same name with _FILE at its end names.
"""
DRY_RUN_HAS_CHANGES = 5
_OF_CHANGES = frozenset(Family) - LINT_FAMILIES
_OPTIONS = {"url": "--registry-url", "timeout": "--timeout", "retries": "--retries"}
_SEMANTIC = {"error": Severity.ERROR, "warn": Severity.WARNING, "off": None}


def verb_parser(program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Return the parser of a verb, whose help has the epilog as it is written."""
    return argparse.ArgumentParser(
        prog=program, description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--format``."""
    parser.add_argument(
        "--format",
        choices=[str(form) for form in Format],
        default=Format.TEXT,
        help="form of the report; default: text",
    )


def add_semantic_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--semantic``."""
    parser.add_argument(
        "--semantic",
        choices=_SEMANTIC,
        default="error",
        help="severity of changes of meaning; default: error",
    )


def semantic_severity(options: argparse.Namespace) -> Severity | None:
    """Return the severity of a change of meaning, as ``--semantic`` says; None: it is not looked for."""
    return _SEMANTIC[options.semantic]


def add_registry_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--registry-url``, ``--timeout`` and ``--retries``, each instead of a setting of `RegistrySettings`."""
    parser.add_argument("--registry-url", metavar="URL", help="the registry; by default SCHEMA_REGISTRY_URL")
    parser.add_argument("--timeout", metavar="SECONDS", help="time to wait for the registry; default: 10")
    parser.add_argument("--retries", metavar="N", help="retries of a failed request; default: 3")


def registry_settings(options: argparse.Namespace, url: str | None = None) -> "RegistrySettings":
    """The settings of the environment with what the options say instead.

    Args:
        options: With what `add_registry_options` added.
        url: A URL that another argument gave (``registry:URL``); goes before ``--registry-url``.

    Raises:
        UsageError: If a setting can't be used.
    """
    from avroguard.registry.settings import RegistrySettings  # noqa: PLC0415 - not for a check of files

    given = {"url": url or options.registry_url, "timeout": options.timeout, "retries": options.retries}
    given = {name: value for name, value in given.items() if value is not None}
    try:
        return RegistrySettings.load(**given)
    except UsageError as error:
        message = str(error)
        for name in given:
            option = "registry:URL" if url and name == "url" else _OPTIONS[name]
            message = message.replace(f"SCHEMA_REGISTRY_{name.upper()}:", f"{option}:")
        raise UsageError(message) from None


def print_report(report: Report, options: argparse.Namespace) -> int:
    """Print the report as ``--format`` asks, and return the exit code that it means."""
    print(render(report, Format(options.format)), end="")
    return exit_code(report.findings)


def select_subjects(contracts: Contracts, subjects: Sequence[str]) -> tuple[SubjectContract, ...]:
    """The contracts of some subjects, in an order in which they can be registered; all where none is named.

    Raises:
        UsageError: If a subject is not in the contracts.
    """
    refuse_unknown_subjects(subjects, [contract.subject for contract in contracts.subjects], contracts.name)
    return tuple(contract for contract in contracts.subjects if not subjects or contract.subject in subjects)


def refuse_unknown_subjects(subjects: Sequence[str], known: Sequence[str], where: str) -> None:
    """Raise UsageError if one of the subjects is not known in a place."""
    for subject in subjects:
        if subject not in known:
            near = f"{subject}-value" if f"{subject}-value" in known else subject
            expected = suggestion(near, list(known)) or f"; expected one of {listed(known)}"
            raise UsageError(f"no subject {subject} in {where}{expected}")


def apply_contract_waivers(
    findings: Iterable[Finding], contracts: Contracts, families: Collection[Family] = _OF_CHANGES
) -> list[Finding]:
    """Return the findings by the contracts' rules, with those marked that are waived today.

    Waivers that have expired, or name a file that is not there, are findings as well.
    """
    decided = [waiver for waiver in contracts.waivers if RULES[waiver.rule].family in families]
    today = dt.datetime.now(dt.UTC).date()
    return contracts.rules.apply(apply_waivers(findings, decided, today, _names_no_file))


def _names_no_file(waiver: Waiver) -> bool:
    """Return whether a waiver is about a file that is not there; of a pattern that can't be said."""
    return waiver.file is not None and not set("*?") & set(waiver.file) and not Path(waiver.file).exists()
