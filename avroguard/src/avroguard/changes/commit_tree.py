"""Contracts as a commit has them."""

import posixpath
from dataclasses import dataclass
from typing import Self

from avroguard.changes.git import Repository
from avroguard.config.tree import CONTRACTS
from avroguard.errors import UsageError


@dataclass(frozen=True)
class CommitTree:
    """The directory of contracts at one commit.

    Attributes:
        repository: Where the commit is.
        ref: The commit as the user called it.
        commit: Its hash.
        files: Every file of the commit: path from the root to content, by hash.
    """

    repository: Repository
    ref: str
    commit: str
    files: dict[str, str]

    @classmethod
    def find(cls, repository: Repository, ref: str) -> Self:
        """Look a commit up.

        Raises:
            Unavailable: If the repository lacks it.
            UsageError: If it keeps its contracts elsewhere.
        """
        commit = repository.commit(ref)
        tree = cls(repository, ref, commit, repository.files(commit))
        tree._require_same_place()
        repository.fetch(blob for path, blob in tree.files.items() if repository.governs(path))
        return tree

    def _require_same_place(self) -> None:
        """Make sure that contracts which are not at this commit are new, and not moved: a move would hide changes."""
        here = f"{self.repository.prefix}{CONTRACTS}"
        elsewhere = sorted(path for path in self.files if path.rpartition("/")[2] == CONTRACTS)
        if elsewhere and here not in elsewhere:
            raise UsageError(
                f"git:{self.ref} has {elsewhere[0]} and no {here}: check out that commit elsewhere and compare with "
                "its directory, --against PATH"
            )

    def read(self, name: str) -> bytes | None:
        """The content of the file ``name`` at this commit, or None where there was none."""
        blob = self.files.get(posixpath.normpath(f"{self.repository.prefix}{name}"))
        return None if blob is None else self.repository.content(blob)

    def shown(self, name: str) -> str:
        """The file as git itself calls it: ``main:schemas/transaction.avsc``."""
        return f"{self.ref}:{self.repository.prefix}{name}"
