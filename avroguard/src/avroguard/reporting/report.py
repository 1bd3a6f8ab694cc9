"""A command's findings in a form for people, for programs, or for the screens of a code review."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from textwrap import indent
from typing import Any

from avroguard.findings import Finding
from avroguard.reporting.github import github
from avroguard.reporting.gitlab import gitlab
from avroguard.reporting.workspace import from_root
from avroguard.rules import Severity


class Format(StrEnum):
    """Values of ``--format``."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"
    JUNIT = "junit"
    GITLAB = "gitlab"


@dataclass(frozen=True)
class Report:
    """The findings of a command.

    Attributes:
        tool: The command: ``avroguard lint``.
        findings: In the order of the report; waived ones included.
        checked: The files or subjects that were checked, so that a report can name those without a finding.
        about: The same for people: ``3 files checked``.
        results: Actions on each subject or file, for programs; None for commands without actions.
        errors: Errors that ended the command and have no place in a file.
    """

    tool: str
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    about: str
    results: tuple[dict[str, Any], ...] | None = None
    errors: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """One line: what was checked, and the number of findings of each severity."""
        counts = Counter("waived" if finding.waived else str(finding.severity) for finding in self.findings)
        counts[Severity.ERROR] += len(self.errors)
        parts = [
            f"{counts[severity]} {severity}{'s' if counts[severity] > 1 else ''}"
            for severity in Severity
            if counts[severity]
        ]
        if counts["waived"]:
            parts.append(f"{counts['waived']} waived")
        return f"{self.about}: {', '.join(parts) or 'nothing found'}"


def render(report: Report, form: Format) -> str:
    """The report as text that ends in a line feed; forms that CI services read name files from the checkout's root."""
    return _RENDERERS[form](report if form in (Format.TEXT, Format.JSON) else _from_root(report))


def _from_root(report: Report) -> Report:
    findings = [
        replace(finding, place=replace(finding.place, file=from_root(finding.place.file)))
        for finding in report.findings
    ]
    checked = (from_root(name) if Path(name).is_file() else name for name in report.checked)
    return replace(report, findings=tuple(findings), checked=tuple(checked))


def _text(report: Report) -> str:
    findings = [
        f"{' '.join(str(finding).splitlines())}\n{indent(finding.explanation, '    ')}"
        for finding in report.findings
        if not finding.waived
    ]
    return "".join((*findings, *(f"{error}\n" for error in report.errors), f"{report.summary}\n"))


def _json(report: Report) -> str:
    document = {
        "tool": report.tool,
        "checked": report.checked,
        "summary": report.summary,
        "findings": [as_json(finding) for finding in report.findings],
        "errors": report.errors,
    }
    if report.results is not None:
        document["results"] = report.results
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_json(finding: Finding) -> dict[str, Any]:
    """A finding as JSON data."""
    return {
        "file": finding.place.file,
        "line": finding.place.line,
        "column": finding.place.column,
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "fix": finding.fix,
        "subjects": finding.subjects,
        "breaks": finding.breaks,
        "field": finding.field,
        "waived": finding.waived,
        "explanation": finding.explanation,
    }


def _sarif(report: Report) -> str:
    from avroguard.reporting.sarif import sarif  # noqa: PLC0415 - what it needs is slow to import

    return sarif(report.tool, report.findings, report.errors)


def _junit(report: Report) -> str:
    from avroguard.reporting.junit import junit  # noqa: PLC0415 - as above

    return junit(report.tool, report.findings, report.errors, report.checked)


_RENDERERS: dict[Format, Callable[[Report], str]] = {
    Format.TEXT: _text,
    Format.JSON: _json,
    Format.GITHUB: lambda report: github(report.tool, report.findings, report.errors, report.summary),
    Format.SARIF: _sarif,
    Format.JUNIT: _junit,
    Format.GITLAB: lambda report: gitlab(report.tool, report.findings, report.errors),
}
