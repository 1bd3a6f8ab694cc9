"""A git repository, read with few processes: one for each question, and one for all file contents together."""

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from avroguard.config.tree import git_environment
from avroguard.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Change:
    """Change of one file by a commit.

    Attributes:
        old_path: The path before the commit; None for an added file.
        new_path: The path after the commit; None for a removed file.
        old_blob: Its content before, by hash.
        new_blob: Its content after.
    """

    old_path: str | None
    new_path: str | None
    old_blob: str
    new_blob: str


@dataclass(frozen=True, slots=True)
class Logged:
    """A commit of a log.

    Attributes:
        commit: Its hash.
        changes: Its changes to the files that were asked for.
    """

    commit: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class CommitFiles:
    """The files of a commit, by their path from the root.

    Attributes:
        blobs: The content of each file, by hash; of a symbolic link, its target.
        links: The symbolic links.
        submodules: The directories that are commits of other repositories.
    """

    blobs: dict[str, str]
    links: frozenset[str]
    submodules: frozenset[str]


class Repository:
    """The repository that a directory is in; every method raises Unavailable where git can't tell.

    Args:
        directory: The directory in the working tree; it need not be in any commit.

    Attributes:
        directory: The directory.
        prefix: Its path inside the repository, with a slash at the end unless it is the root.
        top: The root of the working tree.
        shallow: Whether the clone lacks a part of the history.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        answer = self._text("rev-parse", "--is-shallow-repository", "--show-toplevel", "--show-prefix")
        shallow, top, self.prefix, *_ = [*answer.split("\n"), ""]
        self.top = Path(top)
        self.shallow = shallow == "true"
        self._open = ExitStack()
        self._contents: subprocess.Popen[bytes] | None = None
        self._fetched: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self._contents = None

    @property
    def empty(self) -> bool:
        """Return whether the repository has no commit yet."""
        return (
            not self._text("rev-list", "--all", "--max-count=1")
            and self._run("rev-parse", "-q", "--verify", "HEAD").returncode != 0
        )

    def commit(self, ref: str) -> str:
        """The hash of the commit that a name stands for."""
        answer = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if answer.returncode:
            todo = "this clone is shallow: git fetch --unshallow" if self.shallow else "fetch it, or check its spelling"
            raise Unavailable(f"git:{ref}: no such commit here; {todo}")
        return answer.stdout.decode().strip()

    def files(self, commit: str) -> CommitFiles:
        """Return every file of a commit."""
        listed = self._text("ls-tree", "-r", "-z", "--full-tree", commit)
        entries = [(path, *about.split(" ")) for about, _, path in (e.partition("\t") for e in listed.split("\0") if e)]
        return CommitFiles(
            {path: blob for path, _, kind, blob in entries if kind == "blob"},
            frozenset(path for path, mode, _, _ in entries if mode == "120000"),
            frozenset(path for path, _, kind, _ in entries if kind == "commit"),
        )

    def first_tag(self, commit: str) -> str | None:
        """The oldest tag in a commit's history."""
        tags = self._text("for-each-ref", "--sort=creatordate", "--count=1", f"--merged={commit}", "refs/tags")
        return tags.split()[0] if tags else None

    def contains(self, commit: str, ancestor: str) -> bool:
        """Return whether a commit has another in its history, or is it."""
        return not self._run("merge-base", "--is-ancestor", ancestor, commit).returncode

    def log(self, commit: str, since: str | None, names: Sequence[str]) -> Iterator[Logged]:
        """The commits that changed some files, newest first: those of the main line, merges as one change each.

        Args:
            commit: The commit to begin with.
            since: A commit whose own changes and all before it are left out; None: go back to the first.
            names: The last parts of the paths to look at; may have ``*`` in them.
        """
        selected = [f":(top,glob)**/{name}" for name in names]
        span = [commit, *([f"^{since}"] if since else [])]
        settings = ["-c", "diff.renameLimit=0", "-c", "log.showRoot=true", "-c", "log.showSignature=false"]
        options = ["--first-parent", "--diff-merges=first-parent", "--raw", "-z", "--no-abbrev", "-M", "--format=%H"]
        text = self._text(*settings, "log", *options, *span, "--", *selected, literal=False)
        return _logged(text)

    def prefix_of(self, directory: Path) -> str:
        """The path of a directory inside the repository, with a slash at the end unless it is the root."""
        path = directory.resolve().relative_to(self.top.resolve()).as_posix()
        return "" if path == "." else f"{path}/"

    def fetch(self, blobs: Iterable[str]) -> None:
        """Read many contents at once, for `content` to hand out: a question and an answer for each takes far longer."""
        selected = dict.fromkeys(blobs)
        if not selected:
            return
        answer = self._run("cat-file", "--batch", "--buffer", given="".join(f"{blob}\n" for blob in selected).encode())
        at, text = 0, answer.stdout
        while (end := text.find(b"\n", at)) >= 0:
            header = text[at:end].split()
            at = end + 1
            if len(header) == 3:  # otherwise the blob is missing, which matters only if it is read
                size = int(header[2])
                self._fetched[header[0].decode()] = text[at : at + size]
                at += size + 1

    def content(self, blob: str) -> bytes:
        """The content of a file, by its hash."""
        if blob in self._fetched:
            return self._fetched[blob]
        batch = self._contents = self._contents or self._start_contents()
        if batch.stdin is None or batch.stdout is None:
            raise AssertionError(batch)
        try:
            batch.stdin.write(f"{blob}\n".encode())
            batch.stdin.flush()
            header = batch.stdout.readline().split()
            if len(header) != 3:
                raise Unavailable(f"git in {self.directory}: the object {blob} is missing; is this a partial clone?")
            return batch.stdout.read(int(header[2]) + 1)[:-1]
        except OSError as error:
            raise Unavailable(f"git cat-file in {self.directory}: {error}") from None

    def _start_contents(self) -> subprocess.Popen[bytes]:
        command = ["git", "-C", str(self.directory), "cat-file", "--batch"]
        return self._open.enter_context(
            subprocess.Popen(
                command,
                env=git_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        )

    def _text(self, *arguments: str, literal: bool = True) -> str:
        done = self._run(*arguments, literal=literal)
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            verb = next(argument for argument in arguments if argument[0] != "-" and "=" not in argument)
            raise Unavailable(f"git {verb} in {self.directory}: {reason or f'exit code {done.returncode}'}")
        return done.stdout.decode(errors="surrogateescape")

    def _run(self, *arguments: str, literal: bool = True, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        options = ["--literal-pathspecs"] if literal else []
        command = ["git", "-C", str(self.directory), *options, *arguments]
        try:
            return subprocess.run(command, env=git_environment(), input=given, capture_output=True, check=False)
        except (OSError, ValueError) as error:
            raise Unavailable(f"git can't be run: {error}") from None


def _logged(text: str) -> Iterator[Logged]:
    """The commits of ``git log --raw -z --format=%H``: a hash, then for each file its modes and hashes, and paths."""
    tokens = iter(text.split("\0"))
    commit, changes = "", []
    for token in tokens:
        token = token.lstrip("\n")  # noqa: PLW2901 - git sets a line feed between a commit and its files
        if token.startswith(":"):
            _, _, old, new, status = token.split(" ")
            path = next(tokens)
            after = next(tokens) if status[0] == "R" else path
            before = None if status[0] == "A" else path
            changes.append(Change(before, None if status[0] == "D" else after, old, new))
        elif token:
            if commit:
                yield Logged(commit, tuple(changes))
            commit, changes = token, []
    if commit:
        yield Logged(commit, tuple(changes))
