"""Finds a value that shows what is wrong between two schemas. No I/O."""

import copy
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from avroguard.avro.parsed import Parsed
from avroguard.compatibility import Incompatibility
from avroguard.compatibility.parsing import parse
from avroguard.errors import ContractError
from avroguard.explain.codec import Failed, decode, encode
from avroguard.explain.samples import samples
from avroguard.places import JsonPath
from avroguard.semantics import SemanticRule

_LOGICAL = ("logicalType", "precision", "scale")
_UNKNOWN = "UNKNOWN_TO_BOTH"


class Outcome(StrEnum):
    """What a demonstration shows."""

    FAILS = "FAILS"
    """The codec can't read the value."""
    CHANGES = "CHANGES"
    """Another value is read than was written."""
    NOTHING = "NOTHING"
    """No value shows it with this codec; the reason says why."""


@dataclass(frozen=True)
class Demonstration:
    """What happens to one value.

    Attributes:
        outcome: What is shown.
        written: The value that was written, as its writer reads it; None where nothing is shown.
        read: What the reader reads; None where it reads nothing.
        reason: The codec's error, or how the value changes, or why nothing can be shown.
        body: The bytes that were written.
    """

    outcome: Outcome
    written: Any = None
    read: Any = None
    reason: str = ""
    body: bytes = b""


def demonstrate(reader: Any, writer: Any, found: Incompatibility) -> Demonstration:
    """Write a value that exercises an incompatible place, and read it.

    Args:
        reader: The reader's schema as plain JSON data.
        writer: The writer's.
        found: What keeps the one from reading the other.
    """
    try:
        reads, writes = Parsed.of(reader), Parsed.of(writer)
    except ContractError as error:
        return Demonstration(Outcome.NOTHING, reason=f"the codec does not take one of the schemas: {error}")
    written = None
    for value in samples(parse(writer), found.writer_path):
        body = encode(writes, value)
        if body is None:
            continue
        written = decode(body, writes)
        read = decode(body, writes, reads)
        if isinstance(read, Failed):
            return Demonstration(Outcome.FAILS, written, reason=read.reason, body=body)
    if written is None:
        reason = "the writer's schema has no finite value, or no small one that the codec can write"
        return Demonstration(Outcome.NOTHING, reason=reason)
    return Demonstration(
        Outcome.NOTHING,
        reason="fastavro is more lenient than Avro's rules and reads each value tried; Avro Java, registries and the "
        "services of this project refuse to",
    )


def demonstrate_change(old: Any, new: Any, change: Incompatibility) -> Demonstration:
    """Show what a change of meaning does to a value: whoever goes by the new schema takes it for another.

    Args:
        old: The schema before as plain JSON data.
        new: The schema after.
        change: What has changed.
    """
    try:
        return _change(old, new, change)
    except (ContractError, LookupError, TypeError, AttributeError) as error:
        return Demonstration(Outcome.NOTHING, reason=f"no value can be made for it: {error}")


def _change(old: Any, new: Any, change: Incompatibility) -> Demonstration:  # noqa: PLR0911 - a case for each rule
    match change.rule:
        case (
            SemanticRule.LOGICAL_TYPE_ADDED
            | SemanticRule.LOGICAL_TYPE_REMOVED
            | SemanticRule.LOGICAL_TYPE_CHANGED
            | SemanticRule.DECIMAL_SCALE_CHANGED
            | SemanticRule.DECIMAL_PRECISION_CHANGED
        ):
            return _reinterpreted(old, new, change)
        case SemanticRule.DEFAULT_CHANGED:
            return _defaults(old, new, change)
        case SemanticRule.ENUM_DEFAULT_CHANGED:
            return _enum_defaults(old, new, change)
        case SemanticRule.PROMOTION_LOSES_DIGITS | SemanticRule.BYTES_READ_AS_TEXT:
            return _promoted(old, new, change)
        case SemanticRule.NAMESPACE_CHANGED | SemanticRule.UNION_BRANCH_SHADOWED:
            return _either_way(old, new, change.old_path, change.new_path, Outcome.FAILS) or Demonstration(
                Outcome.NOTHING, reason="fastavro goes by the last part of a name; what goes by full names fails"
            )
        case SemanticRule.ENUM_SYMBOL_MOVED:
            reason = "Avro resolves symbols by name; what keeps or compares their positions takes one for another"
            return Demonstration(Outcome.NOTHING, reason=reason)
    return Demonstration(Outcome.NOTHING, reason="the data stay as they are; what they mean is no longer written down")


