"""Findings and the forms in which they are told: text, JSON, GitHub's annotations, SARIF and JUnit."""

from services.contracts.reporting.findings import Finding, Severity, exit_code, merged
from services.contracts.reporting.report import Format, Report, as_json, render
from services.contracts.reporting.rules import RULES, Family, RuleInfo

__all__ = [
    "RULES",
    "Family",
    "Finding",
    "Format",
    "Report",
    "RuleInfo",
    "Severity",
    "as_json",
    "exit_code",
    "merged",
    "render",
]
