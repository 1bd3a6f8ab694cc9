"""Findings as SARIF 2.1.0, the OASIS standard that code scanning services read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

import json
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from avroguard.findings import Finding
from avroguard.reporting.fingerprints import fingerprints
from avroguard.reporting.workspace import workspace
from avroguard.rules import PAGE, RULES

_PACKAGE = "avroguard"
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(tool: str, findings: Sequence[Finding], errors: Sequence[str]) -> str:
    """Return a log of one run; waived findings are in it as suppressed ones, errors as notifications of the tool."""
    rules = sorted({finding.rule for finding in findings})
    home = _home(os.environ)
    run: dict[str, Any] = {
        "tool": {
            "driver": {"name": tool, "version": installed_version(), "rules": [_rule(rule, home) for rule in rules]}
        },
        "columnKind": "unicodeCodePoints",
        "results": _results(findings, rules),
    }
    if errors:
        notifications = [{"level": "error", "message": {"text": error}} for error in errors]
        run["invocations"] = [{"executionSuccessful": False, "toolExecutionNotifications": notifications}]
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def installed_version() -> str:
    """Return the version of avroguard; 0 where it runs from a checkout that is not installed."""
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        return "0"


def _home(environment: Mapping[str, str]) -> str | None:
    """Return the URI of the rules' pages, which ends in a slash; None where they are not at hand.

    In a workflow of GitHub they are read there; else in the checkout.
    """
    root = Path(__file__).parents[4]
    if not (root / PAGE).is_file():
        return None
    checkout = workspace(environment)
    if checkout and root.samefile(checkout):
        named = [environment.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "SHA")]
        if all(named):
            return "{}/{}/blob/{}/".format(*named)
    return f"{root.as_uri()}/"


def _rule(rule: str, home: str | None) -> dict[str, Any]:
    known = RULES[rule]
    return {
        **({"helpUri": f"{home}{known.page}"} if home else {}),
        "id": rule,
        "shortDescription": {"text": known.summary},
        "help": {"text": f"{known.summary} See {known.page}."},
        "defaultConfiguration": {"level": known.severity},
    }


def _results(findings: Sequence[Finding], rules: list[str]) -> list[dict[str, Any]]:
    return [
        _result(finding, rules.index(finding.rule), fingerprint)
        for finding, fingerprint in zip(findings, fingerprints(findings), strict=True)
    ]


def _result(finding: Finding, rule_index: int, fingerprint: str) -> dict[str, Any]:
    region = {"startLine": finding.place.line}
    if finding.place.column:
        region["startColumn"] = finding.place.column
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(finding.place.file)}, "region": region}
    }
    if finding.field:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.field, "kind": "member"}]
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": finding.severity,
        "message": {"text": finding.advice},
        "locations": [location],
        "partialFingerprints": {"findingHash/v1": fingerprint},
        "properties": {"subjects": finding.subjects, "breaks": finding.breaks},
    }
    if finding.waived:
        result["suppressions"] = [{"kind": "external", "justification": finding.waived}]
    return result


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
