"""Source of contract files: a directory here, or a commit (`avroguard.changes.git_tree`)."""

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Protocol

from avroguard.avro.protocols import SCHEMA_FILES
from avroguard.avro.schema import shown
from avroguard.errors import ContractError

CONTRACTS = "contracts.toml"
_SKIPPED = frozenset({".git", "node_modules", ".venv", "venv", "site-packages"})
_INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")

SCHEMAS_ENVIRONMENT = {"SCHEMAS_DIR": f"The directory of {CONTRACTS}; by default schemas in the working directory."}
"""The environment variables that `default_directory` reads, with their meaning."""


class Tree(Protocol):
    """A directory of contracts, wherever it is kept."""

    def read(self, name: str) -> bytes | None:
        """The content of the file ``name``, or None where there is none."""

    def shown(self, name: str) -> str:
        """The file ``name`` as messages call it."""

    def schema_files(self) -> Iterable[str]:
        """The schema files (``.avsc``, ``.avpr``) in the directory and below, in order."""


@dataclass(frozen=True)
class Directory:
    """A directory in the file system.

    Attributes:
        path: The directory.
        without: A directory whose files are not listed; None: all are.
    """

    path: Path
    without: Path | None = None

    def read(self, name: str) -> bytes | None:
        """The content of the file ``name``, or None where there is none.

        Raises:
            ContractError: If it is there and can't be read.
        """
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except OSError as error:
            raise ContractError(f"{self.shown(name)}: cannot be read: {error.strerror}") from None

    def shown(self, name: str) -> str:
        """The file as a person would type it from the working directory."""
        return shown(self.path / name)

    def schema_files(self) -> list[str]:
        """The schema files in the directory and below: what git knows or would add; every file where there is no git.

        Neither what git ignores nor other repositories below, nor directories of dependencies are looked into; a
        symbolic link to another of the files is left out.
        """
        names = self.files_like(*(f"*{end}" for end in SCHEMA_FILES))
        real = {name: os.path.realpath(self.path / name) for name in names if (self.path / name).is_file()}
        plain = {path for name, path in real.items() if not (self.path / name).is_symlink()}
        return sorted(name for name, path in real.items() if path not in plain or not (self.path / name).is_symlink())

    def contract_files(self) -> list[str]:
        """The files called ``contracts.toml`` in the directory and below."""
        return sorted(self.files_like(CONTRACTS))

    def submodules(self) -> list[str]:
        """The submodules in the directory and below."""
        entries = self._git("ls-files", "-z", "--stage") or ""
        return [entry.partition("\t")[2] for entry in entries.split("\0") if entry.startswith("160000")]

    def _git(self, *arguments: str) -> str | None:
        """Return git's output; None where there is no git or no repository."""
        command = ["git", "-C", str(self.path), *arguments]
        try:
            done = subprocess.run(command, env=git_environment(), capture_output=True, check=False)
        except OSError:
            return None
        return None if done.returncode else done.stdout.decode(errors="surrogateescape")

    def files_like(self, *patterns: str) -> list[str]:
        """The files in the directory and below whose name is like one of the patterns; which, says `schema_files`."""
        names = [name for name in self._named_like(patterns) if not _SKIPPED.intersection(name.split("/")[:-1])]
        if self.without is None:
            return names
        apart = self.without.resolve()
        return [name for name in names if not (self.path / name).resolve().is_relative_to(apart)]

    def _named_like(self, patterns: Sequence[str]) -> list[str]:
        listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--")
        names = self._git(*listing, *(f":(glob)**/{pattern}" for pattern in patterns))
        if names is not None:
            return [name for name in names.split("\0") if name]
        paths = []
        for directory, below, files in os.walk(self.path):
            below[:] = [
                name
                for name in below
                if name not in _SKIPPED and not name.startswith(".") and not _is_apart(Path(directory, name))
            ]
            paths += [Path(directory, file) for file in files if any(fnmatch(file, like) for like in patterns)]
        return [path.relative_to(self.path).as_posix() for path in paths]


class _Nothing:
    """A directory before there is any file."""

    def read(self, name: str) -> bytes | None:  # noqa: ARG002
        """Return None: the tree is empty."""
        return None

    def shown(self, name: str) -> str:
        """The name."""
        return name

    def schema_files(self) -> tuple[str, ...]:
        """Return no files: the tree is empty."""
        return ()


NOTHING = _Nothing()


def default_directory() -> Path:
    """The directory of the contracts.

    It is ``SCHEMAS_DIR``; else the nearest one that has a ``contracts.toml``: the working directory, ``schemas`` in
    it, and the same of each directory above in the repository; else ``schemas`` in the working directory, if there is
    one; else the working directory.
    """
    if chosen := os.environ.get("SCHEMAS_DIR"):
        return Path(chosen)
    if directory := contracts_directory(Path()):
        return directory
    here = Path("schemas")
    return here if here.is_dir() else Path()


def contracts_directory(start: Path) -> Path | None:
    """The nearest directory with a ``contracts.toml``, at ``start`` or above in the same repository; None without."""
    for directory in (start, *start.absolute().parents):
        for candidate in (directory, directory / "schemas"):
            if (candidate / CONTRACTS).is_file():
                return candidate
        if (directory / ".git").exists():
            break
    return None


def repository_root(start: Path) -> Path:
    """The top directory of the repository that a directory is in; the directory itself where it is in none."""
    for directory in (start, *start.absolute().parents):
        if (directory / ".git").exists():
            return directory
    return start


def git_environment() -> dict[str, str]:
    """The environment for git: without what hooks set, for a repository of git's choosing."""
    inherited = {name: value for name, value in os.environ.items() if name not in _INHERITED}
    return inherited | {"LC_ALL": "C"}


def _is_apart(directory: Path) -> bool:
    """Return whether a directory is a repository or a virtual environment of its own."""
    return (directory / ".git").exists() or (directory / "pyvenv.cfg").exists()
