"""Versions of each subject's schema at earlier commits, found by undoing one commit after another.

``contracts.toml`` says at every commit which file a subject's schema is in, so a renamed file or a moved directory is
followed as its authors meant it. Before there was a ``contracts.toml``, renames are followed as git detects them; where
there is none at all, every schema file is a subject of its own, called as it is today.
"""

import json
import posixpath
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from avroguard.avro.encoding import text_of
from avroguard.avro.names import type_name
from avroguard.avro.protocols import SCHEMA_FILES, is_protocol, protocol_types
from avroguard.avro.references import foreign_names, inlined
from avroguard.changes.git import Change, Logged
from avroguard.config.schema_files import nearest
from avroguard.errors import ContractError

Key = tuple[str, ...]
"""Identity of a version: the contents, by hash, of its file and of the files that it refers to."""


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
    """File of each subject's schema: paths from the root."""

    subjects: dict[str, str] = field(default_factory=dict)


class SchemaHistory:
    """The subjects of a repository, going back in time.

    Args:
        files: Every file of the newest commit: path to content, by hash.
        contracts: The path of contracts.toml; None where there is none.
        content: Reads a content by its hash.
    """

    def __init__(self, files: dict[str, str], contracts: str | None, content: Callable[[str], bytes]) -> None:
        self._files = dict(files)
        self._contracts = contracts
        self._content = content
        self._parsed: dict[str, Any] = {}
        self._names: dict[str, list[str]] = {}
        self._known: dict[str, dict[Key, tuple[str, str]]] = {}
        self._schemas: dict[Key, Any] = {}
        self._defining: dict[str, set[str]] = {}
        for path in self._files:
            self._define(path)
        self._layout = self._read_layout() or _Layout(
            {path: path for path in self._files if path.endswith(SCHEMA_FILES)}
        )

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
                if moved or path in touched or self._uses_others(path):
                    self._note(subject, path, entry.commit)
            for change in entry.changes:
                self._undo(change)
            if moved:
                self._layout = self._read_layout() or self._layout
        if oldest:
            for subject, path in self._layout.subjects.items():
                self._note(subject, path, oldest)
        return {subject: list(self._in_order(known)) for subject, known in self._known.items()}

    def _in_order(self, known: dict[Key, tuple[str, str]]) -> Iterator[Version]:
        for key, (commit, path) in reversed(known.items()):
            yield Version(commit, path, self._schemas[key])

    def _note(self, subject: str, path: str, commit: str) -> None:
        """Remember a subject's schema as it is now; of commits with the same one the oldest brought it."""
        if path not in self._files:
            return
        key = self._key(path)
        known = self._known.setdefault(subject, {})
        known.pop(key, None)
        known[key] = commit, path
        if key not in self._schemas:
            self._schemas[key] = self._resolved(path)

    def _uses_others(self, path: str) -> bool:
        return path in self._files and bool(self._foreign_names(self._files[path]))

    def _key(self, path: str) -> Key:
        return (self._files[path], *sorted(self._files[used] for used in self._used(path, {})))

    def _used(self, path: str, seen: dict[str, str]) -> dict[str, str]:
        """The files that a schema refers to, and those that they refer to, with the type of each."""
        for name in self._foreign_names(self._files[path]):
            used = self._file_defining(name, path)
            if used and used not in seen:
                seen[used] = name
                self._used(used, seen)
        return seen

    def _file_defining(self, name: str, near: str) -> str | None:
        return nearest((path for path in self._defining.get(name, ()) if path != near), near)

    def _foreign_names(self, blob: str) -> list[str]:
        if blob not in self._names:
            try:
                self._names[blob] = foreign_names(self._json(blob))
            except (LookupError, TypeError, AttributeError):  # what is no schema has no shape to rely on
                self._names[blob] = []
        return self._names[blob]

    def _define(self, path: str) -> None:
        """Make known which type a file defines."""
        if path.endswith(SCHEMA_FILES) and (name := type_name(self._json(self._files[path]))):
            self._defining.setdefault(name, set()).add(path)

    def _undefine(self, path: str) -> None:
        if path.endswith(SCHEMA_FILES) and (name := type_name(self._json(self._files[path]))):
            self._defining[name].discard(path)

    def _resolved(self, path: str) -> Any:
        schema = self._json(self._files[path])
        used = self._used(path, {})
        if schema is None or not used:
            return schema
        try:
            return inlined(schema, {name: self._json(self._files[file]) for file, name in used.items()})[0]
        except (LookupError, TypeError, AttributeError):  # as above
            return None

    def _json(self, blob: str) -> Any:
        """A file's schema as JSON, read once; None where it is none."""
        if blob not in self._parsed:
            try:
                value = json.loads(text_of(self._content(blob)))
                self._parsed[blob] = protocol_types(blob, value)[0] if is_protocol(value) else value
            except (ValueError, RecursionError, ContractError):
                self._parsed[blob] = None
        return self._parsed[blob]

    def _undo(self, change: Change) -> None:
        if change.new_path is not None and change.new_path in self._files:
            self._undefine(change.new_path)
            del self._files[change.new_path]
        if change.old_path is not None:
            self._files[change.old_path] = change.old_blob
            self._define(change.old_path)
        if change.old_path and change.new_path and change.old_path != change.new_path:
            if change.new_path == self._contracts:
                self._contracts = change.old_path
            elif self._contracts not in self._files:
                self._follow(change.new_path, change.old_path)

    def _follow(self, new: str, old: str) -> None:
        layout = self._layout
        layout.subjects = {subject: old if path == new else path for subject, path in layout.subjects.items()}

    def _read_layout(self) -> _Layout | None:
        """Return the layout of today's contracts.toml; None where there is none, or none that can be read."""
        if self._contracts not in self._files:
            return None
        try:
            tables = tomllib.loads(self._content(self._files[self._contracts]).decode())
        except (ValueError, RecursionError):
            return None
        directory = posixpath.dirname(self._contracts)
        layout = _Layout()
        for name, table in _tables(tables, "topics"):
            strategy = table.get("subject_name_strategy", "topic")
            for part in ("value", "key"):
                files = table.get(part)
                for file in files if isinstance(files, list) else [files]:
                    if isinstance(file, str) and file != "bytes":
                        path = posixpath.normpath(posixpath.join(directory, file))
                        layout.subjects[self._subject(name, strategy, part, path)] = path
        for name, table in _tables(tables, "schemas"):
            path = posixpath.normpath(posixpath.join(directory, name))
            layout.subjects[str(table.get("subject") or self._name_in(path) or name)] = path
        return layout

    def _subject(self, topic: str, strategy: Any, part: str, path: str) -> str:
        match strategy:
            case "record":
                return self._name_in(path)
            case "topic-record":
                return f"{topic}-{self._name_in(path)}"
        return f"{topic}-{part}"

    def _name_in(self, path: str) -> str:
        """The full name of the type that a file defines."""
        return type_name(self._json(self._files[path])) if path in self._files else ""


def _tables(tables: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    known = tables.get(kind)
    if isinstance(known, dict):
        yield from ((name, table) for name, table in known.items() if isinstance(table, dict))
