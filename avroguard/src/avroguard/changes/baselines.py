"""What the contracts are compared with: a commit and those before it, or a directory; a registry stands elsewhere."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from avroguard.avro.schema import Schema
from avroguard.changes.breakages import (
    CheckOptions,
    OldVersion,
    find_breakages,
    find_lowered_level,
    find_removed_subjects,
)
from avroguard.changes.commit_tree import CommitTree
from avroguard.changes.git import Repository
from avroguard.changes.schema_history import SchemaHistory, Version
from avroguard.compatibility import Parser
from avroguard.config.subjects import SubjectContract
from avroguard.config.topics import Contracts, read_contracts
from avroguard.config.tree import CONTRACTS, NOTHING, Directory, Tree
from avroguard.errors import ContractError, Unavailable, UsageError
from avroguard.findings import Finding
from avroguard.levels import Level
from avroguard.rules import RULES, Family

REFUSED_FIX = "ask the registry's log for its reason"


class Baseline(Protocol):
    """The contracts as they were, or as they are deployed."""

    label: str

    def history(self, subject: str, *, whole: bool) -> Sequence[OldVersion]:
        """The versions of a subject, oldest first; none where it is new. The latest alone unless ``whole``."""

    def level(self, subject: str) -> Level | None:
        """The level of a subject; None where it has none."""

    def removals(self, contracts: Contracts) -> list[Finding]:
        """The subjects that the contracts have dropped."""

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:
        """Whether the baseline has a say of its own and says no, at ``level`` or a lower one."""


class TreeBaseline:
    """The contracts of another directory: one version of each subject.

    Args:
        label: What to call it.
        tree: Where the contracts are read from; where it has none, everything is new.
    """

    def __init__(self, label: str, tree: Tree) -> None:
        self.label = label
        found = tree.read(CONTRACTS) is not None
        self._contracts = read_contracts(tree) if found else Contracts((), tree.shown(CONTRACTS))
        self._subjects = {contract.subject: contract for contract in self._contracts.subjects}
        self._parser = Parser()

    def history(self, subject: str, *, whole: bool) -> Sequence[OldVersion]:  # noqa: ARG002
        """The one version that there was, if any."""
        contract = self._subjects.get(subject)
        return [OldVersion(self.label, contract.schema.json, self._parser)] if contract else []

    def level(self, subject: str) -> Level | None:
        """The level that was asked for."""
        contract = self._subjects.get(subject)
        return contract.compatibility if contract else None

    def removals(self, contracts: Contracts) -> list[Finding]:
        """The subjects that the contracts have dropped."""
        return find_removed_subjects(contracts, self._contracts, self.label)

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:  # noqa: ARG002
        """Never: files have no say of their own."""
        return False


class GitBaseline(TreeBaseline):
    """The contracts of a commit, and what each subject was at the commits before it.

    Args:
        label: What to call the commit.
        tree: The commit's contracts.
        since: The commit from which on versions count; None: from the first tag on, or all where there is none.

    Attributes:
        unreadable: The versions that are left out because they were no schemas, as ``commit:file``.
    """

    def __init__(self, label: str, tree: CommitTree, since: str | None) -> None:
        super().__init__(label, tree)
        self._tree = tree
        self._since = since
        self.unreadable: list[str] = []

    def history(self, subject: str, *, whole: bool) -> Sequence[OldVersion]:
        """Every distinct version on the main line that led to the commit, the commit's own last.

        Raises:
            Unavailable: If the clone lacks a part of the history, or the commit to begin with.
        """
        latest = super().history(subject, whole=False)
        if not whole:
            return latest
        known = [old.schema for old in latest]
        earlier = [
            old
            for version in self._past.get(subject, ())
            if version.schema not in known and (old := self._readable(version))
        ]
        return [*earlier, *latest]

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
    def _past(self) -> dict[str, list[Version]]:
        tree, repository = self._tree, self._tree.repository
        first = self._first()
        contracts = f"{repository.prefix}{CONTRACTS}"
        names = {CONTRACTS, "*.avsc", *(contract.schema.path.name for contract in self._contracts.subjects)}
        log = list(repository.log(tree.commit, first, sorted(names)))
        changes = [change for entry in log for change in entry.changes if repository.governs(change.new_path or "")]
        repository.fetch(blob for change in changes for blob in (change.new_blob, change.old_blob))
        return SchemaHistory(tree.files, contracts, repository.content).versions(log, first)

    def _first(self) -> str | None:
        """The commit to begin with."""
        repository = self._tree.repository
        if self._since:
            since = repository.commit(self._since)
            if not repository.contains(self._tree.commit, since):
                raise Unavailable(f"[history] since = {self._since}: {self.label} does not have that commit before it")
            return since
        if repository.shallow:
            raise Unavailable(
                f"{self.label}: this clone is shallow and lacks the versions before: git fetch --unshallow --tags, or "
                'name the commit to begin with in contracts.toml: [history] since = "..."'
            )
        return repository.first_tag(self._tree.commit)


def tree_baseline(against: str, directory: Path, since: str | None, stack: ExitStack) -> TreeBaseline:
    """The baseline that ``--against`` names: ``git:REF`` or a path.

    Args:
        against: What the user gave.
        directory: The directory of the contracts that are checked.
        since: Where the history in git begins.
        stack: Ends what is started.

    Raises:
        UsageError: If it names nothing that there is.
        Unavailable: If git can't tell.
        ContractError: If the contracts there are broken.
    """
    kind, colon, ref = against.partition(":")
    if kind == "git" and colon:
        if not ref:
            raise UsageError("--against git:REF: expected a commit, branch or tag after the colon")
        repository = stack.enter_context(Repository(directory))
        if ref == "HEAD" and repository.empty:
            return TreeBaseline("git:HEAD, which has no commit yet", NOTHING)
        return GitBaseline(against, CommitTree.find(repository, ref), since)
    path = Path(against)
    path = path.parent if path.name == CONTRACTS else path
    if not (path / CONTRACTS).is_file():
        raise UsageError(
            f"--against {against}: expected git:REF, registry, registry:URL or a directory with {CONTRACTS}"
        )
    return TreeBaseline(against, Directory(path))


@dataclass(frozen=True)
class CheckRequest:
    """What a check asks for.

    Attributes:
        level: The level to judge at; None: each subject's own.
        all_versions: Whether every earlier version counts, whatever the level says.
        options: What to look for besides compatibility.
    """

    level: Level | None = None
    all_versions: bool = False
    options: CheckOptions = field(default_factory=CheckOptions)


def check_contracts(
    contracts: Contracts, chosen: Sequence[SubjectContract], baseline: Baseline, request: CheckRequest
) -> list[Finding]:
    """Everything that is wrong with the contracts as a change of the baseline, for each subject on its own.

    Args:
        contracts: All contracts.
        chosen: The subjects to judge; only if it is all of them, dropped ones are looked for as well.
        baseline: What they are compared with.
        request: What to check for.
    """
    findings = baseline.removals(contracts) if len(chosen) == len(contracts.subjects) else []
    for contract in chosen:
        if request.level is None:
            findings += find_lowered_level(contract, baseline.level(contract.subject), baseline.label)
        level = request.level or contract.compatibility
        level = level.of_all_versions if request.all_versions else level
        findings += check_schema(contract, level, baseline, request.options)
    return findings


def check_schema(contract: SubjectContract, level: Level, baseline: Baseline, options: CheckOptions) -> list[Finding]:
    """What keeps one schema from following the baseline's versions at a level, the baseline's own word included."""
    subject, schema = contract.subject, contract.schema
    history = baseline.history(subject, whole=level.transitive)
    found = find_breakages(subject, schema, history, level, options)
    compatible = not any(RULES[finding.rule].family is Family.COMPATIBILITY for finding in found)
    if compatible and history and baseline.refuses(subject, schema, level):
        message = f"{baseline.label} refuses this schema at its present level, though no rule here says why"
        found.append(Finding(schema.where(), "REFUSED_BY_REGISTRY", message, REFUSED_FIX, subjects=(subject,)))
    return found
