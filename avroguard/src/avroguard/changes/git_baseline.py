"""Schemas of a commit and of the commits before it as a baseline."""

from collections.abc import Sequence
from functools import cached_property

from avroguard.avro.protocols import SCHEMA_FILES
from avroguard.changes.breakages import OldVersion
from avroguard.changes.git_tree import GitTree
from avroguard.changes.schema_history import SchemaHistory, Version
from avroguard.changes.tree_baseline import TreeBaseline
from avroguard.config.projects import Project
from avroguard.config.subjects import SubjectContract
from avroguard.config.tree import CONTRACTS
from avroguard.errors import ContractError, Unavailable


class GitBaseline(TreeBaseline):
    """The contracts of a commit, and the versions of each subject at the commits before it.

    Args:
        label: The commit's name in messages.
        tree: The commit's contracts.
        project: The project that is compared with it.
        since: The commit from which on versions count; None: from the first tag on, or all where there is none.

    Attributes:
        unreadable: The versions that are left out because they were no schemas, as ``commit:file``.
    """

    def __init__(self, label: str, tree: GitTree, project: Project, since: str | None) -> None:
        super().__init__(label, tree, project, tree.at(tree.repository.prefix_of(project.root)))
        self._git_tree = tree
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
        return self._git_tree.repository.prefix_of(self._project.root)

    @cached_property
    def _by_subject(self) -> dict[str, list[Version]]:
        return self._read_history(f"{self._git_tree.prefix}{CONTRACTS}")

    @cached_property
    def _by_file(self) -> dict[str, list[Version]]:
        return self._read_history(None)

    def _read_history(self, contracts: str | None) -> dict[str, list[Version]]:
        """The versions of each subject of the contracts, or of each file where there are none."""
        tree, repository = self._git_tree, self._git_tree.repository
        first = self._first()
        names = {
            CONTRACTS,
            *(f"*{end}" for end in SCHEMA_FILES),
            *(contract.schema.path.name for contract in self._subjects.values()),
        }
        log = list(repository.log(tree.commit, first, sorted(names)))
        changes = [
            change for entry in log for change in entry.changes if (change.new_path or "").endswith(SCHEMA_FILES)
        ]
        repository.fetch(blob for change in changes for blob in (change.new_blob, change.old_blob))
        return SchemaHistory(tree.files.blobs, contracts, repository.content).versions(log, first)

    def _first(self) -> str | None:
        """The commit to begin with."""
        repository = self._git_tree.repository
        if self._since:
            since = repository.commit(self._since)
            if not repository.contains(self._git_tree.commit, since):
                raise Unavailable(f"[history] since = {self._since}: {self.label} does not have that commit before it")
            return since
        if repository.shallow:
            raise Unavailable(
                f"{self.label}: this clone is shallow and lacks the versions before: git fetch --unshallow --tags, or "
                'name the commit to begin with in contracts.toml: [history] since = "..."'
            )
        return repository.first_tag(self._git_tree.commit)
