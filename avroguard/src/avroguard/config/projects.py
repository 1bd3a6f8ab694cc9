"""Schemas to check: those that a ``contracts.toml`` names, or every schema file where there is none."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from avroguard.avro.schema import Schema, shown
from avroguard.config.inspection import Inspection
from avroguard.config.schema_files import SchemaFiles, findings_of
from avroguard.config.subjects import Contracts, SubjectContract
from avroguard.config.topics import inspect_contracts
from avroguard.config.tree import CONTRACTS, Directory, contracts_directory, repository_root
from avroguard.errors import ContractError, UsageError
from avroguard.levels import Level

if TYPE_CHECKING:
    from avroguard.findings import Finding

DEFAULT_LEVEL = Level.BACKWARD


@dataclass(frozen=True)
class Project:
    """Schemas that are checked together.

    Attributes:
        directory: The directory of ``contracts.toml``; the root where there is none.
        root: The root of the repository, or the directory itself outside of one.
        inspection: The content of the contracts; without them, every schema is a subject of its own.
        discovered: Whether there is no ``contracts.toml``.
        apart: The other directories that have contracts, from the root, with a slash at the end.
        alone: Whether nothing else of the repository is checked.
        baseline: A directory that the project is compared with, which is no part of it.
        remainder: Whether it is the schema files beside contracts that no table of them names.
    """

    directory: Path
    root: Path
    inspection: Inspection
    discovered: bool
    apart: tuple[str, ...] = ()
    alone: bool = True
    baseline: Path | None = None
    remainder: bool = False

    @cached_property
    def every_file(self) -> SchemaFiles:
        """Every schema file of the repository, named by contracts or not."""
        if self.discovered:
            return self.inspection.files
        return SchemaFiles(Directory(self.root, self.baseline))

    def path_of(self, schema: Schema) -> str:
        """The file of a schema, from the root of the repository."""
        name = self.inspection.files.name_of(schema)
        if self.discovered:
            return name
        return os.path.relpath(self.directory.absolute() / name, self.root.absolute()).replace(os.sep, "/")

    def covers(self, path: str) -> bool:
        """Return whether a file, from the root, is one to check here and not below other contracts."""
        return path.startswith(self._prefix) and not path.startswith(self.apart)

    @cached_property
    def _prefix(self) -> str:
        return "" if self.discovered or self.alone else _prefixes([self.directory], self.root)[0]

    @cached_property
    def unnamed(self) -> tuple[str, ...]:
        """The schema files of the repository that no table of the contracts names, nor refers to."""
        if self.discovered:
            return ()
        named = {os.path.realpath(self.directory / name) for name in self.inspection.files.loaded()}
        names = self.every_file.names
        return tuple(name for name in names if self.covers(name) and os.path.realpath(self.root / name) not in named)

    @cached_property
    def submodules(self) -> Mapping[str, int]:
        """The submodules of the repository, and how many schema files each has here."""
        names = Directory(self.root).submodules() if (self.root / ".gitmodules").is_file() else []
        return {shown(self.root / name): len(Directory(self.root / name).schema_files()) for name in names}


def find_projects(start: Path, level: Level | None, baseline: Path | None = None) -> Iterator[Project]:
    """Find what to check: by ``SCHEMAS_DIR``, else by the nearest ``contracts.toml``, else everything.

    Without a ``contracts.toml`` beside or above, those below are projects of their own, and what they don't govern is
    one more. The files that no table of a ``contracts.toml`` names are a project after its own.

    Args:
        start: The working directory.
        level: The level of schemas that no contracts govern.
        baseline: A directory that they are compared with, which is no part of them.

    Raises:
        UsageError: If ``SCHEMAS_DIR`` is no directory.
        ContractError: If a ``contracts.toml`` is no TOML.
    """
    chosen = os.environ.get("SCHEMAS_DIR")
    if chosen and not Path(chosen).is_dir():
        raise UsageError(f"SCHEMAS_DIR={chosen}: no such directory")
    directory = Path(chosen) if chosen else contracts_directory(start)
    root = Path(os.path.relpath(repository_root((directory or start).absolute())))
    if directory is not None and (directory / CONTRACTS).is_file():
        yield from _governed(directory, root, baseline, level or DEFAULT_LEVEL, alone=True)
        return
    top = directory or root
    below = [top / Path(name).parent for name in Directory(top, baseline).contract_files()]
    for place in below:
        yield from _governed(place, root, baseline, level or DEFAULT_LEVEL, alone=False)
    tree, apart = Directory(top, baseline), _prefixes(below, top)
    files = SchemaFiles(tree)
    names = [name for name in files.names if not name.startswith(apart)]
    yield Project(top, top, _discovered(top, files, names, level or DEFAULT_LEVEL), discovered=True, apart=apart)


def _governed(directory: Path, root: Path, baseline: Path | None, level: Level, *, alone: bool) -> Iterator[Project]:
    """The project of a contracts file, and that of the files that no table of it names, if there are any."""
    others = [root / Path(name).parent for name in Directory(root, baseline).contract_files()]
    apart = _prefixes([other for other in others if not other.samefile(directory)], root)
    inspection = inspect_contracts(Directory(directory))
    project = Project(directory, root, inspection, discovered=False, apart=apart, alone=alone, baseline=baseline)
    yield project
    if project.unnamed:
        contracts = inspection.contracts
        rest = _discovered(root, project.every_file, project.unnamed, level)
        rest = replace(rest, contracts=replace(contracts, topics=(), shared=rest.contracts.shared))
        yield Project(root, root, rest, discovered=True, apart=apart, baseline=baseline, remainder=True)


def _prefixes(directories: list[Path], root: Path) -> tuple[str, ...]:
    return tuple(f"{Path(os.path.relpath(directory, root)).as_posix()}/" for directory in directories)


def _discovered(root: Path, files: SchemaFiles, names: Sequence[str], level: Level) -> Inspection:
    """Every file as a subject of its own."""
    subjects: list[SubjectContract] = []
    invalid: dict[str, tuple[Finding, ...]] = {}
    taken: set[str] = set()
    for name in files.in_order(names):
        try:
            schema = files.schema(name)
        except ContractError as error:
            invalid[name] = tuple(findings_of(error, files.shown(name)))
            continue
        if schema is None:
            continue
        named = isinstance(schema.document.json, dict) and "name" in schema.document.json
        subject = schema.name if named and schema.name not in taken else name
        taken.add(subject)
        subjects.append(SubjectContract(subject, schema, level, schema.where()))
    faults = dict.fromkeys(finding for findings in invalid.values() for finding in findings)
    return Inspection(Contracts((), shown(root), tuple(subjects)), files, tuple(faults), invalid)
