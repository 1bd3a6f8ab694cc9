"""Avro's schema resolution: reads data of one schema as another. Pure; `compatibility` decides whether it can be read.

Source: the Avro specification, "Schema Resolution", as Avro Java 1.12 reads generic data. Where the two differ, Java
is followed: records are read field by field whatever their names are, and a union that equals the writer's in all but
namespaces and defaults is read branch by branch. A mismatch fails when data reach it, not before.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import repeat
from typing import Any

from avroguard.compatibility.nodes import (
    Array,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    Node,
    Primitive,
    Record,
    Union,
    kind,
    label,
)
from avroguard.compatibility.parsing import parse
from avroguard.errors import ContractError
from avroguard.explain.aliases import Aliases, without_aliases
from avroguard.explain.binary import BinaryInput, ReadError, encode
from avroguard.explain.default_values import default_value
from avroguard.explain.logical_values import conversion

_Read = Callable[[BinaryInput], Any]


def nearest_float(value: int) -> float:
    """Return the number of 32 bits that is nearest to a whole number; of two, the one that ends in a zero bit."""
    excess = max(value.bit_length() - 24, 0)
    return float(round(Fraction(value, 1 << excess)) << excess)


_PROMOTIONS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("int", "long"): int,
    ("int", "float"): nearest_float,
    ("int", "double"): float,
    ("long", "float"): nearest_float,
    ("long", "double"): float,
    ("float", "double"): float,
    ("string", "bytes"): str.encode,
    ("bytes", "string"): lambda value: value.decode(errors="replace"),
}
"""Conversions of a writer's value to the reader's type. Bytes that are no UTF-8 become U+FFFD, as in Java."""


class Decoder:
    """Decodes what one schema has written as another schema reads it.

    Args:
        writer: The schema that the data were written with, as plain JSON data.
        reader: The schema to read them as; the writer's where none is given.

    Raises:
        ContractError: If one of the two is no Avro schema, or is nested too deeply.
        ReadError: If nothing can be read: a default is no value of its type, or aliases clash.
    """

    def __init__(self, writer: Any, reader: Any = None) -> None:
        written, read = parse(writer), parse(writer if reader is None else reader)
        same = reader is None or without_aliases(writer) == without_aliases(reader)
        aliases = Aliases() if same else Aliases.of(read)
        try:
            aliases.require_distinct(written)
            self._read = _Resolver(aliases).resolve(written, read)
        except RecursionError:
            raise ContractError("the schemas are nested too deeply to be read: flatten them") from None

    def decode(self, body: bytes) -> Any:
        """Decode one value.

        Returns:
            A dict for a record or a map, a list for an array, a str for an enum, bytes for a fixed; for a logical type
            of the reader's its own value, such as a Decimal or a datetime.

        Raises:
            ReadError: If the bytes are no value of the writer's schema, or can't be read as the reader's.
        """
        return self._read(BinaryInput(body))


@dataclass(frozen=True)
class _Mismatch:
    """Reader that fails where data reach a place that can't be read."""

    reason: str

    def __call__(self, _: BinaryInput) -> Any:
        raise ReadError(self.reason)


@dataclass
class _RecordReader:
    """Reads a record: the writer's fields in their order, then the defaults of the others.

    Attributes:
        fields: The reader's names of its fields.
        steps: The reader's name of a field, None to drop what the writer has; and how to read it.
        fault: Why it can't be read after all; a recursive type may lead here before that is known.
    """

    fields: list[str]
    steps: list[tuple[str | None, _Read]] = field(default_factory=list)
    fault: str = ""

    def __call__(self, source: BinaryInput) -> dict[str, Any]:
        if self.fault:
            raise ReadError(self.fault)
        values = {name: read(source) for name, read in self.steps}
        return {name: values[name] for name in self.fields}


