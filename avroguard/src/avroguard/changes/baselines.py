"""Baselines that contracts are compared with, and the one that ``--against`` names: a commit or a directory."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from avroguard.avro.schema import Schema
from avroguard.changes.breakages import OldVersion
from avroguard.changes.git import Repository
from avroguard.changes.git_baseline import GitBaseline
from avroguard.changes.git_tree import GitTree
from avroguard.changes.tree_baseline import TreeBaseline
from avroguard.config.projects import Project
from avroguard.config.subjects import SubjectContract
from avroguard.config.tree import CONTRACTS, NOTHING, Directory
from avroguard.errors import UsageError
from avroguard.findings import Finding
from avroguard.levels import Level


class Baseline(Protocol):
    """The contracts as they were, or as they are deployed."""

    label: str
    has_files: bool
    """True for files: schemas without a subject of their own are compared with their past as well."""

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

    def has_same_fault(self, path: str) -> bool:
        """Return whether a file, from the root, is unchanged and was no valid schema either."""

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:
        """Return whether the baseline checks a schema itself and refuses it, at ``level`` or a lower one."""


def directory_of(against: str) -> Path | None:
    """The directory that ``--against`` names; None where it names a commit or a registry."""
    if not against or against.partition(":")[0] in ("git", "registry"):
        return None
    path = Path(against)
    return path.parent if path.name == CONTRACTS else path


def tree_baseline(against: str, project: Project, stack: ExitStack) -> TreeBaseline:
    """Open the baseline that ``--against`` names: ``git:REF`` or a path.

    Args:
        against: The value of ``--against``.
        project: The project that is compared with it.
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
            return TreeBaseline("git:HEAD (no commit yet)", NOTHING, project)
        tree = _where_contracts_were(GitTree.find(repository, ref), project)
        tree.read_ahead()
        return GitBaseline(against, tree, project, project.inspection.contracts.since)
    path = directory_of(against)
    if path is None or not path.is_dir():
        hint = "" if ":" in against or os.sep in against else f'; did you mean "git:{against}"?'
        expected = f"git:REF, registry, registry:URL or a directory with {CONTRACTS} or schemas"
        raise UsageError(f"--against {against}: expected {expected}{hint}")
    return TreeBaseline(against, Directory(path), project)


def _where_contracts_were(tree: GitTree, project: Project) -> GitTree:
    """The directory of the commit that had the contracts: where they are now, or the one that they moved from."""
    elsewhere = tree.contracts_elsewhere()
    if project.discovered or tree.prefix in elsewhere:
        return tree
    top = tree.repository.top
    moved = [prefix for prefix in elsewhere if not (top / prefix / CONTRACTS).is_file()]
    return tree.at(moved[0]) if len(moved) == 1 else tree
