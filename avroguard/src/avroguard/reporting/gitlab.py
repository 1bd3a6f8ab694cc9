"""Findings as a GitLab Code Quality report, which a merge request shows at the lines of its files.

Format: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from avroguard.findings import Finding
from avroguard.places import Place
from avroguard.reporting.fingerprints import fingerprints
from avroguard.rules import Severity

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def gitlab(tool: str, findings: Sequence[Finding], errors: Sequence[str]) -> str:
    """Return an issue for each finding that counts, and one for each error that has ended the command.

    An error has no place; the format asks for a path, so that it is the root's.
    """
    counted = [finding for finding in findings if not finding.waived]
    issues = [
        _issue(finding.rule, finding.advice, _SEVERITIES[finding.severity], finding.place, fingerprint)
        for finding, fingerprint in zip(counted, fingerprints(counted), strict=True)
    ]
    root = Place(".", 1)
    issues += [_issue(tool, error, "blocker", root, sha256(error.encode()).hexdigest()[:32]) for error in errors]
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"


def _issue(name: str, description: str, severity: str, place: Place, fingerprint: str) -> dict[str, Any]:
    return {
        "description": description,
        "check_name": name,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": place.file, "lines": {"begin": place.line}},
    }
