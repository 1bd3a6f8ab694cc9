"""Baselines that contracts are compared with: a commit and those before it, or a directory; not the registry."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Protocol

from avroguard.avro.names import type_aliases, type_name
from avroguard.avro.schema import Schema
from avroguard.changes.breakages import OldVersion, find_removed_subjects, removed_schema
from avroguard.changes.commit_tree import CommitTree
from avroguard.changes.git import Repository
from avroguard.changes.matching import Matches, NamedFile, match_files
from avroguard.changes.schema_history import SchemaHistory, Version
from avroguard.compatibility import Parser
from avroguard.config.inspection import Inspection
from avroguard.config.projects import Project
from avroguard.config.schema_files import SchemaFiles
from avroguard.config.subjects import SubjectContract
from avroguard.config.topics import inspect_contracts
from avroguard.config.tree import CONTRACTS, NOTHING, Directory, Tree
from avroguard.errors import ContractError, Unavailable, UsageError
from avroguard.findings import Finding
from avroguard.levels import Level
from avroguard.rules import Severity


class Baseline(Protocol):
    """The contracts as they were, or as they are deployed."""

    label: str

    def history(self, contract: SubjectContract, *, whole: bool) -> Sequence[OldVersion]:
        """The versions of a subject, oldest first; none where it is new. The latest alone unless ``whole``."""

    def absence(self, contract: SubjectContract) -> Finding:
        """Return the reason why a subject has no versions."""

    def was_broken(self, contract: SubjectContract) -> bool:
        """Return whether the subject's file was there and was no valid schema."""

    def level(self, subject: str) -> Level | None:
        """The level of a subject; None where it has none."""

    def removals(self) -> list[Finding]:
        """The subjects that the contracts have dropped."""

    def has_same_file(self, path: str) -> bool:
        """Return whether a file, from the root, is unchanged."""

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:
        """Return whether the baseline checks a schema itself and refuses it, at ``level`` or a lower one."""


class TreeBaseline:
    """The schemas of another directory: one version of each subject.

    Args:
        label: What to call it.
        tree: Where the contracts are read from.
        project: What is compared with it.
        everywhere: Where the files of a subject are looked for that the contracts there don't have; by default there.
    """

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
        """The subjects or schemas that are there and gone here."""
        here = self._project.inspection
        if self._inspection:
            return find_removed_subjects(here, self._inspection.contracts, self.label)
        today = self._project.every_file.defined_names()
        removed = []
        for path in self._matches.gone:
            document = _document(self._files, path)
            name = type_name(document)
            if document is not None and self._project.covers(path) and (name or path) not in today:
                removed.append(removed_schema(name or path, f"{path} of {self.label}", here.contracts.name))
        return removed

    def has_same_file(self, path: str) -> bool:
        """Return whether a file, from the root, is unchanged."""
        content = self._everywhere.read(path)
        return content is not None and content == Directory(self._project.root).read(path)

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:  # noqa: ARG002
        """Never: files have no say of their own."""
        return False


