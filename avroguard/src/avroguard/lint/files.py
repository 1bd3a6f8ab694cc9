"""The files that lint checks, and what counts for them: a contracts file, types of other files."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from avroguard.avro.protocols import IDL, PROTOCOL
from avroguard.avro.schema import Reference, shown
from avroguard.config.inspection import faults_at
from avroguard.config.schema_files import SchemaFiles
from avroguard.config.severities import RECOMMENDED, RuleSettings
from avroguard.config.topics import inspect_contracts
from avroguard.config.tree import CONTRACTS, Directory
from avroguard.config.waivers import Waiver
from avroguard.errors import ContractError, UsageError
from avroguard.findings import Finding

_PATTERNS = ("*.avsc", f"*{PROTOCOL}", CONTRACTS)


def files_of(path: Path) -> Iterator[Path]:
    """Yield the schema and contracts files of a path: itself, or what is below it but for hidden directories.

    Raises:
        UsageError: If there is none.
    """
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise UsageError(f"{path}: no such file or directory; expected a schema file (.avsc) or a directory of them")
    files = sorted(file for pattern in _PATTERNS for file in visible_files(path, pattern))
    if not files:
        idl = len(idl_files_of(path))
        hint = f"; {idl} Avro IDL file{'s' if idl > 1 else ''}: run `java -jar avro-tools.jar idl` first" if idl else ""
        raise UsageError(f"{path}: no schema file (.avsc, .avpr) and no {CONTRACTS} in this directory or below{hint}")
    yield from files


def idl_files_of(path: Path) -> list[Path]:
    """Return the Avro IDL files below a path, which can't be checked."""
    return list(visible_files(path, f"*{IDL}")) if path.is_dir() else []


def visible_files(path: Path, pattern: str) -> Iterator[Path]:
    """Yield the files below a path, without those in hidden directories."""
    for file in path.rglob(pattern):
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts):
            yield file


def contract_file_of(file: Path) -> Path | None:
    """The contracts file that counts for a file: beside it or above, in the same repository."""
    for directory in file.absolute().parents:
        if (directory / CONTRACTS).is_file():
            return directory / CONTRACTS
        if (directory / ".git").exists():
            break
    return None


@dataclass(frozen=True)
class LintContext:
    """Context of schema files in lint: other files, and a contracts file.

    Attributes:
        root: The directory in which types of other files are searched.
        files: The schema files in it.
        findings: The faults of the contracts file itself; its schemas are checked on their own.
        waivers: The findings that don't count.
        rules: The rules that count, and how much.
    """

    root: Path
    files: SchemaFiles
    findings: tuple[Finding, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    rules: RuleSettings = RECOMMENDED

    @classmethod
    def of_contracts(cls, path: Path) -> "LintContext":
        """Read a contracts file, as far as it can be read; types of other files are those beside it and below."""
        directory = Directory(path.parent)
        try:
            inspection = inspect_contracts(directory, path.name)
        except ContractError as error:
            return cls(path.parent, SchemaFiles(directory), tuple(faults_at([str(error)], shown(path))))
        own = tuple(fault for fault in inspection.faults if fault.place.file == shown(path))
        return cls(path.parent, inspection.files, own, inspection.contracts.waivers, inspection.contracts.rules)

    @classmethod
    def of_directory(cls, root: Path) -> "LintContext":
        """Use the types of every schema file in a directory and below."""
        return cls(root, SchemaFiles(Directory(root)))

    def types_for(self, file: Path) -> Mapping[str, Reference]:
        """Return the types of other files that a schema file uses, as far as they are found and valid."""
        name = Path(os.path.relpath(file, self.root)).as_posix()
        try:
            document = self.files.document(name)
            return self.files.types_for(name, document) if document else {}
        except ContractError:
            return {}
