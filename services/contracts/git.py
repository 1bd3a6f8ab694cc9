"""Contracts as a commit has them, read from the repository that the directory of contracts is in."""

import os
import posixpath
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.contracts.tree import CONTRACTS
from services.errors import Unavailable, UsageError

_INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # set inside hooks, for a repository of git's choosing


@dataclass(frozen=True)
class Commit:
    """The directory of contracts at one commit.

    Attributes:
        directory: The directory in the working tree; it need not exist there any more.
        ref: The commit as the user called it.
        commit: Its hash.
        prefix: The directory's path inside the repository, with a slash at the end unless it is the root.
        paths: Every file of the commit.
    """

    directory: Path
    ref: str
    commit: str
    prefix: str
    paths: frozenset[str]

    @classmethod
    def find(cls, directory: Path, ref: str) -> "Commit":
        """Look a commit up.

        Raises:
            Unavailable: If git is missing, the directory is in no repository, or the repository lacks the commit.
            UsageError: If the commit keeps its contracts elsewhere.
        """
        prefix = _git(directory, "rev-parse", "--show-prefix").decode().strip()
        found = _run(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if found.returncode:
            shallow = _git(directory, "rev-parse", "--is-shallow-repository").strip() == b"true"
            todo = "this clone is shallow: git fetch --unshallow" if shallow else "fetch it, or check its spelling"
            raise Unavailable(f"git:{ref}: no such commit here; {todo}")
        commit = found.stdout.decode().strip()
        listed = _git(directory, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        paths = frozenset(listed.decode(errors="surrogateescape").split("\0"))
        result = cls(directory, ref, commit, prefix, paths)
        result._require_same_place()
        return result

    def _require_same_place(self) -> None:
        """Make sure that contracts which are not at this commit are new, and not moved: a move would hide changes."""
        here = f"{self.prefix}{CONTRACTS}"
        elsewhere = sorted(path for path in self.paths if path.rpartition("/")[2] == CONTRACTS)
        if elsewhere and here not in elsewhere:
            raise UsageError(
                f"git:{self.ref} has {elsewhere[0]} and no {here}: check out that commit elsewhere and compare with "
                "its directory, --against PATH"
            )

    def read(self, name: str) -> bytes | None:
        """The content of the file ``name`` at this commit, or None where there was none."""
        path = posixpath.normpath(f"{self.prefix}{name}")
        return _git(self.directory, "cat-file", "blob", f"{self.commit}:{path}") if path in self.paths else None

    def shown(self, name: str) -> str:
        """The file as git itself calls it: ``main:schemas/transaction.avsc``."""
        return f"{self.ref}:{self.prefix}{name}"


def _git(directory: Path, *arguments: str) -> bytes:
    done = _run(directory, *arguments)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise Unavailable(f"git {arguments[0]} in {directory}: {reason or f'exit code {done.returncode}'}")
    return done.stdout


def _run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _INHERITED}
    command = ["git", "-C", str(directory), "--literal-pathspecs", *arguments]
    try:
        return subprocess.run(command, env=environment | {"LC_ALL": "C"}, capture_output=True, check=False)
    except (OSError, ValueError) as error:
        raise Unavailable(f"git can't be run: {error}") from None
