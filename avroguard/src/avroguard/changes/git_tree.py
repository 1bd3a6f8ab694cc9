"""Contracts as a commit has them."""

import posixpath
from dataclasses import dataclass, replace
from typing import Self

from avroguard.avro.protocols import SCHEMA_FILES
from avroguard.changes.git import CommitFiles, Repository
from avroguard.config.tree import CONTRACTS
from avroguard.errors import ContractError

_LINK_LIMIT = 40  # that one path may lead through, as Linux has it


@dataclass(frozen=True)
class GitTree:
    """A directory at one commit.

    Attributes:
        repository: The repository of the commit.
        ref: The commit as the user called it.
        commit: Its hash.
        files: Every file of the commit.
        prefix: The directory, from the root of the repository, with a slash at the end unless it is the root.
    """

    repository: Repository
    ref: str
    commit: str
    files: CommitFiles
    prefix: str

    @classmethod
    def find(cls, repository: Repository, ref: str) -> Self:
        """Look a commit up; the directory is that of the repository's working tree.

        Raises:
            Unavailable: If the repository lacks it.
        """
        commit = repository.commit(ref)
        return cls(repository, ref, commit, repository.files(commit), repository.prefix)

    def at(self, prefix: str) -> Self:
        """Another directory of the same commit."""
        return replace(self, prefix=prefix)

    def read_ahead(self) -> None:
        """Read the contents of all schema files of the directory at once."""
        blobs = self.files.blobs
        self.repository.fetch(
            blobs[path] for path in blobs if path.startswith(self.prefix) and path.endswith(SCHEMA_FILES)
        )

    def contracts_elsewhere(self) -> list[str]:
        """The directories of this commit, with a slash at the end, that have a ``contracts.toml``."""
        parts_of_paths = (path.rpartition(CONTRACTS) for path in self.files.blobs)
        return sorted(prefix for prefix, name, rest in parts_of_paths if name and not rest and prefix[-1:] in ("", "/"))

    def read(self, name: str) -> bytes | None:
        """The content of the file ``name`` at this commit, links followed, or None where there was none.

        Raises:
            ContractError: If it is in a submodule, which the commit does not contain.
        """
        path = self._followed(posixpath.normpath(f"{self.prefix}{name}"))
        blob = self.files.blobs.get(path)
        return None if blob is None else self.repository.content(blob)

    def shown(self, name: str) -> str:
        """The file as git itself calls it: ``main:schemas/transaction.avsc``."""
        return f"{self.ref}:{self.prefix}{name}"

    def schema_files(self) -> list[str]:
        """The schema files of the directory and below; a link to another of the files is left out."""
        names = [path for path in self.files.blobs if path.startswith(self.prefix) and path.endswith(SCHEMA_FILES)]
        distinct = (path for path in names if path not in self.files.links or self._target(path) not in names)
        return sorted(path.removeprefix(self.prefix) for path in distinct)

    def _followed(self, path: str) -> str:
        """The path of the file that a path leads to, by the symbolic links of the commit."""
        for _ in range(_LINK_LIMIT):
            parts = path.split("/")
            heads = ["/".join(parts[: length + 1]) for length in range(len(parts))]
            if module := next((head for head in heads if head in self.files.submodules), None):
                message = f"it is in the submodule {module}, which is a repository of its own: run avroguard there"
                raise ContractError(f"{self.ref}:{path}: {message}")
            link = next((head for head in heads if head in self.files.links), None)
            if link is None:
                return path
            path = posixpath.normpath(posixpath.join(self._target(link), path[len(link) + 1 :]))
        return path

    def _target(self, link: str) -> str:
        target = self.repository.content(self.files.blobs[link]).decode(errors="surrogateescape")
        return posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
