"""Schemas by where they are: a file, a file at a commit, a version in a registry."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from avroguard.avro.schema import Reference, Schema, parse_schema, shown
from avroguard.changes.commit_tree import CommitTree
from avroguard.changes.git import Repository
from avroguard.config.topics import inspect_contracts
from avroguard.config.tree import CONTRACTS, Directory, Tree
from avroguard.errors import ContractError, Unavailable, UsageError
from avroguard.lint.files import contract_file_of

if TYPE_CHECKING:
    from avroguard.registry.client import Registry


def locate(named: str, connect: "Callable[[], Registry]", stack: ExitStack) -> Schema:
    """The schema that a name stands for, references resolved.

    Args:
        named: ``FILE``, ``git:REF:FILE`` or ``registry:SUBJECT[@VERSION]``.
        connect: Makes a connection to the registry, if one is needed.
        stack: Ends what is started.

    Raises:
        UsageError: If it is none of these.
        Unavailable: If git or the registry can't tell.
        ContractError: If there is no such file or version, or it is no schema.
    """
    kind, colon, rest = named.partition(":")
    if kind == "registry" and colon:
        return _from_registry(rest, connect)
    if kind == "git" and colon:
        return _from_git(named, rest, stack)
    path = Path(named)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{named}: {error.strerror}; expected FILE, git:REF:FILE or registry:SUBJECT") from None
    contracts = contract_file_of(path)
    return parse_schema(shown(path), content, _types(Directory(contracts.parent)) if contracts else None)


def _types(tree: Tree) -> Mapping[str, Reference]:
    """The types that a schema may use, by the contracts beside it; what is wrong with those doesn't matter here."""
    try:
        return inspect_contracts(tree).types if tree.read(CONTRACTS) is not None else {}
    except ContractError:
        return {}


def _from_registry(named: str, connect: "Callable[[], Registry]") -> Schema:
    subject, _, version = named.rpartition("@") if "@" in named else (named, "", "latest")
    if not subject or not (version == "latest" or version.isdecimal()):
        raise UsageError(f"registry:{named}: expected registry:SUBJECT or registry:SUBJECT@VERSION")
    held = connect().version(subject, version)
    text = json.dumps(held.schema, indent=2, ensure_ascii=False)
    return parse_schema(f"registry:{subject}@{held.version}", text.encode())


def _from_git(named: str, rest: str, stack: ExitStack) -> Schema:
    ref, colon, file = rest.partition(":")
    if not ref or not colon or not file:
        raise UsageError(f"{named}: expected git:REF:FILE")
    path = Path(file)
    here = path.parent if path.parent.is_dir() else Path()
    repository = stack.enter_context(Repository(here))
    commit = repository.commit(ref)
    tree = CommitTree(repository, ref, commit, repository.files(commit))
    content = tree.read(path.relative_to(here).as_posix())
    if content is None:
        raise Unavailable(f"{named}: no such file at that commit; FILE is a path from the working directory")
    return parse_schema(named, content, _types(tree))
