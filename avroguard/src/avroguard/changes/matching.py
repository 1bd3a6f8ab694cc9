"""Matching of today's schema files with earlier ones: by full name, through renames and moves. No I/O."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class NamedFile:
    """Names that a schema file defines, read without checking it.

    Attributes:
        name: The full name of its type; empty where it has none, or is no JSON.
        aliases: The full names that the type had before.
    """

    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matches:
    """Matches of today's files with earlier ones.

    Attributes:
        sources: The file of before, by the file of today.
        ambiguous: The files of before that a file of today may come from, where it can't be told which.
        gone: The files of before that nothing of today comes from.
    """

    sources: Mapping[str, str]
    ambiguous: Mapping[str, tuple[str, ...]]
    gone: tuple[str, ...]


def match_files(new: Mapping[str, NamedFile], old: Mapping[str, NamedFile]) -> Matches:
    """Match the files of today with those of before, each with at most one.

    A file comes from the one of the same path and name; else of the same name; else from the one whose name is among
    its aliases; else from the one of the same path, whose name is nowhere today.

    Args:
        new: The files of today, by path.
        old: The files of before, by path.
    """
    sources = {path: path for path, file in new.items() if path in old and old[path].name == file.name}
    ambiguous: dict[str, tuple[str, ...]] = {}

    def free(names: tuple[str, ...]) -> list[str]:
        taken = set(sources.values())
        return [path for path, file in old.items() if file.name in names and path not in taken]

    for by_alias in (False, True):
        for path, file in new.items():
            names = file.aliases if by_alias else (file.name,)
            if path in sources or not any(names):
                continue
            candidates = free(names)
            alike = [candidate for candidate in candidates if posixpath.basename(candidate) == posixpath.basename(path)]
            candidates = alike if len(alike) == 1 else candidates
            if len(candidates) == 1:
                sources[path] = candidates[0]
            elif candidates:
                ambiguous[path] = tuple(candidates)
    today = {file.name for file in new.values()} - {""}
    for path in new:
        before = old.get(path)
        if before and path not in sources and path not in ambiguous and before.name not in today:
            sources.update({path: path} if path in free((before.name,)) else {})
    taken = {*sources.values(), *(path for paths in ambiguous.values() for path in paths)}
    return Matches(sources, ambiguous, tuple(path for path in old if path not in taken))