def _reinterpreted(old: Any, new: Any, change: Incompatibility) -> Demonstration:
    """The old schema's bytes, taken by the logical type of the new one: as Avro Java does, though not fastavro."""
    place, after = _type_path(old, change.old_path), _at(new, _type_path(new, change.new_path))
    patched = copy.deepcopy(old)
    target = _at(patched, place)
    attributes = {key: after[key] for key in _LOGICAL if isinstance(after, dict) and key in after}
    if isinstance(target, str):
        patched = _replaced(patched, place, {"type": target, **attributes})
    else:
        for key in _LOGICAL:
            target.pop(key, None)
        target |= attributes
    writes, seen_as = Parsed.of(old), Parsed.of(patched)
    for value in samples(parse(old), place):
        body = encode(writes, value)
        if body is None:
            continue
        written, read = decode(body, writes), decode(body, seen_as)
        if isinstance(read, Failed):
            return Demonstration(Outcome.FAILS, written, reason=read.reason)
        if read != written:
            reason = (
                "whoever goes by the new schema, as Avro Java does, takes the same bytes for that; fastavro goes by "
                "the writer's schema here and reads what was written"
            )
            return Demonstration(Outcome.CHANGES, written, read, reason)
    reason = "the small values tried mean the same in both; larger ones need not"
    return Demonstration(Outcome.NOTHING, reason=reason)


def _defaults(old: Any, new: Any, change: Incompatibility) -> Demonstration:
    """A record of before the field, read with both schemas."""
    lacking = copy.deepcopy(old)
    field = _at(lacking, change.old_path[:-1])
    # Under another name it is another field; what its type defines for others stays defined.
    field["name"] = "before"
    field.pop("aliases", None)
    field.pop("default", None)
    return _compared(lacking, old, new, change.old_path[:-3])


def _enum_defaults(old: Any, new: Any, change: Incompatibility) -> Demonstration:
    """A symbol that neither schema knows, read with both."""
    extended = copy.deepcopy(old)
    place = change.old_path[:-1]
    symbols = _at(extended, place)["symbols"]
    symbols.append(_UNKNOWN)
    return _compared(extended, old, new, (*place, "symbols", len(symbols) - 1))


def _compared(writer: Any, old: Any, new: Any, goal: JsonPath) -> Demonstration:
    writes, before, after = Parsed.of(writer), Parsed.of(old), Parsed.of(new)
    for value in samples(parse(writer), goal):
        body = encode(writes, value)
        if body is None:
            continue
        was, now = decode(body, writes, before), decode(body, writes, after)
        if not isinstance(was, Failed) and not isinstance(now, Failed) and was != now:
            return Demonstration(Outcome.CHANGES, was, now, "the same bytes, read with the older and the new schema")
    return Demonstration(Outcome.NOTHING, reason="the codec reads the values tried alike with both schemas")


def _promoted(old: Any, new: Any, change: Incompatibility) -> Demonstration:
    wanted = Outcome.FAILS if change.rule is SemanticRule.BYTES_READ_AS_TEXT else Outcome.CHANGES
    if shown := _either_way(old, new, change.old_path, change.new_path, wanted):
        return shown
    if change.rule is SemanticRule.BYTES_READ_AS_TEXT:
        return Demonstration(Outcome.NOTHING, reason="the codec reads the values tried, none of which is beyond text")
    value = 2**24 + 1
    as_float = struct.unpack("<f", struct.pack("<f", value))[0]
    reason = f"fastavro keeps all digits of a promoted number; in a float of 32 bits {value} becomes {as_float:.0f}"
    return Demonstration(Outcome.NOTHING, reason=reason)


def _either_way(old: Any, new: Any, old_path: JsonPath, new_path: JsonPath, wanted: Outcome) -> Demonstration | None:
    """The first value that one of the two schemas writes and the other one fails on, or takes for another number.

    In one of the directions the types may be incompatible, which is for another finding to show.
    """
    for writer, reader, goal in ((old, new, old_path), (new, old, new_path)):
        writes, reads = Parsed.of(writer), Parsed.of(reader)
        for value in samples(parse(writer), goal):
            body = encode(writes, value)
            if body is None:
                continue
            written, read = decode(body, writes), decode(body, writes, reads)
            if isinstance(written, Failed):
                continue
            if isinstance(read, Failed):
                if wanted is Outcome.FAILS:
                    return Demonstration(Outcome.FAILS, written, reason=read.reason)
            elif wanted is Outcome.CHANGES and _lost(written, read):
                return Demonstration(Outcome.CHANGES, written, read, "the reader's type can't hold every digit")
    return None


def _lost(written: Any, read: Any) -> bool:
    """Whether a whole number was read as another one."""
    match written, read:
        case dict(), dict():
            return any(_lost(written[key], read[key]) for key in written.keys() & read.keys())
        case list(), list():
            return any(map(_lost, written, read))
        case int(), float():
            return int(read) != written
    return False


def _type_path(schema: Any, path: JsonPath) -> JsonPath:
    """The path of the type that a path leads to or into."""
    return path[:-1] if path and path[-1] in _LOGICAL and isinstance(_at(schema, path[:-1]), dict) else path


def _at(schema: Any, path: JsonPath) -> Any:
    for key in path:
        schema = schema[key]
    return schema


def _replaced(schema: Any, path: JsonPath, value: Any) -> Any:
    """The schema with another value at a path."""
    if not path:
        return value
    _at(schema, path[:-1])[path[-1]] = value
    return schema
