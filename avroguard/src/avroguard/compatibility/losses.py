"""Data of a writer for which a reader's schema has no place: they are gone once written anew by that schema.

Schema resolution drops such data in silence. A field that the reader knows by an alias is kept, and so is a number that
the reader promotes, as far as the wider type goes.
"""

from collections.abc import Iterator

from avroguard.compatibility.comparison import compare
from avroguard.compatibility.nodes import Array, Enum, Field, Map, Node, Primitive, Record, Union, kind
from avroguard.compatibility.parsing import parse
from avroguard.errors import ContractError


def losses(reader: object, writer: object) -> list[str]:
    """List what a reader's schema leaves out of what a writer writes.

    Args:
        reader: The schema to read with, as plain JSON data; it can read what the writer writes.
        writer: The schema that the data were written with, in the same form.

    Returns:
        Fields by their path (``note``, ``address.zip``) and symbols of enums that would become the default
        (``channel: symbol KIOSK``), in the order of the writer's schema; none where everything is kept.

    Raises:
        ContractError: One of the two is no Avro schema.
    """
    try:
        return list(dict.fromkeys(_Walk().losses(parse(reader), parse(writer), "")))
    except RecursionError:
        raise ContractError("the schemas are nested too deeply to be compared: flatten them") from None


class _Walk:
    """One walk over a pair of schemas, each pair of types once: recursive types end."""

    def __init__(self) -> None:
        self._seen: set[tuple[Node, Node]] = set()

    def losses(self, reader: Node, writer: Node, path: str) -> Iterator[str]:
        reader, writer = reader.definition, writer.definition
        if (reader, writer) in self._seen:
            return
        self._seen.add((reader, writer))
        match reader, writer:
            case _, Union(branches=branches):
                for branch in branches:
                    yield from self.losses(reader, branch, path)
            case Union(branches=branches), _:
                for branch in _readers(branches, writer):
                    yield from self.losses(branch, writer, path)
            case Array() as read, Array() as written:
                yield from self.losses(read.items, written.items, path)
            case Map() as read, Map() as written:
                yield from self.losses(read.values, written.values, path)
            case Record() as read, Record() as written:
                yield from self._fields(read, written, path)
            case Enum() as read, Enum() as written:
                for symbol in written.symbols:
                    if symbol not in read.symbols:
                        yield f"{path or written.name}: symbol {symbol}"

    def _fields(self, reader: Record, writer: Record, path: str) -> Iterator[str]:
        read_from = {source.name: field for field in reader.fields if (source := _source(field, writer))}
        for field in writer.fields:
            place = f"{path}.{field.name}" if path else field.name
            if field.name not in read_from:
                yield place
            else:
                yield from self.losses(read_from[field.name].type, field.type, place)


def _source(field: Field, writer: Record) -> Field | None:
    """The writer's field that a reader's field is read from: by its name, else by the first alias that there is."""
    sources = (writer.field(name) for name in (field.name, *field.aliases))
    return next((source for source in sources if source), None)


def _readers(branches: tuple[Node, ...], writer: Node) -> list[Node]:
    """The branches of a reader's union that may read a type: the one that is the same, else all that can."""
    able = [branch for branch in branches if not compare(branch, writer)]
    same = [branch for branch in able if _identity(branch) == _identity(writer)]
    return same[:1] or able


def _identity(node: Node) -> tuple[str, str]:
    definition = node.definition
    name = definition.name if isinstance(definition, Primitive) else getattr(definition, "full_name", "")
    return kind(definition), name
