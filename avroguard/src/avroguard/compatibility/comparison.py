"""The comparison of a reader's schema with a writer's: everything that the reader can't read.

The verdict is that of Apache Avro Java 1.12's ``SchemaCompatibility.checkReaderWriterCompatibility``, with one
exception that has a rule of its own (``RECURSION_UNPROVEN``). What is peculiar to that reference and followed here:
types match by their name without the namespace, or by an alias of the reader's that is the writer's full name;
a field of the reader's that matches two of the writer's, by name and alias, is refused; a union of the reader's
takes the first branch that can read the writer's type, by name or not.
"""

from collections.abc import Iterable
from dataclasses import replace

from avroguard.compatibility.incompatibility import Direction, Incompatibility, Rule
from avroguard.compatibility.incompatibility_messages import IncompatibilityFactory
from avroguard.compatibility.nodes import (
    Array,
    Enum,
    Fixed,
    Map,
    Named,
    Node,
    Primitive,
    Record,
    Union,
    kind,
)
from avroguard.compatibility.parsing import parse_valid
from avroguard.errors import ContractError

# Avro specification, "Schema Resolution": what a reader may read besides its own type.
_PROMOTIONS = {
    "long": {"int"},
    "float": {"int", "long"},
    "double": {"int", "long", "float"},
    "string": {"bytes"},
    "bytes": {"string"},
}

_Incompatibilities = tuple[Incompatibility, ...]


def incompatibilities(reader: object, writer: object) -> list[Incompatibility]:
    """List every reason why ``reader`` can't read what ``writer`` wrote.

    Args:
        reader: The schema to read with: dict, list or str as ``json.load`` gives it.
        writer: The schema that the data were written with, in the same form.

    Returns:
        The reasons in the order of the reader's schema; none when the two are compatible.

    Raises:
        ContractError: One of the two is no Avro schema: Avro Java refuses it.
    """
    return compare(parse_valid(reader), parse_valid(writer))


def compare(reader: Node, writer: Node, direction: Direction | None = None) -> list[Incompatibility]:
    """Do what ``incompatibilities`` does with two schemas that are parsed already.

    The messages speak of the new and the older schema where the direction is given, of reader and writer otherwise.
    """
    factory = IncompatibilityFactory(direction)
    try:
        proven = _Comparison(reader, writer, factory, keep_assumptions=False)
        if proven.withdrawn and not _Comparison(reader, writer, factory, keep_assumptions=True).incompatibilities:
            return [_unproven(incompatibility) for incompatibility in proven.incompatibilities]
        return list(proven.incompatibilities)
    except RecursionError:
        raise ContractError("the schemas are nested too deeply to be compared: flatten them") from None


def _unproven(incompatibility: Incompatibility) -> Incompatibility:
    return replace(
        incompatibility,
        rule=Rule.RECURSION_UNPROVEN,
        message=f"{incompatibility.message} (Avro Java and a registry let this pass: they take two recursive types for "
        "compatible because they assumed so on the way to finding out that they are not)",
    )


