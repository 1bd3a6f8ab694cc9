"""The report of a command that an error has ended: a whole document in every form."""

import re

from avroguard.errors import ContractError, ExpectedError
from avroguard.findings import Finding, FindingsError
from avroguard.places import Place
from avroguard.reporting.report import Report

_PLACE = re.compile(r"(?P<file>[^\n]+?):(?P<line>\d+)(?::(?P<column>\d+))?: (?P<message>.*)")


def failure_report(tool: str, error: ExpectedError) -> Report:
    """Return the report of an error: findings where it names a place in a file, else a plain error.

    Args:
        tool: The command: ``avroguard check``.
        error: The error that has ended it.
    """
    findings: tuple[Finding, ...] = ()
    errors: list[str] = []
    if isinstance(error, FindingsError):
        findings = error.findings
    else:
        for line in str(error).splitlines():
            finding = _finding(line) if isinstance(error, ContractError) else None
            if finding:
                findings += (finding,)
            else:
                errors.append(line)
    return Report(tool, findings, (), "stopped", errors=tuple(errors))


def _finding(line: str) -> Finding | None:
    """The finding of a line that begins with a place."""
    if not (match := _PLACE.fullmatch(line)):
        return None
    column = int(match["column"]) if match["column"] else None
    return Finding(Place(match["file"], int(match["line"]), column), "CONTRACTS_INVALID", match["message"])
