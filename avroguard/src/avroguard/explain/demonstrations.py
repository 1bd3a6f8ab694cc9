"""Finds a value that shows what is wrong between two schemas. No I/O."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from avroguard.compatibility import Incompatibility
from avroguard.compatibility.parsing import parse
from avroguard.errors import ContractError
from avroguard.explain.binary import ReadError, encode
from avroguard.explain.resolution import Decoder
from avroguard.explain.samples import samples
from avroguard.places import JsonPath
from avroguard.semantics import SemanticRule

_LOGICAL = ("logicalType", "precision", "scale")
_UNKNOWN = "UNKNOWN_TO_BOTH"
_READ_NEVERTHELESS = (
    "Avro Java reads each value tried: with data it is more lenient than in its own check of schemas, which registries "
    "use, and than other implementations"
)
_BY_SHORT_NAME = "Avro Java reads each value tried by the last part of the name; what goes by full names fails"
_LOSSES: dict[str, str] = {
    SemanticRule.PROMOTION_LOSES_DIGITS: "the reader's type can't hold every digit",
    SemanticRule.BYTES_READ_AS_TEXT: "bytes that are no UTF-8 become U+FFFD in Java; other implementations fail",
}


class Outcome(StrEnum):
    """Outcome of a demonstration."""

    FAILS = "FAILS"
    """The value can't be read."""
    CHANGES = "CHANGES"
    """Another value is read than was written."""
    NOTHING = "NOTHING"
    """No value shows it; the reason says why."""


@dataclass(frozen=True)
class Demonstration:
    """Demonstration with one value.

    Attributes:
        outcome: The outcome.
        written: The value that was written, as its writer reads it; None where nothing is shown.
        read: The value that the reader reads; None where it reads none.
        reason: The error, or how the value changes, or why nothing can be shown.
        body: The bytes that were written.
    """

    outcome: Outcome
    written: Any = None
    read: Any = None
    reason: str = ""
    body: bytes = b""


def demonstrate(reader: Any, writer: Any, incompatibility: Incompatibility) -> Demonstration:
    """Write a value that exercises an incompatible place, and read it.

    Args:
        reader: The reader's schema as plain JSON data.
        writer: The writer's.
        incompatibility: The incompatibility to show.
    """
    try:
        writes, reads = _decoder(writer), _decoder(writer, reader)
        bodies = list(_bodies(writer, incompatibility.writer_path))
    except ContractError as error:
        return Demonstration(Outcome.NOTHING, reason=str(error))
    if not bodies:
        return Demonstration(Outcome.NOTHING, reason="the writer's schema has no finite value, or no small one")
    for body in bodies:
        read = reads(body)
        if isinstance(read, _Failed):
            return Demonstration(Outcome.FAILS, writes(body), reason=read.reason, body=body)
    return Demonstration(Outcome.NOTHING, reason=_READ_NEVERTHELESS)


def demonstrate_change(old: Any, new: Any, change: Incompatibility) -> Demonstration:
    """Show what a change of meaning does to a value: a reader with the new schema takes it for another.

    Args:
        old: The schema before as plain JSON data.
        new: The schema after.
        change: The change to show.
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
            return _either_way(old, new, change, Outcome.CHANGES, "none of the values tried is beyond the other type")
        case SemanticRule.NAMESPACE_CHANGED | SemanticRule.UNION_BRANCH_SHADOWED:
            return _either_way(old, new, change, Outcome.FAILS, _BY_SHORT_NAME)
        case SemanticRule.ENUM_SYMBOL_MOVED:
            reason = "Avro resolves symbols by name; what keeps or compares their positions takes one for another"
            return Demonstration(Outcome.NOTHING, reason=reason)
    return Demonstration(Outcome.NOTHING, reason="the data stay as they are; what they mean is no longer written down")


def _reinterpreted(old: Any, new: Any, change: Incompatibility) -> Demonstration:
    """The old schema's bytes, read by the logical type of the new one."""
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
    return _compared(old, old, patched, place, isolated=True)


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


def _compared(writer: Any, old: Any, new: Any, goal: JsonPath, *, isolated: bool = False) -> Demonstration:
    """The first value of a writer that two schemas read as different ones.

    Where they differ in nothing but what is to be shown (``isolated``), that the new one fails shows it as well.
    """
    before, after = _decoder(writer, old), _decoder(writer, new)
    for body in _bodies(writer, goal):
        was, now = before(body), after(body)
        if isinstance(now, _Failed) and isolated:
            return Demonstration(Outcome.FAILS, was, reason=now.reason, body=body)
        if not isinstance(was, _Failed) and not isinstance(now, _Failed) and was != now:
            reason = "the same bytes, read with the older and the new schema"
            return Demonstration(Outcome.CHANGES, was, now, reason, body)
    return Demonstration(Outcome.NOTHING, reason="the values tried are the same in both")


def _either_way(old: Any, new: Any, change: Incompatibility, expected: Outcome, otherwise: str) -> Demonstration:
    """The first value that one of the two schemas writes and the other one fails on, or reads as another value.

    In one of the directions the types may be incompatible, which is for another finding to show.
    """
    for writer, reader, goal in ((old, new, change.old_path), (new, old, change.new_path)):
        writes, reads = _decoder(writer), _decoder(writer, reader)
        for body in _bodies(writer, goal):
            written, read = writes(body), reads(body)
            if isinstance(read, _Failed):
                if expected is Outcome.FAILS:
                    return Demonstration(Outcome.FAILS, written, reason=read.reason, body=body)
            elif expected is Outcome.CHANGES and _lost(written, read):
                return Demonstration(Outcome.CHANGES, written, read, _LOSSES[change.rule], body)
    return Demonstration(Outcome.NOTHING, reason=otherwise)


@dataclass(frozen=True)
class _Failed:
    """A value that can't be read, and the reason."""

    reason: str


def _decoder(writer: Any, reader: Any = None) -> Callable[[bytes], Any]:
    """Return a decoder of a writer's bodies: it returns values, or `_Failed`."""
    try:
        decode = Decoder(writer, reader).decode
    except ReadError as error:
        failed = _Failed(str(error))
        return lambda _: failed

    def read(body: bytes) -> Any:
        try:
            return decode(body)
        except ReadError as error:
            return _Failed(str(error))

    return read


def _bodies(writer: Any, goal: JsonPath) -> Iterator[bytes]:
    """Values of a schema that go through a place of it, encoded."""
    schema = parse(writer)
    return (encode(schema, value) for value in samples(schema, goal))


def _lost(written: Any, read: Any) -> bool:
    """Return whether a number was read as another one, or bytes as the text of others."""
    match written, read:
        case dict(), dict():
            return any(_lost(written[key], read[key]) for key in written.keys() & read.keys())
        case list(), list():
            return any(map(_lost, written, read))
        case int(), float():
            return int(read) != written
        case bytes(), str():
            return read.encode() != written
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
