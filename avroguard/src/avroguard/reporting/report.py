"""A command's findings in a form for people, for programs, or for the screens of a code review."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from textwrap import indent
from typing import Any

from avroguard.findings import Finding
from avroguard.reporting.github import github
from avroguard.rules import Severity


class Format(StrEnum):
    """What ``--format`` takes."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"
    JUNIT = "junit"


@dataclass(frozen=True)
class Report:
    """What a command has found.

    Attributes:
        tool: The command: ``avroguard lint``.
        findings: In the order in which they are told; waived ones included.
        checked: What was looked at, files or subjects, so that a report can name what is fine.
        about: The same for people: ``3 files checked``.
        results: What was done to each subject or file, for programs; None where nothing is ever done.
    """

    tool: str
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    about: str
    results: tuple[dict[str, Any], ...] | None = None

    @property
    def summary(self) -> str:
        """One line: what was looked at, and how many findings there are of each kind."""
        counts = Counter("waived" if finding.waived else str(finding.severity) for finding in self.findings)
        parts = [f"{counts[one]} {one}{'s' if counts[one] > 1 else ''}" for one in Severity if counts[one]]
        if counts["waived"]:
            parts.append(f"{counts['waived']} waived")
        return f"{self.about}: {', '.join(parts) or 'nothing found'}"


def render(report: Report, form: Format) -> str:
    """The report as text that ends in a line feed."""
    return _RENDERERS[form](report)


def _text(report: Report) -> str:
    told = (finding for finding in report.findings if not finding.waived)
    return (
        "".join(f"{' '.join(str(finding).splitlines())}\n{indent(finding.explanation, '    ')}" for finding in told)
        + f"{report.summary}\n"
    )


def _json(report: Report) -> str:
    document = {
        "tool": report.tool,
        "checked": report.checked,
        "summary": report.summary,
        "findings": [as_json(finding) for finding in report.findings],
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

    return sarif(report.tool, report.findings)


def _junit(report: Report) -> str:
    from avroguard.reporting.junit import junit  # noqa: PLC0415 - as above

    return junit(report.tool, report.findings, report.checked)


_RENDERERS: dict[Format, Callable[[Report], str]] = {
    Format.TEXT: _text,
    Format.JSON: _json,
    Format.GITHUB: lambda report: github(report.findings, report.summary),
    Format.SARIF: _sarif,
    Format.JUNIT: _junit,
}
