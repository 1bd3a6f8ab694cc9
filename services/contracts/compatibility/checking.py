"""Can a reader's schema read everything that a writer's schema writes?

The verdict is that of Apache Avro Java 1.12's ``SchemaCompatibility.checkReaderWriterCompatibility``, with one
exception that has a rule of its own (``RECURSION_UNPROVEN``). What is peculiar to that reference and followed here:
types match by their name without the namespace, or by an alias of the reader's that is the writer's full name;
a field of the reader's that matches two of the writer's, by name and alias, is refused; a union of the reader's
takes the first branch that can read the writer's type, by name or not.
"""

from collections.abc import Iterable
from dataclasses import replace

from services.contracts.compatibility.findings import Incompatibility, Rule
from services.contracts.compatibility.nodes import (
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
from services.contracts.compatibility.parsing import parse

# Avro specification, "Schema Resolution": what a reader may read besides its own type.
_PROMOTIONS = {
    "long": {"int"},
    "float": {"int", "long"},
    "double": {"int", "long", "float"},
    "string": {"bytes"},
    "bytes": {"string"},
}

_Findings = tuple[Incompatibility, ...]


def incompatibilities(reader: object, writer: object) -> list[Incompatibility]:
    """Lists every reason why ``reader`` can't read what ``writer`` wrote.

    Args:
        reader: The schema to read with: dict, list or str as ``json.load`` or ``fastavro.parse_schema`` gives it.
        writer: The schema that the data were written with, in the same form.

    Returns:
        The reasons in the order of the reader's schema; none when the two are compatible.

    Raises:
        ContractError: One of the two is no Avro schema.
    """
    return compare(parse(reader), parse(writer))


def compare(reader: Node, writer: Node) -> list[Incompatibility]:
    """Does what ``incompatibilities`` does with two schemas that are parsed already."""
    proven = _Comparison(reader, writer, keep_assumptions=False)
    if proven.withdrawn and not _Comparison(reader, writer, keep_assumptions=True).findings:
        return [_unproven(finding) for finding in proven.findings]
    return list(proven.findings)


def _unproven(finding: Incompatibility) -> Incompatibility:
    return replace(
        finding,
        rule=Rule.RECURSION_UNPROVEN,
        message=f"{finding.message} (Avro Java and a registry let this pass: they take two recursive types for "
        "compatible because they assumed so on the way to finding out that they are not)",
    )


class _Comparison:
    """One walk over a pair of schemas, each pair of types inside visited once.

    A pair that is met again while it is being compared is assumed to be compatible, or a recursive type would never
    end. If it then turns out not to be, what was concluded from the assumption is withdrawn; the reference keeps it
    (``keep_assumptions``).
    """

    def __init__(self, reader: Node, writer: Node, *, keep_assumptions: bool) -> None:
        self.withdrawn = False
        self._keep_assumptions = keep_assumptions
        self._known: dict[tuple[Node, Node], _Findings] = {}
        self._compatible: list[tuple[Node, Node]] = []
        self._ambiguous: list[Incompatibility] = []
        found = self._compare(reader, writer, "the schema")
        self.findings = _merge(found, self._ambiguous)

    def _compare(self, reader: Node, writer: Node, place: str) -> _Findings:
        pair = (reader.definition, writer.definition)
        if pair in self._known:
            return self._known[pair]
        self._known[pair] = ()
        before = len(self._compatible)
        found = self._known[pair] = self._findings(reader, writer, place)
        if not found:
            self._compatible.append(pair)
        elif not self._keep_assumptions:
            for assumed in self._compatible[before:]:
                self.withdrawn = True
                del self._known[assumed]
            del self._compatible[before:]
        return found

    def _findings(self, reader: Node, writer: Node, place: str) -> _Findings:
        found: _Findings = ()
        match reader.definition, writer.definition:
            case _, Union(branches=branches):
                found = _merge(*(self._writer_branch(reader, branch, place) for branch in branches))
            case Union(branches=branches), _:
                found = self._reader_branches(reader, branches, writer, place)
            case Array() as read, Array() as written:
                found = self._compare(read.items, written.items, f"an item of {place}")
            case Map() as read, Map() as written:
                found = self._compare(read.values, written.values, f"a value of {place}")
            case Fixed() as read, Fixed() as written:
                found = _merge(_names(read, written), _sizes(read, written))
            case Enum() as read, Enum() as written:
                found = _merge(_names(read, written), _symbols(read, written))
            case Record() as read, Record() as written:
                found = _merge(_names(read, written), self._fields(read, written))
            case Primitive() as read, Primitive() as written if _reads(read.name, written.name):
                pass
            case _:
                found = (_type_changed(reader, writer, place),)
        return found

    def _writer_branch(self, reader: Node, branch: Node, place: str) -> _Findings:
        found = self._compare(reader, branch, place)
        match found:
            case [Incompatibility(Rule.TYPE_CHANGED, _, path)] if path == branch.path:
                return (_branch_removed(reader, branch, place),)
            case _:
                return found

    def _reader_branches(self, reader: Node, branches: Iterable[Node], writer: Node, place: str) -> _Findings:
        """Finds what keeps a union from reading a type, in the branch that seems to be meant for it."""
        meant: _Findings = ()
        for branch in branches:
            found = self._compare(branch, writer, place)
            if not found:
                return ()
            if not meant and _meant(branch.definition, writer.definition):
                meant = found
        return meant or (_type_changed(reader, writer, place),)

    def _fields(self, reader: Record, writer: Record) -> _Findings:
        written = {field.name: field for field in writer.fields}
        found: list[Iterable[Incompatibility]] = []
        for field in reader.fields:
            sources = [written[name] for name in (field.name, *field.aliases) if name in written]
            match sources:
                case [source]:
                    place = f"field {field.name!r} of {reader.full_name}"
                    found.append(self._compare(field.type, source.type, place))
                case []:
                    if not field.has_default:
                        found.append([_missing_default(field, reader, writer)])
                case _:
                    ambiguous = _ambiguous(field, sources, reader)
                    self._ambiguous.append(ambiguous)
                    found.append([ambiguous])
        return _merge(*found)


def _merge(*found: Iterable[Incompatibility]) -> _Findings:
    """Joins findings, each once: a type that is used in two places is wrong in one."""
    return tuple(dict.fromkeys(finding for findings in found for finding in findings))


def _reads(reader: str, writer: str) -> bool:
    return reader == writer or writer in _PROMOTIONS.get(reader, ())


def _same_name(reader: Named, writer: Named) -> bool:
    return reader.name == writer.name or writer.full_name in reader.aliases


def _meant(reader: Node, writer: Node) -> bool:
    """Whether a branch is the writer's type changed, rather than another type."""
    if isinstance(reader, Named) and isinstance(writer, Named) and not _same_name(reader, writer):
        return False
    return kind(reader) == kind(writer)


def _type_changed(reader: Node, writer: Node, place: str) -> Incompatibility:
    return Incompatibility(
        Rule.TYPE_CHANGED,
        reader.path,
        writer.path,
        f"{place} is {label(writer)} in the writer's schema and {label(reader)} in the reader's, which can't read it "
        "(Avro promotes int to long to float to double, and between string and bytes): keep the type, or add a "
        "new field with a default",
    )


def _branch_removed(reader: Node, branch: Node, place: str) -> Incompatibility:
    return Incompatibility(
        Rule.UNION_BRANCH_REMOVED,
        reader.path,
        branch.path,
        f"{place} may be {label(branch)} in the writer's schema, which the reader's {label(reader)} can't read: "
        f"keep {label(branch)} among the reader's types",
    )


def _names(reader: Named, writer: Named) -> _Findings:
    if _same_name(reader, writer):
        return ()
    return (
        Incompatibility(
            Rule.NAME_CHANGED,
            (*reader.path, "name"),
            (*writer.path, "name"),
            f"{kind(reader)} {reader.full_name} of the reader's schema is named {writer.full_name} in the writer's: "
            f"keep the name, or give the reader's the alias {writer.full_name!r}",
        ),
    )


def _sizes(reader: Fixed, writer: Fixed) -> _Findings:
    if reader.size == writer.size:
        return ()
    return (
        Incompatibility(
            Rule.FIXED_SIZE_CHANGED,
            (*reader.path, "size"),
            (*writer.path, "size"),
            f"fixed {reader.full_name} has {writer.size} bytes in the writer's schema and {reader.size} in the "
            "reader's: keep the size, or make a new type of another name",
        ),
    )


def _symbols(reader: Enum, writer: Enum) -> _Findings:
    unknown = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
    if not unknown or reader.default is not None:
        return ()
    return (
        Incompatibility(
            Rule.ENUM_SYMBOL_REMOVED,
            (*reader.path, "symbols"),
            (*writer.path, "symbols", writer.symbols.index(unknown[0])),
            f"enum {reader.full_name} of the reader's schema doesn't know {', '.join(unknown)}, which the writer's "
            "has: keep the symbols, or give the reader's enum type a \"default\" (a default of the field doesn't help)",
        ),
    )


def _missing_default(field: Field, reader: Record, writer: Record) -> Incompatibility:
    return Incompatibility(
        Rule.READER_FIELD_MISSING_DEFAULT,
        field.path,
        (*writer.path, "fields"),
        f"field {field.name!r} of {reader.full_name} is missing in the writer's schema, and the reader's has no "
        "default for it: give the field a default, or an alias if it was renamed",
    )


def _ambiguous(field: Field, sources: list[Field], reader: Record) -> Incompatibility:
    names = ", ".join(repr(source.name) for source in sources)
    return Incompatibility(
        Rule.READER_FIELD_AMBIGUOUS,
        field.path,
        sources[-1].path,
        f"field {field.name!r} of {reader.full_name} matches several names in the writer's schema, by its name and "
        f"its aliases ({names}): remove the aliases that the writer's schema has as fields",
    )