class _Comparison:
    """One walk over a pair of schemas, each pair of types inside visited once.

    A pair that is met again while it is being compared is assumed to be compatible, or a recursive type would never
    end. If it then turns out not to be, what was concluded from the assumption is withdrawn; the reference keeps it
    (``keep_assumptions``).
    """

    def __init__(self, reader: Node, writer: Node, factory: IncompatibilityFactory, *, keep_assumptions: bool) -> None:
        self.withdrawn = False
        """True once a conclusion was taken back."""
        self._factory = factory
        self._keep_assumptions = keep_assumptions
        self._known: dict[tuple[Node, Node], _Incompatibilities] = {}
        self._open: dict[tuple[Node, Node], bool] = {}
        """The pairs being compared, and whether something was concluded from one."""
        self._compatible: list[tuple[Node, Node]] = []
        self._ambiguous: list[Incompatibility] = []
        reasons = self._compare(reader, writer, "the value")
        self.incompatibilities = _merge(reasons, self._ambiguous)

    def _compare(self, reader: Node, writer: Node, place: str) -> _Incompatibilities:
        pair = (reader.definition, writer.definition)
        if pair in self._open:
            self._open[pair] = True
            return ()
        if pair in self._known:
            return self._known[pair]
        self._open[pair] = False
        before = len(self._compatible)
        reasons = self._known[pair] = self._find(reader, writer, place)
        assumed = self._open.pop(pair)
        if not reasons:
            self._compatible.append(pair)
        elif assumed and not self._keep_assumptions:
            self._withdraw(before)
        return reasons

    def _withdraw(self, before: int) -> None:
        """Forgets what was concluded while a pair was compared that has failed now."""
        for pair in self._compatible[before:]:
            self.withdrawn = True
            del self._known[pair]
        del self._compatible[before:]

    def _find(self, reader: Node, writer: Node, place: str) -> _Incompatibilities:
        reasons: _Incompatibilities = ()
        match reader.definition, writer.definition:
            case _, Union(branches=branches):
                reasons = _merge(*(self._writer_branch(reader, branch, place) for branch in branches))
            case Union(branches=branches), _:
                reasons = self._reader_branches(reader, branches, writer, place)
            case Array() as read, Array() as written:
                reasons = self._compare(read.items, written.items, f"an item of {place}")
            case Map() as read, Map() as written:
                reasons = self._compare(read.values, written.values, f"a value of {place}")
            case Fixed() as read, Fixed() as written:
                reasons = _merge(self._names(read, written), self._sizes(read, written))
            case Enum() as read, Enum() as written:
                reasons = _merge(self._names(read, written), self._symbols(read, written))
            case Record() as read, Record() as written:
                reasons = _merge(self._names(read, written), self._fields(read, written))
            case Primitive() as read, Primitive() as written if _can_read(read.name, written.name):
                pass
            case _:
                reasons = (self._factory.type_changed(reader, writer, place),)
        return reasons

    def _writer_branch(self, reader: Node, branch: Node, place: str) -> _Incompatibilities:
        reasons = self._compare(reader, branch, place)
        match reasons:
            case [Incompatibility(Rule.TYPE_CHANGED, _, path)] if path == branch.path:
                return (self._factory.branch_removed(reader, branch, place),)
            case _:
                return reasons

    def _reader_branches(self, reader: Node, branches: Iterable[Node], writer: Node, place: str) -> _Incompatibilities:
        """Finds what keeps a union from reading a type, in the branch of its name, or of its kind."""
        nearest: _Incompatibilities = ()
        for branch in branches:
            reasons = self._compare(branch, writer, place)
            if not reasons:
                return ()
            if not nearest and _is_counterpart(branch.definition, writer.definition):
                nearest = reasons
        return nearest or (self._factory.type_changed(reader, writer, place),)

    def _fields(self, reader: Record, writer: Record) -> _Incompatibilities:
        written = {field.name: field for field in writer.fields}
        reasons: list[Iterable[Incompatibility]] = []
        for field in reader.fields:
            if not field.aliases and written.get(field.name) is field:
                continue
            sources = [written[name] for name in (field.name, *field.aliases) if name in written]
            match sources:
                case [source] if field.is_typed_like(source):
                    pass
                case [source]:
                    place = f"field {field.name!r} of {reader.full_name}"
                    reasons.append(self._compare(field.type, source.type, place))
                case []:
                    if not field.has_default:
                        reasons.append([self._factory.default_missing(field, reader, writer)])
                case _:
                    ambiguous = self._factory.ambiguous(field, sources, reader)
                    self._ambiguous.append(ambiguous)
                    reasons.append([ambiguous])
        return _merge(*reasons)

    def _names(self, reader: Named, writer: Named) -> _Incompatibilities:
        return () if _same_name(reader, writer) else (self._factory.name_changed(reader, writer),)

    def _sizes(self, reader: Fixed, writer: Fixed) -> _Incompatibilities:
        return () if reader.size == writer.size else (self._factory.size_changed(reader, writer),)

    def _symbols(self, reader: Enum, writer: Enum) -> _Incompatibilities:
        unknown = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
        if not unknown or reader.default is not None:
            return ()
        return (self._factory.symbols_removed(reader, writer, unknown),)


def _merge(*groups: Iterable[Incompatibility]) -> _Incompatibilities:
    """Join incompatibilities, each once: a type that is used in two places is wrong in one."""
    return tuple(dict.fromkeys(reason for reasons in groups for reason in reasons))


def _can_read(reader: str, writer: str) -> bool:
    """Return whether a primitive type can read another: its own, or one that is promoted to it."""
    return reader == writer or writer in _PROMOTIONS.get(reader, ())


def _same_name(reader: Named, writer: Named) -> bool:
    return reader.name == writer.name or writer.full_name in reader.aliases


def _is_counterpart(reader: Node, writer: Node) -> bool:
    """Return whether a branch is the writer's type changed, rather than another type."""
    if isinstance(reader, Named) and isinstance(writer, Named) and not _same_name(reader, writer):
        return False
    return kind(reader) == kind(writer)
