"""Content of a contracts file as far as it can be read, and its faults."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from avroguard.config.schema_files import SchemaFiles, findings_of
from avroguard.config.subjects import Contracts
from avroguard.errors import ContractError
from avroguard.findings import Finding, FindingsError
from avroguard.places import Place
from avroguard.rules import RULES, Family
from avroguard.toml_source import TomlDocument, TomlPath, toml_shown

_PLACE = re.compile(r"(.+?):(\d+)(?::(\d+))?: ")


@dataclass(frozen=True)
class Inspection:
    """Content of a contracts file as far as it can be read.

    Attributes:
        contracts: Without the parts that are faulty.
        files: The schema files beside it and below.
        faults: The faults of the file and of its schemas.
        invalid: The subjects that have no valid schema, with the reasons.
    """

    contracts: Contracts
    files: SchemaFiles
    faults: tuple[Finding, ...]
    invalid: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)

    def valid_contracts(self) -> Contracts:
        """Return the contracts.

        Raises:
            FindingsError: If anything is wrong: one line for each fault, with file and line.
        """
        if self.faults:
            raise FindingsError(self.faults, dict.fromkeys(map(_line, self.faults)))
        return self.contracts


class ContractsReader:
    """Collects what is wrong with a contracts file while it is read.

    Args:
        document: The file.
        files: The schema files beside it and below.

    Attributes:
        faults: The faults so far.
        invalid: The subjects that have no valid schema, with the reasons.
    """

    def __init__(self, document: TomlDocument, files: SchemaFiles) -> None:
        self.document = document
        self.files = files
        self.faults: list[Finding] = []
        self.invalid: dict[str, tuple[Finding, ...]] = {}

    def place(self, path: TomlPath) -> Place:
        """The line of a key, or of the table around it."""
        return Place(self.document.name, self.document.line(path))

    def finding(self, message: str, place: Place) -> Finding:
        """A fault of the file."""
        return Finding(place, "CONTRACTS_INVALID", message)

    def fault(self, message: str, path: TomlPath) -> None:
        """Take a fault of the file."""
        self.faults.append(self.finding(message, self.place(path)))

    def refuse_schema(self, file: str, subject: str, error: ContractError) -> None:
        """Take the faults of a schema, each once however many subjects have it."""
        findings = tuple(findings_of(error, self.files.shown(file)))
        self.invalid[subject] = findings
        self.faults += [finding for finding in findings if finding not in self.faults]

    def tables(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The tables of a kind, by name, as far as they are tables."""
        tables = self.document.data.get(kind)
        if isinstance(tables, dict):
            yield from ((name, table) for name, table in tables.items() if isinstance(table, dict))

    def since(self) -> str | None:
        """The commit from which on versions were deployed: ``[history] since``."""
        history = self.document.data.get("history", {})
        if not isinstance(history, dict) or not set(history) <= {"since"}:
            self.fault('history: expected a table with the key "since"', ("history",))
            return None
        since = history.get("since")
        if since is not None and (not isinstance(since, str) or not since):
            self.fault(f"history: since: expected a commit or tag, found {toml_shown(since)}", ("history", "since"))
            return None
        return since


def faults_at(lines: Iterable[str], file: str) -> Iterator[Finding]:
    """The faults of a contracts file that are told as lines with the place in front, if there is one.

    Args:
        lines: The faults, one a line.
        file: The contracts file, as messages name it.
    """
    for line in (line for fault in lines for line in fault.splitlines()):
        place = _PLACE.match(line)
        if place:
            column = int(place.group(3)) if place.group(3) else None
            where = Place(place.group(1), int(place.group(2)), column)
            yield Finding(where, "CONTRACTS_INVALID", line[place.end() :])
        else:
            yield Finding(Place(file, 1), "CONTRACTS_INVALID", line.removeprefix(f"{file}: "))


def _line(finding: Finding) -> str:
    """A fault as one line; of a schema, it says what the file is not."""
    if RULES[finding.rule].family not in (Family.SYNTAX, Family.PORTABILITY):
        return f"{finding.place}: {finding.advice}"
    language = "JSON" if finding.rule.startswith("JSON_") else "Avro"
    return f"{finding.place}: not {language}: {finding.advice}"
