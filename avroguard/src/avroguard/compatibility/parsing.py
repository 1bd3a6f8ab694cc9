"""The parser that makes nodes of a schema's JSON.

Names resolve as Apache Avro Java 1.12 resolves them (``Schema.Parser``, the reference of this package), which is
the Avro specification's section "Names" plus: a type may be used before it is defined, and a short name that is
unknown in the enclosing namespace is looked up without a namespace among the types defined so far.

Only what the checks rest on is validated by `parse`; `parse_valid` refuses whatever Avro Java refuses.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from avroguard.avro.names import PRIMITIVES
from avroguard.avro.validation import validate
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
    Reference,
    Union,
    are_primitives,
    is_plain,
    kind,
)
from avroguard.errors import ContractError
from avroguard.findings import FindingsError
from avroguard.places import JsonPath
from avroguard.rules import RULES

_N = TypeVar("_N", bound=Named)
_RESERVED = {"type", "name", "namespace", "doc", "aliases", "symbols", "default", "size"}


def parse(schema: object) -> Node:
    """Read a schema from its JSON shape.

    Args:
        schema: A dict, list or str as ``json.load`` gives it; or what this has returned.

    Raises:
        ContractError: It is no Avro schema; the message says where and why.
    """
    return schema if isinstance(schema, Node) else Parser().parse(schema)


def parse_valid(schema: object) -> Node:
    """Read a schema as `parse` does, unless Avro Java refuses it.

    Raises:
        ContractError: It is no Avro schema; a line for each reason, with the position.
    """
    node = parse(schema)
    if node is schema:
        return node
    findings = [finding for finding in validate(schema) if RULES[finding.rule].refused_by_avro_java]
    if findings:
        raise FindingsError(findings, [_line(finding.path, finding.advice) for finding in findings])
    return node


class Parser:
    """Reads schemas that have much in common, such as the versions of a subject.

    A field that is word for word the same, in the same place and without a name in its type, is one node in all of
    them: it is read once, and a comparison sees at once that nothing about it differs. The schemas must not be changed
    as long as the parser is used.
    """

    def __init__(self) -> None:
        self._fields: dict[JsonPath, Field] = {}

    def parse(self, schema: object) -> Node:
        """Read one of the schemas, as `parse` does."""
        reader = _Reader(self._fields)
        try:
            root = reader.read(schema, (), None)
        except RecursionError:
            raise ContractError("the schema is nested too deeply to be read: give inner types a name") from None
        reader.verify_references()
        return root


class _Reader:
    """Collects the names of one schema while it is read.

    Args:
        fields: The fields of schemas read before, by place; takes those of this one.
    """

    def __init__(self, fields: dict[JsonPath, Field]) -> None:
        self._fields = fields
        self._names: dict[str, Named] = {}
        self._declared: set[str] = set()
        self._references: list[Reference] = []

    def read(self, schema: object, path: JsonPath, namespace: str | None) -> Node:
        match schema:
            case str():
                return self._by_name(schema, path, {}, namespace)
            case list():
                return self._union(schema, path, namespace)
            case dict():
                return self._object(schema, path, namespace)
            case _:
                raise _malformed(path, f"expected a type name, an object or a list, found {schema!r:.60}")

    def verify_references(self) -> None:
        for reference in self._references:
            if reference.full_name not in self._names:
                raise _malformed(
                    reference.path,
                    f"there is no type {reference.full_name!r}: define it in this schema or correct the name",
                )

    def _object(self, schema: Mapping[str, Any], path: JsonPath, namespace: str | None) -> Node:
        match schema.get("type"):
            case "record" | "error":
                return self._record(schema, path, namespace)
            case "enum":
                return self._enum(schema, path, namespace)
            case "fixed":
                return self._fixed(schema, path, namespace)
            case "array":
                return Array(path, schema, self._inner(schema, "items", path, namespace))
            case "map":
                return Map(path, schema, self._inner(schema, "values", path, namespace))
            case str(name):
                return self._by_name(name, path, schema, namespace)
            case _:
                raise _malformed(path, 'an object needs the name of a type as "type": write a type without a wrapper')

    def _by_name(self, name: str, path: JsonPath, attributes: Mapping[str, Any], namespace: str | None) -> Node:
        if name in PRIMITIVES:
            return Primitive(path, attributes, name)
        full_name = f"{namespace}.{name}" if namespace and "." not in name else name
        if full_name not in self._declared and name in self._declared:
            full_name = name
        reference = Reference(path, attributes, full_name, self._names)
        self._references.append(reference)
        return reference

    def _inner(self, schema: Mapping[str, Any], key: str, path: JsonPath, namespace: str | None) -> Node:
        if key not in schema:
            raise _malformed(path, f'{schema["type"]} needs "{key}"')
        return self.read(schema[key], (*path, key), namespace)

    def _union(self, schema: list[object], path: JsonPath, namespace: str | None) -> Union:
        if are_primitives(schema) and len(set(map(str, schema))) == len(schema):
            return Union(path, {}, tuple(Primitive((*path, index), {}, str(name)) for index, name in enumerate(schema)))
        branches = tuple(self.read(branch, (*path, index), namespace) for index, branch in enumerate(schema))
        seen = set()
        for branch in branches:
            if isinstance(branch, Union):
                raise _malformed(branch.path, "a union directly inside a union is not allowed: merge the two")
            name = branch.full_name if isinstance(branch, Named | Reference) else kind(branch)
            if name in seen:
                raise _malformed(branch.path, f"the union has {name} twice: branches differ by name")
            seen.add(name)
        return Union(path, {}, branches)

    def _record(self, schema: Mapping[str, Any], path: JsonPath, namespace: str | None) -> Record:
        name, space = _name(schema, path, namespace)
        self._claim(f"{space}.{name}" if space else name, path)
        if not isinstance(schema.get("fields"), list):
            raise _malformed(path, f'record {name} needs a list of "fields"')
        fields = tuple(
            [self._field(field, (*path, "fields", index), space) for index, field in enumerate(schema["fields"])]
        )
        names = [field.name for field in fields]
        if len(set(names)) < len(names):
            field, count = Counter(names).most_common(1)[0]
            raise _malformed(path, f"record {name} has {count} fields named {field!r}")
        record = Record(path, schema, name, space, _aliases(schema, path, space), fields)
        self._names[record.full_name] = record
        return record

    def _field(self, field: object, path: JsonPath, namespace: str | None) -> Field:
        known = self._fields.get(path)
        if known and known.plain and _same_words(field, known.attributes):
            return known
        if not isinstance(field, dict) or not isinstance(field.get("name"), str) or "type" not in field:
            raise _malformed(path, 'a field is an object with a "name" and a "type"')
        aliases = _texts(field.get("aliases", []), (*path, "aliases"))
        field_type = self.read(field["type"], (*path, "type"), namespace)
        read = Field(path, field, field["name"], tuple(dict.fromkeys(aliases)), field_type, is_plain(field["type"]))
        self._fields[path] = read
        return read

    def _enum(self, schema: Mapping[str, Any], path: JsonPath, namespace: str | None) -> Enum:
        name, space = _name(schema, path, namespace)
        symbols = tuple(_texts(schema.get("symbols"), (*path, "symbols")))
        default = schema.get("default")
        if not isinstance(default, str):
            default = None
        elif default not in symbols:
            raise _malformed((*path, "default"), f"{default!r} is none of the symbols of enum {name}")
        return self._define(Enum(path, schema, name, space, _aliases(schema, path, space), symbols, default))

    def _fixed(self, schema: Mapping[str, Any], path: JsonPath, namespace: str | None) -> Fixed:
        name, space = _name(schema, path, namespace)
        size = schema.get("size")
        if not isinstance(size, int) or isinstance(size, bool):
            raise _malformed(path, f'fixed {name} needs a whole number as "size"')
        return self._define(Fixed(path, schema, name, space, _aliases(schema, path, space), size))

    def _claim(self, full_name: str, path: JsonPath) -> None:
        """Make a name known, before its type is read where the type may refer to itself."""
        if full_name in self._declared:
            raise _malformed((*path, "name"), f"{full_name} is defined twice: refer to it by its name")
        self._declared.add(full_name)

    def _define(self, node: _N) -> _N:
        first = self._names.get(node.full_name)
        if first is None or not _repeats(node, first):
            self._claim(node.full_name, node.path)
            self._names[node.full_name] = node
        return node


def _same_words(field: Any, other: Mapping[str, Any]) -> bool:
    """Return whether two fields are equal, without taking 1, 1.0 and true in a default for equal as Python does."""
    if field != other:
        return False
    default = field.get("default")
    return type(default) is type(other.get("default")) and (not default or not isinstance(default, dict | list))


def _repeats(node: Named, first: Named) -> bool:
    """Return whether the reference lets a second definition pass: the same enum or fixed, no properties."""
    match node, first:
        case Enum(symbols=again), Enum(symbols=symbols):
            same = again == symbols
        case Fixed(size=again), Fixed(size=size):
            same = again == size
        case _:
            same = False
    return same and first.attributes.keys() <= _RESERVED


def _name(schema: Mapping[str, Any], path: JsonPath, namespace: str | None) -> tuple[str, str | None]:
    given = schema.get("name")
    if not isinstance(given, str) or not given.rpartition(".")[2]:
        raise _malformed(path, f'{schema["type"]} needs a "name"')
    own = schema.get("namespace")
    name, space = _split(given, own if isinstance(own, str) else namespace)
    if not space and name in PRIMITIVES:
        raise _malformed((*path, "name"), f"{name} is the name of a primitive type: choose another")
    return name, space


def _split(name: str, namespace: str | None) -> tuple[str, str | None]:
    """Split a name: a name with a dot has its own namespace, another has the one that is given."""
    before, dot, after = name.rpartition(".")
    return after, (before if dot else namespace) or None


def _aliases(schema: Mapping[str, Any], path: JsonPath, namespace: str | None) -> tuple[str, ...]:
    return tuple(_full_aliases(_texts(schema.get("aliases", []), (*path, "aliases")), namespace))


def _full_aliases(aliases: list[str], namespace: str | None) -> Iterator[str]:
    for alias in aliases:
        name, space = _split(alias, namespace)
        # An alias like ".Old" leads out of a namespace, but the reference then never matches it with a type.
        yield f"{space}.{name}" if space else f".{name}" if namespace else name


def _texts(value: object, path: JsonPath) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _malformed(path, "expected a list of strings")
    return value


def _malformed(path: JsonPath, problem: str) -> ContractError:
    return ContractError(_line(path, problem))


def _line(path: JsonPath, problem: str) -> str:
    return f"not an Avro schema: at {'/'.join(map(str, path)) or 'the schema'}: {problem}"
