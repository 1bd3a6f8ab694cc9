"""What each subject was at the commits before: the versions of its schema, found by undoing one commit after another.

``contracts.toml`` says at every commit which file a subject's schema is in, so a renamed file or a moved directory is
followed as its authors meant it. Before there was a ``contracts.toml``, renames are followed as git detects them.
"""

import json
import posixpath
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from avroguard.avro.names import enclosed_namespace, full_name
from avroguard.avro.references import foreign_names, inlined
from avroguard.changes.git import Change, Logged

Key = tuple[str, ...]
"""What tells one version from another: the contents, by hash, of its file and of those that it refers to."""


@dataclass(frozen=True)
class Version:
    """A schema as it was.

    Attributes:
        commit: The commit that brought it.
        path: The file, from the root of the repository.
        schema: The schema as plain JSON data, references resolved; None where the file was no schema.
    """

    commit: str
    path: str
    schema: Any


@dataclass
class _Layout:
    """Which file each subject's schema is in, and which files others may refer to: paths from the root."""

    subjects: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)


class SchemaHistory:
    """The subjects of a repository, going back in time.

    Args:
        files: Every file of the newest commit: path to content, by hash.
        contracts: The path of contracts.toml.
        content: Reads a content by its hash.
    """

    def __init__(self, files: dict[str, str], contracts: str, content: Callable[[str], bytes]) -> None:
        self._files = dict(files)
        self._contracts = contracts
        self._content = content
        self._parsed: dict[str, Any] = {}
        self._names: dict[str, list[str]] = {}
        self._found: dict[str, dict[Key, tuple[str, str]]] = {}
        self._schemas: dict[Key, Any] = {}
        self._layout = self._read_layout() or _Layout()

    def versions(self, log: Iterable[Logged], oldest: str | None) -> dict[str, list[Version]]:
        """The distinct versions of each subject, oldest first.

        Args:
            log: The commits that changed schemas or contracts.toml, newest first.
            oldest: The commit before them, whose own state counts as well; None where there is none.
        """
        for entry in log:
            touched = {change.new_path for change in entry.changes}
            moved = self._contracts in touched
            for subject, path in self._layout.subjects.items():
                if moved or path in touched or self._layout.shared:
                    self._note(subject, path, entry.commit)
            for change in entry.changes:
                self._undo(change)
            if moved:
                self._layout = self._read_layout() or self._layout
        if oldest:
            for subject, path in self._layout.subjects.items():
                self._note(subject, path, oldest)
        return {subject: list(self._in_order(found)) for subject, found in self._found.items()}

    def _in_order(self, found: dict[Key, tuple[str, str]]) -> Iterator[Version]:
        for key, (commit, path) in reversed(found.items()):
            yield Version(commit, path, self._schemas[key])

    def _note(self, subject: str, path: str, commit: str) -> None:
        """Remember a subject's schema as it is now; of commits with the same one the oldest brought it."""
        if path not in self._files:
            return
        key = self._key(path)
        known = self._found.setdefault(subject, {})
        known.pop(key, None)
        known[key] = commit, path
        if key not in self._schemas:
            self._schemas[key] = self._resolved(path)

    def _key(self, path: str) -> Key:
        if not self._layout.shared:
            return (self._files[path],)
        return (self._files[path], *sorted(self._files[used] for used in self._used(path, set())))

    def _used(self, path: str, seen: set[str]) -> set[str]:
        """The files that a schema refers to, and those that they refer to."""
        names = {name: used for used, name in self._shared_names()}
        for name in self._foreign_names(self._files[path]):
            used = names.get(name)
            if used and used not in seen:
                seen.add(used)
                self._used(used, seen)
        return seen

    def _foreign_names(self, blob: str) -> list[str]:
        if blob not in self._names:
            self._names[blob] = foreign_names(self._json(blob))
        return self._names[blob]

    def _shared_names(self) -> Iterator[tuple[str, str]]:
        for path in self._layout.shared:
            if name := self._name_in(path):
                yield path, name

    def _name_in(self, path: str) -> str | None:
        """The full name of the type that a file defines."""
        definition = self._json(self._files[path]) if path in self._files else None
        if isinstance(definition, dict) and isinstance(definition.get("name"), str):
            return full_name(definition["name"], enclosed_namespace(definition, ""))
        return None

    def _resolved(self, path: str) -> Any:
        schema = self._json(self._files[path])
        if schema is None or not self._layout.shared:
            return schema
        types = {name: self._json(self._files[used]) for used, name in self._shared_names()}
        try:
            return inlined(schema, types)[0]
        except (LookupError, TypeError, AttributeError):  # what is no schema has no shape to rely on
            return None

    def _json(self, blob: str) -> Any:
        """A file's JSON, read once; None where it is none."""
        if blob not in self._parsed:
            try:
                self._parsed[blob] = json.loads(self._content(blob))
            except (ValueError, RecursionError):
                self._parsed[blob] = None
        return self._parsed[blob]

    def _undo(self, change: Change) -> None:
        if change.new_path is not None:
            self._files.pop(change.new_path, None)
        if change.old_path is not None:
            self._files[change.old_path] = change.old_blob
        if change.old_path and change.new_path and change.old_path != change.new_path:
            if change.new_path == self._contracts:
                self._contracts = change.old_path
            elif self._contracts not in self._files:
                self._follow(change.new_path, change.old_path)

    def _follow(self, new: str, old: str) -> None:
        layout = self._layout
        layout.subjects = {subject: old if path == new else path for subject, path in layout.subjects.items()}
        layout.shared = {old if path == new else path for path in layout.shared}

    def _read_layout(self) -> _Layout | None:
        """What contracts.toml says now; None where there is none, or none that can be read."""
        if self._contracts not in self._files:
            return None
        try:
            tables = tomllib.loads(self._content(self._files[self._contracts]).decode())
        except (ValueError, RecursionError):
            return None
        directory = posixpath.dirname(self._contracts)
        layout = _Layout()
        for name, table in _tables(tables, "topics"):
            if isinstance(table.get("value"), str) and table["value"] != "bytes":
                layout.subjects[f"{name}-value"] = posixpath.normpath(posixpath.join(directory, table["value"]))
        for name, table in _tables(tables, "schemas"):
            path = posixpath.normpath(posixpath.join(directory, name))
            layout.shared.add(path)
            layout.subjects[str(table.get("subject") or self._name_in(path) or name)] = path
        return layout


def _tables(tables: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    found = tables.get(kind)
    if isinstance(found, dict):
        yield from ((name, table) for name, table in found.items() if isinstance(table, dict))
