"""Small values of a schema, made to go through one place of it. No I/O."""

from collections.abc import Iterator
from random import Random
from typing import Any

from avroguard.compatibility.nodes import (
    Array,
    Enum,
    Fixed,
    Map,
    Node,
    Primitive,
    Record,
    Union,
    kind,
)
from avroguard.explain.binary import branch_name
from avroguard.explain.logical_values import decimal_bytes
from avroguard.places import JsonPath

_ATTEMPTS = 60  # random values, where the one on the direct way shows nothing
_DEEP = 5  # from here on values are kept as short as the schema allows
_TOO_DEEP = 60
_BIG = 100  # parts, from which on values are kept as short as the schema allows as well
_TOO_BIG = 5000  # parts, beyond which a value is given up: it would be no small one
_LARGE_PART = 100  # bytes of a fixed that count for a part
_MILLIS_OF_DAY = (12 * 60 * 60 + 34 * 60 + 56) * 1000 + 789
_DAY = 19860  # 2024-05-17
_MILLIS = _DAY * 86_400_000 + _MILLIS_OF_DAY
_PLAIN: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "int": 123456,
    "long": 1234567890123,
    "float": 1.5,
    "double": 1.5,
    "bytes": b"\x04\xd2",
    "string": "text",
}
# Beyond what a float and a double hold exactly, so that a loss shows; and bytes that are no text.
_EDGE: dict[str, Any] = {**_PLAIN, "int": 2**24 + 1, "long": 2**53 + 1, "bytes": b"\xff"}
_LOGICAL: dict[tuple[str, object], Any] = {
    ("int", "date"): _DAY,
    ("int", "time-millis"): _MILLIS_OF_DAY,
    ("long", "time-micros"): _MILLIS_OF_DAY * 1000,
    ("long", "timestamp-millis"): _MILLIS,
    ("long", "timestamp-micros"): _MILLIS * 1000,
    ("long", "timestamp-nanos"): _MILLIS * 1_000_000,
    ("long", "local-timestamp-millis"): _MILLIS,
    ("long", "local-timestamp-micros"): _MILLIS * 1000,
    ("long", "local-timestamp-nanos"): _MILLIS * 1_000_000,
    ("string", "uuid"): "3f0d1c1e-8f5e-4b57-9d1e-2f6b6a4c7e10",
}


def samples(schema: Node, goal: JsonPath) -> Iterator[Any]:
    """Values of a schema, as `encode` takes them; the one that goes the direct way to a place first.

    Args:
        schema: The schema, parsed.
        goal: The place: where a type is defined, or one of an enum's symbols.

    Yields:
        Values in which a union's value is a pair of the branch's name and the value; the same ones every time.
    """
    heights = _heights(schema)
    if _height(schema, heights) is None:
        return
    for random in (None, *(Random(seed) for seed in range(_ATTEMPTS))):  # noqa: S311 - varies samples, guards nothing
        try:
            yield _Sampler(goal, random, heights).value(schema, 0)
        except OverflowError:
            continue


class _Sampler:
    def __init__(self, goal: JsonPath, random: Random | None, heights: dict[Node, int]) -> None:
        self.goal = goal
        self.random = random
        self.heights = heights
        self.parts = 0

    def value(self, node: Node, depth: int) -> Any:  # noqa: PLR0911 - a case for each type
        self.parts += 1
        if self.parts > _TOO_BIG:
            raise OverflowError
        match node.definition:
            case Record(fields=fields):
                return {field.name: self.value(field.type, depth + 1) for field in fields}
            case Array(items=items):
                return [] if self.stops(items, depth) else [self.value(items, depth + 1)]
            case Map(values=values):
                return {} if self.stops(values, depth) else {"key": self.value(values, depth + 1)}
            case Union(branches=branches) if branches:
                branch = self.branch(branches, depth)
                return branch_name(branch), self.value(branch, depth + 1)
            case Enum(symbols=symbols) as enum:
                return self.symbol(enum, symbols)
            case Fixed(size=size) as fixed:
                self.parts += size // _LARGE_PART
                if self.parts > _TOO_BIG:
                    raise OverflowError
                return self.decimal(fixed, size) or b"\x01" * size
            case Primitive(name=name) as primitive:
                return self.primitive(primitive, name)
        raise AssertionError(node)

    def stops(self, inner: Node, depth: int) -> bool:
        """Return whether to leave an array or map empty."""
        if _height(inner, self.heights) is None or self.parts > _BIG or depth >= _TOO_DEEP:
            return True
        return depth >= _DEEP and not self.leads(inner)

    def leads(self, node: Node) -> bool:
        """Return whether the goal is in this place, rather than where a name is used for it."""
        return self.goal[: len(node.path)] == node.path

    def branch(self, branches: tuple[Node, ...], depth: int) -> Node:
        finite = [branch for branch in branches if _height(branch, self.heights) is not None]
        shortest = min(finite, key=lambda branch: _height(branch, self.heights) or 0)
        if depth >= _TOO_DEEP or self.parts > _BIG:
            return shortest
        if leading := [branch for branch in finite if self.leads(branch)]:
            return leading[0]
        if depth >= _DEEP:
            return shortest
        if self.random:
            return self.random.choice(finite)
        return next((branch for branch in finite if kind(branch) != "null"), finite[0])

    def symbol(self, enum: Enum, symbols: tuple[str, ...]) -> str:
        inside = self.goal[len(enum.path) :]
        if self.leads(enum) and inside[:1] == ("symbols",) and len(inside) == 2 and isinstance(inside[1], int):
            return symbols[inside[1]]
        return self.random.choice(symbols) if self.random else symbols[0]

    def primitive(self, node: Primitive, name: str) -> Any:
        logical = node.attributes.get("logicalType")
        if (name, logical) in _LOGICAL:
            return _LOGICAL[name, logical]
        if name == "bytes" and (decimal := self.decimal(node, None)) is not None:
            return decimal
        return (_EDGE if self.leads(node) or self.random else _PLAIN)[name]

    def decimal(self, node: Node, size: int | None) -> bytes | None:
        """Return 1234 without its point, or as many of its digits as fit, where the type is a decimal."""
        precision = node.attributes.get("precision")
        if node.attributes.get("logicalType") != "decimal" or type(precision) is not int:
            return None
        digits = min(4, precision, 2 * size if size is not None else 4)
        return decimal_bytes(int("1234"[:digits]), size) if digits > 0 else None


def _heights(schema: Node) -> dict[Node, int]:
    """Return the depth of each record's shallowest value; a record that always holds itself is not among them."""
    records: dict[Node, Record] = {}
    _collect(schema, records)
    heights: dict[Node, int] = {}
    for _ in records:
        for record in records.values():
            inner = [_height(field.type, heights) for field in record.fields]
            if None not in inner:
                heights[record] = 1 + max((height or 0 for height in inner), default=0)
    return heights


def _collect(node: Node, records: dict[Node, Record]) -> None:
    match node.definition:
        case Record(fields=fields) as record if record not in records:
            records[record] = record
            for field in fields:
                _collect(field.type, records)
        case Array(items=inner) | Map(values=inner):
            _collect(inner, records)
        case Union(branches=branches):
            for branch in branches:
                _collect(branch, records)


def _height(node: Node, heights: dict[Node, int]) -> int | None:
    match node.definition:
        case Record() as record:
            return heights.get(record)
        case Enum(symbols=()):
            return None
        case Union(branches=branches):
            branch_heights = [height for branch in branches if (height := _height(branch, heights)) is not None]
            return min(branch_heights, default=None)
    return 0
