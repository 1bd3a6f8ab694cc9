"""Findings that are accepted for a time: the tables ``[[waivers]]`` of ``contracts.toml``. No I/O."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from avroguard.avro.names import suggestion
from avroguard.config.globs import matches
from avroguard.findings import Finding
from avroguard.places import Place
from avroguard.rules import RULES, Family

_WHERE = ("file", "subject", "field")
_KEYS = ("rule", *_WHERE, "reason", "expires")
_HEADER = re.compile(r"\s*\[\[\s*(?:waivers|\"waivers\"|'waivers')\s*\]\]")


@dataclass(frozen=True)
class Waiver:
    """A decision to accept the findings of a rule at a place for a time.

    Attributes:
        rule: The id of the rule.
        reason: Why its findings don't count.
        expires: The last day on which they don't.
        place: The waiver's place in its file.
        file: A pattern for the schema files that it is about, as messages name them; None: any.
        subject: A pattern for the subjects that it is about; None: any.
        field: A pattern for the fields that it is about, ``payments.Transaction.amount``; None: any.
    """

    rule: str
    reason: str
    expires: dt.date
    place: Place
    file: str | None = None
    subject: str | None = None
    field: str | None = None

    def covers(self, finding: Finding) -> bool:
        """Return whether the waiver is about a finding."""
        return (
            finding.rule == self.rule
            and (self.file is None or matches(self.file, finding.place.file))
            and (self.field is None or matches(self.field, finding.field))
            and (self.subject is None or any(matches(self.subject, subject) for subject in finding.subjects))
        )


def apply_waivers(
    findings: Iterable[Finding],
    waivers: Sequence[Waiver],
    today: dt.date,
    looked_for: Callable[[Waiver], bool] = lambda _: False,
) -> list[Finding]:
    """Mark the findings that are waived, and add what is wrong with the waivers themselves.

    Args:
        findings: The findings of a command.
        waivers: The waivers of the contracts.
        today: The day by which a waiver has expired or not.
        looked_for: Whether everything was checked that a waiver may be about: it is reported if it waives nothing.
    """
    valid = [waiver for waiver in waivers if waiver.expires >= today]
    used: set[Waiver] = set()
    result = []
    for finding in findings:
        waiver = next((waiver for waiver in valid if waiver.covers(finding)), None)
        result.append(replace(finding, waived=waiver.reason) if waiver else finding)
        used |= {waiver} if waiver else set()
    result += [_expired(waiver) for waiver in waivers if waiver not in valid]
    return result + [_unused(waiver) for waiver in valid if waiver not in used and looked_for(waiver)]


def _expired(waiver: Waiver) -> Finding:
    message = f"the waiver of {waiver.rule} has expired on {waiver.expires}: {waiver.reason}"
    return Finding(waiver.place, "WAIVER_EXPIRED", message, "mend what it waives, or renew it with a later date")


def _unused(waiver: Waiver) -> Finding:
    severity = RULES["WAIVER_UNUSED"].severity
    message = f"the waiver of {waiver.rule} waives nothing"
    return Finding(waiver.place, "WAIVER_UNUSED", message, "remove it", severity)


def read_waivers(
    tables: Any, lines: Sequence[str], file: str, shown: Callable[[str], str]
) -> tuple[list[Waiver], list[str]]:
    """Read the waivers of a contracts file.

    Args:
        tables: The value of ``waivers`` in the file.
        lines: The lines of the file.
        file: The file, as messages call it.
        shown: Returns the name in messages of a file beside it.

    Returns:
        The waivers, and what is wrong with them: a line for each fault, with file and line.
    """
    starts = [number for number, line in enumerate(lines, 1) if _HEADER.match(line)]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        line = next((number for number, text in enumerate(lines, 1) if "waivers" in text), 1)
        return [], [f"{file}:{line}: waivers: expected tables [[waivers]]"]
    waivers: list[Waiver] = []
    faults: list[str] = []
    for index, table in enumerate(tables):
        place = Place(file, starts[index] if index < len(starts) else 1)
        wrong = sorted((_line(lines, place, key).line, message) for key, message in _faults(table))
        faults += [f"{file}:{line}: waiver: {message}" for line, message in wrong]
        if not wrong:
            given = {**table, "file": shown(table["file"]) if "file" in table else None}
            waivers.append(Waiver(place=place, **given))
    return waivers, faults


def _line(lines: Sequence[str], table: Place, key: str) -> Place:
    """The place of a key in a table, or of the table."""
    for number, line in enumerate(lines[table.line :], table.line + 1):
        if line.lstrip().startswith("["):
            break
        if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return Place(table.file, number)
    return table


def _faults(table: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield what is wrong with a table: the key, and what was expected."""
    for key in table:
        if key not in _KEYS:
            near = suggestion(key, list(_KEYS)) or f"; expected one of {', '.join(_KEYS)}"
            yield key, f'unknown key "{key}"{near}'
    for key in ("rule", "reason", *(key for key in _WHERE if key in table)):
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            yield key, f"{key}: expected a text such as {_EXAMPLES[key]}"
    rule = table.get("rule")
    if isinstance(rule, str) and rule.strip() and rule not in RULES:
        yield "rule", f"rule: there is no {rule}{suggestion(rule, list(RULES))}"
    elif isinstance(rule, str) and rule in RULES and RULES[rule].family in (Family.SYNTAX, Family.WAIVERS):
        yield "rule", f"rule: {rule} can't be waived: {RULES[rule].summary.lower()}"
    expires = table.get("expires")
    if not isinstance(expires, dt.date) or isinstance(expires, dt.datetime):
        yield "expires", "expires: expected the last day of the waiver, such as 2027-01-31, without quotes"
    if not any(key in table for key in _WHERE):
        yield "rule", f"expected at least one of {', '.join(_WHERE)}: a waiver is for one place, not for all"


_EXAMPLES = {
    "rule": '"ENUM_DEFAULT_MISSING"',
    "reason": '"readers are deployed before symbols are added"',
    "file": '"transaction.avsc"',
    "subject": '"queueing.transactions-value"',
    "field": '"payments.Transaction.currency"',
}
