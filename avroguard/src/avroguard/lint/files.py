"""The files that lint checks, and what counts for them: a contracts file, types of other files."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from avroguard.avro.protocols import IDL, SCHEMA_FILES
from avroguard.avro.references import foreign_names
from avroguard.avro.schema import Reference, shown
from avroguard.config.inspection import faults_at
from avroguard.config.schema_files import SchemaFiles
from avroguard.config.severities import RECOMMENDED, RuleSettings
from avroguard.config.topics import inspect_contracts
from avroguard.config.tree import CONTRACTS, Directory, contracts_directory, repository_root
from avroguard.config.waivers import Waiver
from avroguard.errors import ContractError, UsageError
from avroguard.findings import Finding, FindingsError

_PATTERNS = (*(f"*{end}" for end in SCHEMA_FILES), CONTRACTS)


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


def default_scope() -> tuple[Path, str]:
    """Return the directory that is checked where no path is given, as avroguard check does, and what to call it.

    It is ``SCHEMAS_DIR``; else that of the nearest ``contracts.toml``; else the repository; else the working directory.
    """
    if chosen := os.environ.get("SCHEMAS_DIR"):
        return Path(chosen), chosen
    if found := contracts_directory(Path()):
        directory = Path(os.path.relpath(found))
        return directory, "the working directory" if directory == Path() else str(directory)
    root = repository_root(Path.cwd())
    return Path(os.path.relpath(root)), "the repository" if (root / ".git").exists() else "the working directory"


def listed_files_of(path: Path) -> list[Path]:
    """Return the files of a directory as avroguard check finds them: without what git ignores and dependencies.

    Raises:
        UsageError: If there is none.
    """
    if not path.is_dir():
        return list(files_of(path))
    directory = Directory(path)
    names = (*directory.schema_files(), *directory.contract_files())
    files = sorted(file for name in names if (file := path / name).is_file())
    return files or list(files_of(path))


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
    for directory in Path(os.path.abspath(file)).parents:  # noqa: PTH100 - takes ".." away, and follows no link
        if (path := directory / CONTRACTS).is_file():
            return path if file.is_absolute() else Path(os.path.relpath(path))
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

    def types_for(self, file: Path) -> tuple[dict[str, Reference], dict[str, str]]:
        """Return the types of other files that a schema file uses, by full name.

        Returns:
            Those that are valid, and of those that are not the reason.
        """
        name = Path(os.path.relpath(file, self.root)).as_posix()
        valid: dict[str, Reference] = {}
        invalid: dict[str, str] = {}
        try:
            document = self.files.document(name)
        except ContractError:
            document = None
        for full in foreign_names(document.json) if document else ():
            other = self.files.file_defining(full, name)
            try:
                schema = self.files.schema(other) if other else None
            except ContractError as error:
                invalid[full] = (
                    f"{full} is defined in {self.files.shown(str(other))}, which is invalid: {_reason(error)}"
                )
                continue
            if other and schema is not None:
                valid[full] = Reference(full, self.files.subjects.get(other, full), schema)
        return valid, invalid


def _reason(error: ContractError) -> str:
    return error.findings[0].message if isinstance(error, FindingsError) else str(error)