class _Resolver:
    """Resolves pairs of types, each pair of records once: recursive types end.

    Args:
        aliases: The reader's aliases.
        converts: Whether to make values of logical types.
    """

    def __init__(self, aliases: Aliases, *, converts: bool = True) -> None:
        self._aliases = aliases
        self._converts = converts
        self._records: dict[tuple[Record, Record], _RecordReader | _Mismatch] = {}

    def resolve(self, writer: Node, reader: Node) -> _Read:
        """Return what reads a value of the writer's type as the reader's."""
        if isinstance(writer, Union):
            return self._writer_union(writer, reader)
        read = self._resolve_single(writer.definition, reader.definition)
        convert = conversion(reader.definition) if self._converts else None
        return read if convert is None or isinstance(read, _Mismatch) else lambda source: convert(read(source))

    def _resolve_single(self, writer: Node, reader: Node) -> _Read:  # noqa: PLR0911 - a case for each type
        match writer, reader:
            case _, Union() as union:
                branch = self._branch(writer, union)
                return self.resolve(writer, branch) if branch else _mismatch(writer, reader)
            case Record() as written, Record() as read:
                return self._record(written, read)
            case Array() as written, Array() as read:
                item = self.resolve(written.items, read.items)
                return lambda source: list(source.items(item))
            case Map() as written, Map() as read:
                value = self.resolve(written.values, read.values)
                return lambda source: dict(source.items(lambda pair: (pair.primitive("string"), value(pair))))
            case Enum() as written, Enum() as read if self._same_short_name(written, read):
                return _enum(written, read)
            case Fixed(size=size), Fixed() as read if self._same_short_name(writer, read) and size == read.size:
                return lambda source: source.take(size)
            case Primitive(name=name), Primitive() as read if name == read.name:
                return lambda source: source.primitive(name)
            case Primitive(name=name), Primitive() as read if promote := _PROMOTIONS.get((name, read.name)):
                return lambda source: promote(source.primitive(name))
        return _mismatch(writer, reader)

    def _writer_union(self, writer: Union, reader: Node) -> _Read:
        others: Iterable[Node] = repeat(reader, len(writer.branches))
        if isinstance(reader, Union) and self._equivalent(writer, reader, {}):
            others = reader.branches
        branches = [self.resolve(branch, other) for branch, other in zip(writer.branches, others, strict=True)]
        return lambda source: _at(branches, source.number(), writer)(source)

    def _branch(self, writer: Node, reader: Union) -> Node | None:
        """The branch of the reader's union for a type: the same, or a record of like fields, or one it promotes to."""
        name = self._aliases.name(writer)
        alike = [branch for branch in reader.branches if kind(branch) == kind(writer)]
        if not isinstance(writer, Named):
            return alike[0] if alike else _promoted(writer, reader)
        if same := [branch for branch in alike if _full_name(branch) == name]:
            return same[0]
        if not isinstance(writer, Record):
            return None
        fitting = [branch for branch in alike if self._fits(writer, branch.definition)]
        called = [branch for branch in fitting if self._same_short_name(writer, branch)]
        return next(iter([*called[-1:], *fitting]), None)

    def _fits(self, writer: Record, reader: Node) -> bool:
        """Return whether a record has every field that it is read for; the fields' own types aren't checked."""
        record_reader = self._record(writer, reader) if isinstance(reader, Record) else None
        return isinstance(record_reader, _RecordReader) and not any(
            isinstance(read, _Mismatch) for _, read in record_reader.steps
        )

    def _record(self, writer: Record, reader: Record) -> _RecordReader | _Mismatch:
        pair = (writer, reader)
        if pair in self._records:
            return self._records[pair]
        record = self._records[pair] = _RecordReader([field.name for field in reader.fields])
        written = self._aliases.fields_of(writer)
        for name, source in written.items():
            target = reader.field(name)
            step = self.resolve(source.type, target.type) if target else _as_itself(source.type, converts=False)
            record.steps.append((name if target else None, step))
        for lacking in reader.fields:
            if lacking.name not in written:
                if not lacking.has_default:
                    record.fault = f"No default value for field {lacking.name} of {reader.full_name}"
                    self._records[pair] = _Mismatch(record.fault)
                    break
                record.steps.append((lacking.name, self._default(lacking)))
        return self._records[pair]

    def _default(self, lacking: Field) -> _Read:
        body = encode(lacking.type, default_value(lacking.type, lacking.default))
        read = _as_itself(lacking.type, converts=self._converts)
        return lambda _: read(BinaryInput(body))

    def _same_short_name(self, writer: Node, reader: Node) -> bool:
        return _short(self._aliases.name(writer)) == _short(_full_name(reader))

    def _equivalent(self, writer: Node, reader: Node, known: dict[tuple[Node, Node], bool]) -> bool:
        """Return whether two types differ in nothing but namespaces, defaults and logical types."""
        written, read = writer.definition, reader.definition
        if kind(written) != kind(read) or (isinstance(read, Named) and not self._same_short_name(written, read)):
            return False
        match written, read:
            case (Array(items=inner), Array(items=other)) | (Map(values=inner), Map(values=other)):
                return self._equivalent(inner, other, known)
            case Fixed(size=size), Fixed(size=other_size):
                return size == other_size
            case Enum(symbols=symbols), Enum(symbols=other_symbols):
                return symbols == other_symbols
            case Union(branches=branches), Union(branches=others):
                return len(branches) == len(others) and all(
                    self._equivalent(branch, other, known) for branch, other in zip(branches, others, strict=True)
                )
            case Record(), Record() if (written, read) not in known:
                known[written, read] = True  # assumed, where it comes round in a circle
                fields = self._aliases.fields_of(written)
                known[written, read] = list(fields) == [field.name for field in read.fields] and all(
                    self._equivalent(field.type, other.type, known)
                    for field, other in zip(fields.values(), read.fields, strict=True)
                )
        return known.get((written, read), True)


def _as_itself(schema: Node, *, converts: bool) -> _Read:
    return _Resolver(Aliases(), converts=converts).resolve(schema, schema)


def _enum(writer: Enum, reader: Enum) -> _Read:
    def read(source: BinaryInput) -> str:
        symbol = _at(writer.symbols, source.number(), writer)
        if symbol not in reader.symbols and reader.default is None:
            raise ReadError(f"No match for symbol {symbol} in {label(reader)}")
        return symbol if symbol in reader.symbols else str(reader.default)

    return read


def _promoted(writer: Node, reader: Union) -> Node | None:
    return next((branch for branch in reader.branches if (kind(writer), kind(branch)) in _PROMOTIONS), None)


def _at(choices: Any, index: int, schema: Node) -> Any:
    if not 0 <= index < len(choices):
        raise ReadError(f"{label(schema)} has no choice {index}")
    return choices[index]


def _mismatch(writer: Node, reader: Node) -> _Mismatch:
    return _Mismatch(f"Found {label(writer)}, expecting {label(reader)}")


def _full_name(node: Node) -> str:
    definition = node.definition
    return definition.full_name if isinstance(definition, Named) else kind(definition)


def _short(name: str) -> str:
    return name.rpartition(".")[2]
