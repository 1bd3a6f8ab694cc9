"""Findings as workflow commands, which GitHub shows as annotations on the lines of a pull request.

Grammar and escapes: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions and
``packages/core/src/command.ts`` of actions/toolkit.
"""

from collections.abc import Sequence

from avroguard.findings import Finding
from avroguard.rules import Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def github(tool: str, findings: Sequence[Finding], errors: Sequence[str], summary: str) -> str:
    """Return a command for each finding that counts and for each error, and the summary as plain text."""
    commands = [_command(finding) for finding in findings if not finding.waived]
    commands += [f"::error title={_property(tool)}::{_data(error)}" for error in errors]
    return "".join(f"{line}\n" for line in (*commands, _data(summary)))


def _command(finding: Finding) -> str:
    place = finding.place
    properties = {"file": place.file, "line": place.line, "col": place.column, "title": finding.rule}
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value is not None)
    # A log shows the message alone, so the message repeats the place of the finding.
    return f"::{_COMMANDS[finding.severity]} {listed}::{_data(str(finding))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
