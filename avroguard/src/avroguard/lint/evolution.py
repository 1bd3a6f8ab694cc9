"""Room for changes that break no reader and no writer."""

import re
from collections.abc import Iterator

from avroguard.avro.defaults import default_fits, default_readable
from avroguard.compatibility.nodes import Enum, Node, Record, Union, kind
from avroguard.findings import Finding
from avroguard.lint.schema_view import SchemaView


def optional_fields(view: SchemaView) -> Iterator[Finding]:
    """Find optional fields whose union does not begin with null or whose default is not null."""
    for record, field in view.fields:
        kinds = [kind(branch) for branch in field.type.branches] if isinstance(field.type, Union) else []
        what = f"field {field.name!r} of {record.full_name}"
        if "null" not in kinds:
            continue
        if not field.has_default:
            message = f"{what} may be null and has no default, so it can neither be added nor removed"
            yield Finding.at(field.path, "OPTIONAL_WITHOUT_DEFAULT", message, 'add "default": null')
        if kinds[0] != "null" and field.default is None:
            message = f"{what} may be null, which is not the first of its types"
            fix = "put null first: older parsers take a default of the first type only"
            yield Finding.at((*field.path, "type"), "NULL_NOT_FIRST", message, fix)


def defaults(view: SchemaView) -> Iterator[Finding]:
    """A default can be read, by older parsers as well."""
    for record, field in view.fields:
        if not field.has_default:
            continue
        what, here = f"the default of field {field.name!r} of {record.full_name}", (*field.path, "default")
        written, namespace = field.attributes["type"], record.namespace or ""
        if not default_readable(field.default, written, namespace, view.named):
            message = (
                f"{what} is no symbol of its enum, or has no bytes for its decimal: readers that need the default "
                "can't read the data"
            )
            yield Finding.at(here, "DEFAULT_UNREADABLE", message, r'name one of the symbols, or write 0 as "\u0000"')
        elif isinstance(written, list) and not default_fits(field.default, written[0], namespace, view.named):
            message = f"{what} is not of the union's first type: parsers before Avro 1.12 refuse the schema"
            yield Finding.at(here, "DEFAULT_OF_LATER_BRANCH", message, "put the type of the default first")


def endless_records(view: SchemaView) -> Iterator[Finding]:
    """A record has values: it contains itself only where that may end."""
    finite: set[str] = set()
    records = list(view.of(Record))
    for _ in records:
        finite |= {record.full_name for record in records if all(_ends(field.type, finite) for field in record.fields)}
    for record in records:
        if record.full_name not in finite:
            message = f"record {record.full_name} contains itself without an end: no value of it can be written"
            fix = "let the field that leads back be a union with null, or an array"
            yield Finding.at((*record.path, "name"), "RECORD_ENDLESS", message, fix)


def _ends(node: Node, finite: set[str]) -> bool:
    match node.definition:
        case Record(full_name=name):
            return name in finite
        case Union(branches=branches):
            return any(_ends(branch, finite) for branch in branches)
        case _:
            return True


_FALLBACKS = re.compile(r"(.*_)?(unknown|undefined|unspecified|unrecognized|unrecognised)", re.IGNORECASE)


def enums(view: SchemaView) -> Iterator[Finding]:
    """An enum has symbols, and a default for those to come."""
    for enum in view.of(Enum):
        fallback = next((symbol for symbol in enum.symbols if _FALLBACKS.fullmatch(symbol)), None)
        if not enum.symbols:
            message = f"enum {enum.full_name} has no symbols: no value of it can be written"
            yield Finding.at((*enum.path, "symbols"), "ENUM_EMPTY", message, "add the symbols")
        elif enum.default is None and fallback:
            message = (
                f"enum {enum.full_name} has the symbol {fallback} and no default: readers that meet a symbol of a "
                "later version fail instead of reading that one"
            )
            fix = f'add "default": "{fallback}" to the enum (that of a field does not help)'
            yield Finding.at((*enum.path, "name"), "ENUM_FALLBACK_UNUSED", message, fix)
        elif enum.default is None:
            message = f"enum {enum.full_name} has no default: no symbol can be added without breaking its readers"
            fix = 'add a symbol such as UNKNOWN, and name it as "default" of the enum (that of a field does not help)'
            yield Finding.at((*enum.path, "name"), "ENUM_DEFAULT_MISSING", message, fix)
