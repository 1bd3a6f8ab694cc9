"""Schemas of a directory as a baseline: one version of each subject."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from avroguard.avro.names import type_aliases, type_name
from avroguard.avro.schema import Schema, shown
from avroguard.changes.breakages import OldVersion, find_removed_subjects, new_schema, removed_schema
from avroguard.changes.matching import Matches, NamedFile, match_files
from avroguard.compatibility import Parser
from avroguard.config.inspection import Inspection
from avroguard.config.projects import Project
from avroguard.config.schema_files import SchemaFiles, nearest
from avroguard.config.subjects import SubjectContract
from avroguard.config.topics import inspect_contracts
from avroguard.config.tree import CONTRACTS, Directory, Tree
from avroguard.errors import ContractError
from avroguard.findings import Finding
from avroguard.levels import Level
from avroguard.places import Place
from avroguard.rules import Severity


class TreeBaseline:
    """The schemas of another directory: one version of each subject.

    Args:
        label: Its name in messages.
        tree: The tree that the contracts are read from.
        project: The project that is compared with it.
        everywhere: The tree of files for subjects that the contracts there don't have; by default ``tree``.
    """

    has_files = True

    def __init__(self, label: str, tree: Tree, project: Project, everywhere: Tree | None = None) -> None:
        self.label = label
        self._project = project
        self._tree = tree
        self._everywhere = everywhere or tree
        self._parser = Parser()
        self._inspection = self._inspect()

    def _inspect(self) -> Inspection | None:
        """Return the inspected contracts of the baseline; None where there are none, or none that can be read."""
        if self._project.discovered or self._tree.read(CONTRACTS) is None:
            return None
        try:
            return inspect_contracts(self._tree, files=SchemaFiles(self._tree, like=self._project.inspection.files))
        except ContractError:
            return None

    @cached_property
    def _subjects(self) -> Mapping[str, SubjectContract]:
        contracts = self._inspection.contracts.subjects if self._inspection else ()
        return {contract.subject: contract for contract in contracts}

    @cached_property
    def _files(self) -> SchemaFiles:
        """Every schema file there, by its path from the root."""
        return SchemaFiles(self._everywhere, like=self._project.every_file)

    @cached_property
    def _matches(self) -> Matches:
        return match_files(named_files(self._project.every_file), named_files(self._files))

    def history(self, contract: SubjectContract, *, whole: bool) -> Sequence[OldVersion]:  # noqa: ARG002
        """The one version that there was, if any."""
        schema = None if self._fault(contract) else self._schema(contract)
        return [OldVersion(self.label, schema.json, self._parser)] if schema else []

    def _schema(self, contract: SubjectContract) -> Schema | None:
        """The schema of a subject there; raises ContractError where it is none."""
        if self._inspection and contract.subject in self._inspection.invalid:
            fault = self._inspection.invalid[contract.subject][0]
            raise ContractError(f"{fault.place}: {fault.message}")
        if contract.subject in self._subjects:
            return self._subjects[contract.subject].schema
        source = self._source(contract)
        return self._files.schema(source) if source is not None else None

    def _source(self, contract: SubjectContract) -> str | None:
        """The file that a subject's schema comes from, by its path from the root."""
        return self._matches.sources.get(self._project.path_of(contract.schema))

    def absence(self, contract: SubjectContract) -> Finding:
        """Return the reason why a subject has no version in the baseline."""
        ambiguous = self._matches.ambiguous.get(self._project.path_of(contract.schema), ())
        fix = ""
        if fault := self._fault(contract):
            message = f"{contract.subject} was no schema in {self.label}, which is left out: {fault}"
        elif ambiguous:
            files = " and ".join(ambiguous)
            message = f"{contract.schema.name} is defined in several files of {self.label}, {files}: compared with none"
            fix = "say in contracts.toml which one it is"
        else:
            return new_schema(contract, self.label)
        place, subjects = contract.schema.where(), (contract.subject,)
        return Finding(place, "NOT_COMPARED", message, fix, Severity.WARNING, subjects)

    def was_broken(self, contract: SubjectContract) -> bool:
        """Return whether the subject's file was there and was no valid schema."""
        return bool(self._fault(contract))

    def _fault(self, contract: SubjectContract) -> str:
        """Return the reason why the file was no schema; empty where it was one, or where there was none."""
        try:
            self._schema(contract)
        except ContractError as error:
            return str(error).splitlines()[0]
        return ""

    def level(self, subject: str) -> Level | None:
        """The level that the contracts there ask."""
        contract = self._subjects.get(subject)
        return contract.compatibility if contract else None

    def removals(self) -> list[Finding]:
        """The subjects or schemas that are there and gone here; those of a remainder are told with its contracts."""
        if self._project.remainder:
            return []
        here, removed, named = self._project.inspection, [], []
        if self._inspection:
            removed = find_removed_subjects(here, self._inspection.contracts, self.label)
            named = [contract.schema.document.json for contract in self._inspection.contracts.subjects]
        today = self._project.every_file.defined_names()
        for path in self._matches.gone:
            document = _document(self._files, path)
            name = type_name(document)
            if document is None or document in named or not self._project.covers(path) or (name or path) in today:
                continue
            place = Place(shown(self._project.root / path), 1)
            hint = self._alias_hint(path, name)
            removed.append(removed_schema(name or path, f"{path} of {self.label}", place, hint))
        return removed

    def _alias_hint(self, path: str, name: str) -> str:
        """Return what to do if a new file is a removed schema by another name; empty where no file is new."""
        files = self._project.every_file
        unknown = (new for new in files.names if new not in self._matches.sources and self._project.covers(new))
        renamed = nearest((new for new in unknown if type_name(_document(files, new))), path)
        if not name or renamed is None:
            return ""
        new_name = type_name(_document(files, renamed))
        return f'; if {new_name} in {renamed} is its new name, give that one "aliases": ["{name}"]'

    def has_same_fault(self, path: str) -> bool:
        """Return whether a file, from the root, is unchanged and was no valid schema either, by the types there."""
        content = self._everywhere.read(path)
        if content is None or content != Directory(self._project.root).read(path):
            return False
        try:
            return self._files.schema(path) is None
        except ContractError:
            return True

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:  # noqa: ARG002
        """Return False: files have no say of their own."""
        return False


def named_files(files: SchemaFiles) -> dict[str, NamedFile]:
    """Return the names of the types that files define, by file."""
    documents = {name: _document(files, name) for name in files.names}
    return {name: NamedFile(type_name(document), type_aliases(document)) for name, document in documents.items()}


def _document(files: SchemaFiles, name: str) -> object:
    try:
        document = files.document(name)
    except ContractError:
        return None
    return document.json if document else None
