"""Schemas by where they are: a file, a file at a commit, a version in a registry."""

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from avroguard.avro.schema import Schema, parse_schema
from avroguard.changes.git import Repository
from avroguard.changes.git_tree import GitTree
from avroguard.config.schema_files import SchemaFiles
from avroguard.config.tree import Directory, Tree, contracts_directory, repository_root
from avroguard.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from avroguard.registry.client import Registry


def load_named_schema(named: str, connect: "Callable[[], Registry]", stack: ExitStack) -> Schema:
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
    directory = contracts_directory(path.absolute().parent) or repository_root(path.absolute().parent)
    return _from_tree(named, Directory(directory), os.path.relpath(path.absolute(), directory))


def _from_tree(named: str, tree: Tree, name: str) -> Schema:
    """The schema of a file, with the types of the files around it and as its contracts name their subjects."""
    schema = SchemaFiles(tree).schema(name.replace(os.sep, "/"))
    if schema is None:
        raise UsageError(f"{named}: no such file; expected FILE, git:REF:FILE or registry:SUBJECT")
    return schema


def _from_registry(named: str, connect: "Callable[[], Registry]") -> Schema:
    subject, _, version = named.rpartition("@") if "@" in named else (named, "", "latest")
    if not subject or not (version == "latest" or version.isdecimal()):
        raise UsageError(f"registry:{named}: expected registry:SUBJECT or registry:SUBJECT@VERSION")
    registered = connect().version(subject, version)
    text = json.dumps(registered.schema, indent=2, ensure_ascii=False)
    return parse_schema(f"registry:{subject}@{registered.version}", text.encode())


def _from_git(named: str, rest: str, stack: ExitStack) -> Schema:
    ref, colon, file = rest.partition(":")
    if not ref or not colon or not file:
        raise UsageError(f"{named}: expected git:REF:FILE")
    path = Path(file).absolute()
    here = next(directory for directory in path.parents if directory.is_dir())
    repository = stack.enter_context(Repository(here))
    tree = GitTree.find(repository, ref).at("")
    tree.read_ahead()
    name = path.relative_to(repository.top.resolve() if not path.is_relative_to(repository.top) else repository.top)
    schema = SchemaFiles(tree).schema(name.as_posix())
    if schema is None:
        raise Unavailable(f"{named}: no such file at that commit; FILE is a path from the working directory")
    return schema
