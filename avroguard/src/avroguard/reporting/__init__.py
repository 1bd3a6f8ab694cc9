"""Findings as text, JSON, GitHub's annotations, SARIF and JUnit."""

from avroguard.reporting.report import Format, Report, as_json, render

__all__ = ["Format", "Report", "as_json", "render"]
