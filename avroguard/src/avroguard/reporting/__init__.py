"""Findings and the forms in which they are told: text, JSON, GitHub's annotations, SARIF and JUnit."""

from avroguard.reporting.findings import Finding, Severity, exit_code, merged
from avroguard.reporting.report import Format, Report, as_json, render
from avroguard.reporting.rules import RULES, Family, RuleInfo

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
