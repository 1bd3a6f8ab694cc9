"""Compatibility of a new schema with a subject's history, at the subject's level."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from avroguard.compatibility.comparison import compare
from avroguard.compatibility.incompatibility import Direction, Incompatibility
from avroguard.compatibility.parsing import parse
from avroguard.levels import Level


def history_incompatibilities(new: object, history: Sequence[object], level: Level) -> list[Incompatibility]:
    """Compare a new schema with the versions before it, as a schema registry does at that level.

    Args:
        new: The new schema, in any form that ``incompatibilities`` takes.
        history: The versions before it, oldest first; empty when the subject is new.
        level: The compatibility level: the latest version counts, or every version where the level is transitive.

    Returns:
        Every incompatibility with its direction and version, the oldest version first; empty when the schema may be
        registered.

    Raises:
        ContractError: One of the schemas is no Avro schema.
    """
    parsed = parse(new)
    first = 0 if level.transitive else max(len(history) - 1, 0)
    return [
        replace(incompatibility, version=version)
        for version, schema in enumerate(history[first:], first)
        for incompatibility in _with_version(parsed, schema, level)
    ]


def directions_of(level: Level) -> tuple[Direction, ...]:
    """Return the directions in which a level requires compatibility."""
    required = {Direction.BACKWARD: level.backward, Direction.FORWARD: level.forward}
    return tuple(direction for direction in Direction if required[direction])


def _with_version(new: object, schema: object, level: Level) -> Iterator[Incompatibility]:
    parsed, old = parse(new), parse(schema)
    for direction in directions_of(level):
        reader, writer = (parsed, old) if direction is Direction.BACKWARD else (old, parsed)
        yield from compare(reader, writer, direction)
