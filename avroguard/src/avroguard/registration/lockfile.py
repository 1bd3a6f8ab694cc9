"""The lockfile: the latest versions of a registry at registration, a file per environment under version control.

A table for each subject: the fingerprint of the schema that the registry holds, its version and its id.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avroguard.avro.canonical_form import fingerprint
from avroguard.avro.schema import shown
from avroguard.errors import ContractError, UsageError
from avroguard.findings import Finding
from avroguard.places import Place
from avroguard.registry.client import Registry
from avroguard.toml_source import parse_toml

_HEADER = """\
# What the registry of one environment holds, written by avroguard register --lockfile and verified at its next run.
# Keep it under version control, a file for each environment.
"""
_BACK = "take it back from version control"


@dataclass(frozen=True)
class Locked:
    """A subject in a lockfile.

    Attributes:
        fingerprint: The fingerprint of the schema.
        version: Its version.
        id: Its id.
        line: The line of its table in the file; 0 where it comes from a registry.
    """

    fingerprint: str
    version: int
    id: int
    line: int = 0


def read_lockfile(path: Path) -> dict[str, Locked]:
    """Return the subjects of a lockfile; none where there is no file yet.

    Raises:
        UsageError: If no file can be written there.
        ContractError: If it is no lockfile, with its place.
    """
    file = shown(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if not os.access(path.absolute().parent, os.W_OK):
            raise UsageError(f"--lockfile {file}: expected a file in a directory that can be written to") from None
        return {}
    except OSError as error:
        raise UsageError(f"--lockfile {file}: cannot be read: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise UsageError(f"--lockfile {file}: expected a file that can be written to")
    try:
        document = parse_toml(file, content)
    except ContractError as error:
        raise ContractError(f"{error}; {_BACK}") from None
    subjects = document.data.get("subjects", {})
    if set(document.data) - {"subjects"} or not isinstance(subjects, dict):
        raise ContractError(f'{file}:1: expected tables [subjects."NAME"] alone; {_BACK}')
    return {
        subject: _locked(file, document.line(("subjects", subject)), subject, table)
        for subject, table in subjects.items()
    }


def _locked(file: str, line: int, subject: str, table: Any) -> Locked:
    match table:
        case {"fingerprint": str(digest), "version": int(version), "id": int(id_)} if len(table) == 3:
            return Locked(digest, version, id_, line)
    raise ContractError(f"{file}:{line}: subject {subject}: expected fingerprint, version and id; {_BACK}")


def latest_versions(subjects: Iterable[str], registry: Registry) -> dict[str, Locked]:
    """Return the latest version of each subject that a registry has."""
    locked = {}
    for subject in subjects:
        if registry.versions(subject):
            latest = registry.version(subject)
            locked[subject] = Locked(fingerprint(latest.schema), latest.version, latest.id)
    return locked


def verify(locked: Mapping[str, Locked], registry: Registry, path: Path) -> list[Finding]:
    """Return a finding for each subject that a registry does not hold as a lockfile says."""
    findings = []
    for subject, lock in locked.items():
        present = registry.version(subject, lock.version) if lock.version in registry.versions(subject) else None
        fix = "find out what happened to the registry; if it was made anew, remove the lockfile and register again"
        if present is None:
            fix += "; if the subject was retired, remove its table"
            message = f"v{lock.version} (id {lock.id}) of {subject} is not in the registry at {registry}"
        elif present.id != lock.id:
            message = f"v{lock.version} of {subject} has id {present.id} in the registry at {registry}, not {lock.id}"
        elif fingerprint(present.schema) != lock.fingerprint:
            message = f"v{lock.version} of {subject} is another schema in the registry at {registry}"
        else:
            continue
        findings.append(Finding(Place(shown(path), lock.line), "LOCK_DIFFERS", message, fix, subjects=(subject,)))
    return findings


def write_lockfile(path: Path, locked: Mapping[str, Locked]) -> bool:
    """Write a lockfile; returns whether that changed it.

    Raises:
        UsageError: If it can't be written.
    """
    tables = [
        f"\n[subjects.{json.dumps(subject)}]\nfingerprint = {json.dumps(lock.fingerprint)}\n"
        f"version = {lock.version}\nid = {lock.id}\n"
        for subject, lock in sorted(locked.items())
    ]
    text = _HEADER + "".join(tables)
    try:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return False
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--lockfile {shown(path)}: cannot be written: {error.strerror}") from None
    return True
