"""Findings as text, JSON, GitHub's annotations, SARIF, JUnit and GitLab's code quality."""

from avroguard.reporting.failures import failure_report
from avroguard.reporting.report import Format, Report, as_json, render

__all__ = ["Format", "Report", "as_json", "failure_report", "render"]