class GitBaseline(TreeBaseline):
    """The contracts of a commit, and what each subject was at the commits before it.

    Args:
        label: What to call the commit.
        tree: The commit's contracts.
        project: What is compared with it.
        since: The commit from which on versions count; None: from the first tag on, or all where there is none.

    Attributes:
        unreadable: The versions that are left out because they were no schemas, as ``commit:file``.
    """

    def __init__(self, label: str, tree: CommitTree, project: Project, since: str | None) -> None:
        super().__init__(label, tree, project, tree.at(tree.repository.prefix_of(project.root)))
        self._commit_tree = tree
        self._since = since
        self.unreadable: list[str] = []

    def history(self, contract: SubjectContract, *, whole: bool) -> Sequence[OldVersion]:
        """Every distinct version on the main line that led to the commit, the commit's own last.

        Raises:
            Unavailable: If the clone lacks a part of the history, or the commit to begin with.
        """
        latest = super().history(contract, whole=False)
        if not whole:
            return latest
        known = [old.schema for old in latest]
        earlier = [
            old
            for version in self._versions(contract)
            if version.schema not in known and (old := self._readable(version))
        ]
        return [*earlier, *latest]

    def _versions(self, contract: SubjectContract) -> Sequence[Version]:
        if contract.subject in self._subjects:
            return self._by_subject.get(contract.subject, ())
        source = self._source(contract)
        return self._by_file.get(f"{self._root_prefix}{source}", ()) if source is not None else ()

    def _readable(self, version: Version) -> OldVersion | None:
        """The version if it was a schema: what never was one was never deployed."""
        old = OldVersion(f"commit {version.commit[:10]}", version.schema, self._parser)
        try:
            if version.schema is not None and old.node:
                return old
        except ContractError:
            pass
        name = f"{version.commit[:10]}:{version.path}"
        if name not in self.unreadable:
            self.unreadable.append(name)
        return None

    @cached_property
    def _root_prefix(self) -> str:
        return self._commit_tree.repository.prefix_of(self._project.root)

    @cached_property
    def _by_subject(self) -> dict[str, list[Version]]:
        return self._past(f"{self._commit_tree.prefix}{CONTRACTS}")

    @cached_property
    def _by_file(self) -> dict[str, list[Version]]:
        return self._past(None)

    def _past(self, contracts: str | None) -> dict[str, list[Version]]:
        """The versions of each subject of the contracts, or of each file where there are none."""
        tree, repository = self._commit_tree, self._commit_tree.repository
        first = self._first()
        names = {CONTRACTS, "*.avsc", *(contract.schema.path.name for contract in self._subjects.values())}
        log = list(repository.log(tree.commit, first, sorted(names)))
        changes = [change for entry in log for change in entry.changes if (change.new_path or "").endswith(".avsc")]
        repository.fetch(blob for change in changes for blob in (change.new_blob, change.old_blob))
        return SchemaHistory(tree.files.blobs, contracts, repository.content).versions(log, first)

    def _first(self) -> str | None:
        """The commit to begin with."""
        repository = self._commit_tree.repository
        if self._since:
            since = repository.commit(self._since)
            if not repository.contains(self._commit_tree.commit, since):
                raise Unavailable(f"[history] since = {self._since}: {self.label} does not have that commit before it")
            return since
        if repository.shallow:
            raise Unavailable(
                f"{self.label}: this clone is shallow and lacks the versions before: git fetch --unshallow --tags, or "
                'name the commit to begin with in contracts.toml: [history] since = "..."'
            )
        return repository.first_tag(self._commit_tree.commit)


def directory_of(against: str) -> Path | None:
    """The directory that ``--against`` names; None where it names a commit or a registry."""
    if not against or against.partition(":")[0] in ("git", "registry"):
        return None
    path = Path(against)
    return path.parent if path.name == CONTRACTS else path


def tree_baseline(against: str, project: Project, stack: ExitStack) -> TreeBaseline:
    """The baseline that ``--against`` names: ``git:REF`` or a path.

    Args:
        against: What the user gave.
        project: What is compared with it.
        stack: Ends what is started.

    Raises:
        UsageError: If it names nothing that there is.
        Unavailable: If git can't tell.
    """
    kind, colon, ref = against.partition(":")
    if kind == "git" and colon:
        if not ref:
            raise UsageError("--against git:REF: expected a commit, branch or tag after the colon")
        repository = stack.enter_context(Repository(project.directory))
        if ref == "HEAD" and repository.empty:
            return TreeBaseline("git:HEAD, which has no commit yet", NOTHING, project)
        tree = _where_contracts_were(CommitTree.find(repository, ref), project)
        tree.read_ahead()
        return GitBaseline(against, tree, project, project.inspection.contracts.since)
    path = directory_of(against)
    if path is None or not path.is_dir():
        raise UsageError(
            f"--against {against}: expected git:REF, registry, registry:URL or a directory with {CONTRACTS} or schemas"
        )
    return TreeBaseline(against, Directory(path), project)


def _where_contracts_were(tree: CommitTree, project: Project) -> CommitTree:
    """The directory of the commit that had the contracts: where they are now, or the one that they moved from."""
    elsewhere = tree.contracts_elsewhere()
    if project.discovered or tree.prefix in elsewhere:
        return tree
    top = tree.repository.top
    moved = [prefix for prefix in elsewhere if not (top / prefix / CONTRACTS).is_file()]
    return tree.at(moved[0]) if len(moved) == 1 else tree


def named_files(files: SchemaFiles) -> dict[str, NamedFile]:
    """The names of the types that files define, by file."""
    documents = {name: _document(files, name) for name in files.names}
    return {name: NamedFile(type_name(document), type_aliases(document)) for name, document in documents.items()}


def _document(files: SchemaFiles, name: str) -> object:
    try:
        document = files.document(name)
    except ContractError:
        return None
    return document.json if document else None


def new_schema(contract: SubjectContract, label: str) -> Finding:
    """Return the finding that a subject is not in the baseline at all."""
    message = f"{contract.subject} is new in comparison with {label}: nothing to compare with"
    place, subjects = contract.schema.where(), (contract.subject,)
    return Finding(place, "SCHEMA_NEW", message, severity=Severity.NOTE, subjects=subjects)
