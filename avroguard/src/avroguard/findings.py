"""Findings: one type for lint, for the comparison of schemas and for what a registry says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from avroguard.errors import ContractError
from avroguard.places import JsonPath, Place
from avroguard.rules import RULES, Severity

NO_FILE = Place("schema", 1)
"""The place of findings in a schema that comes from no file."""

_OF_MISSING_TYPES = ("TYPE_UNKNOWN", "NOT_COMPARED")


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a schema, of a contract, or of a change of one.

    Attributes:
        place: The place to change; `NO_FILE` until the finding is located.
        rule: A stable id, which waivers and reports name.
        message: The fault, in plain words.
        fix: The way to mend it; empty where the message is enough.
        severity: Its severity.
        subjects: The subjects that it concerns; none where only a file is looked at.
        breaks: The versions or commits that it breaks; none where the fault is not about a version.
        path: Position in the schema: the JSON keys and indices that lead to it from the root.
        field: The field that the place is in or is, such as ``payments.Transaction.amount``; empty outside of fields.
        waived: Why the finding does not count; empty where it does.
        explanation: The effect on data, in a few lines; empty where it was not asked for.
    """

    place: Place
    rule: str
    message: str
    fix: str = ""
    severity: Severity = Severity.ERROR
    subjects: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    path: JsonPath = ()
    field: str = ""
    waived: str = ""
    explanation: str = ""

    @classmethod
    def at(cls, path: JsonPath, rule: str, message: str, fix: str = "") -> "Finding":
        """Make a finding in a schema that need not be in a file, with the severity of its rule."""
        return cls(NO_FILE, rule, message, fix, RULES[rule].severity, path=path)

    @classmethod
    def of(cls, rule: str, message: str, fix: str = "", *, place: Place) -> "Finding":
        """Make a finding at a place, with the severity of its rule."""
        return cls(place, rule, message, fix, RULES[rule].severity)

    def __str__(self) -> str:
        """Return one line: ``schemas/transaction.avsc:14:7: RULE message (breaks v2 of a-value); fix``."""
        breaks = f"breaks {listed(self.breaks)} of " if self.breaks else ""
        concerns = f" ({breaks}{listed(self.subjects)})" if self.subjects else ""
        return f"{self.text}{concerns}{f'; {self.fix}' if self.fix else ''}"

    @property
    def text(self) -> str:
        """The finding without what it breaks and what to do."""
        severity = "" if self.severity is Severity.ERROR else f"{self.severity}: "
        return f"{self.place}: {self.rule} {severity}{self.message}"

    @property
    def advice(self) -> str:
        """Return the message and what to do about it."""
        return f"{self.message}; {self.fix}" if self.fix else self.message

    @property
    def fails(self) -> bool:
        """Return whether a command that reports the finding has to fail."""
        return self.severity is Severity.ERROR and not self.waived


class FindingsError(ContractError):
    """A file can't be used because of its findings.

    Args:
        findings: The faults, each with its place; at least one.
        lines: The findings as lines; by default as they are.
    """

    def __init__(self, findings: Sequence[Finding], lines: Iterable[str] = ()) -> None:
        super().__init__("\n".join(lines or (f"{finding.place}: {finding.advice}" for finding in findings)))
        self.findings = tuple(findings)


class InvalidSchemaError(FindingsError):
    """A schema file is not JSON, or not Avro.

    Args:
        findings: The faults, each with its place; at least one.
        language: The language that the file is no text of: ``JSON`` or ``Avro``.
    """

    def __init__(self, findings: Sequence[Finding], language: str = "Avro") -> None:
        super().__init__(findings, [f"{finding.place}: not {language}: {finding.advice}" for finding in findings])


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, with those of the same place and text as one, which names every subject and version.

    What is waived and what is not stay apart: a waiver may be for one of the subjects.
    """
    result: dict[tuple[Place, str, str, str], Finding] = {}
    for finding in findings:
        key = finding.place, finding.rule, finding.message, finding.waived
        known = result.setdefault(key, finding)
        result[key] = replace(
            known, subjects=_union(known.subjects, finding.subjects), breaks=_union(known.breaks, finding.breaks)
        )
    return list(result.values())


def with_missing_types_once(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, with those of one type that no file defines as one, which lists the first places.

    A name without a namespace means another type in another namespace; waived findings stay apart.
    """
    first: dict[object, Finding] = {}
    places: dict[object, list[str]] = {}
    for number, finding in enumerate(findings):
        _, is_missing, name = finding.message.partition("unknown type ")
        namespace = "" if "." in name.partition(":")[0] else finding.field.rpartition(".")[0].rpartition(".")[0]
        alike = (finding.rule, finding.message, finding.severity, finding.waived, namespace)
        key = alike if is_missing and finding.rule in _OF_MISSING_TYPES else number
        first.setdefault(key, finding)
        places.setdefault(key, []).append(str(finding.place))
    return [
        replace(finding, message=f"{finding.message}; also in {listed(places[key][1:], 3)}")
        if len(places[key]) > 1
        else finding
        for key, finding in first.items()
    ]


def listed(names: Sequence[str], limit: int = 8) -> str:
    """Return names as a list in a sentence, with the number of those beyond the limit."""
    rest = len(names) - limit
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:limit])} and {rest} more"


def exit_code(findings: Sequence[Finding]) -> int:
    """Return the exit code of a command with these findings: 1 where a finding counts, else 0."""
    return int(any(finding.fails for finding in findings))


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return first + tuple(item for item in second if item not in first)
