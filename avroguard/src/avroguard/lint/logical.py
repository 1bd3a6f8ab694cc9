"""Logical types where Avro does not look for them: it reads the plain type without a word.

The types and what each annotates: https://avro.apache.org/docs/1.12.0/specification/#logical-types
"""

from collections.abc import Iterator

from avroguard.avro.names import suggestion
from avroguard.compatibility.nodes import Fixed, Node, Reference, kind
from avroguard.findings import Finding
from avroguard.lint.schema_view import SchemaView

_MOMENTS = [f"{kind}-{unit}" for kind in ("timestamp", "local-timestamp") for unit in ("millis", "micros", "nanos")]
_ANNOTATES = {
    "decimal": ("bytes", "fixed"),
    "big-decimal": ("bytes",),
    "uuid": ("string", "fixed of 16 bytes"),
    "date": ("int",),
    "time-millis": ("int",),
    "time-micros": ("long",),
    "duration": ("fixed of 12 bytes",),
    **dict.fromkeys(_MOMENTS, ("long",)),
}


def on_types(view: SchemaView) -> Iterator[Finding]:
    """A logical type is known, and annotates what it is defined for."""
    for node in view.types:
        name = node.attributes.get("logicalType")
        here = (*node.path, "logicalType")
        if "logicalType" not in node.attributes:
            continue
        if not isinstance(name, str):
            yield Finding.at(here, "ATTRIBUTE_IGNORED", "expected the name of a logical type as a text", "remove it")
        elif name not in _ANNOTATES:
            near = suggestion(name, list(_ANNOTATES))
            message = f'"{name}" is no logical type of the specification{near}'
            fix = "correct it: readers see the plain type" if near else "make sure that readers know it, or remove it"
            yield Finding.at(here, "LOGICAL_TYPE_UNKNOWN" if near else "LOGICAL_TYPE_CUSTOM", message, fix)
        elif not {kind(node), _sized(node)} & set(_ANNOTATES[name]) or isinstance(node, Reference):
            message = f"{name} annotates {' or '.join(_ANNOTATES[name])}, not {_shown(node)}: it is ignored here"
            yield Finding.at(
                here, "LOGICAL_TYPE_ON_WRONG_TYPE", message, "use a type that it is defined for, or remove it"
            )
        elif name == "decimal" and "scale" not in node.attributes:
            message = "the decimal says no scale, which makes it one of whole numbers"
            yield Finding.at(here, "DECIMAL_SCALE_MISSING", message, 'write "scale", even where it is 0')


def on_fields(view: SchemaView) -> Iterator[Finding]:
    """A logical type stands inside of the type."""
    for record, field in view.fields:
        if "logicalType" in field.attributes:
            message = (
                f"the logicalType stands beside the type of field {field.name!r} of {record.full_name}, "
                "where every parser ignores it"
            )
            fix = 'write "type": {"type": ..., "logicalType": ...}, with precision and scale inside as well'
            yield Finding.at((*field.path, "logicalType"), "LOGICAL_TYPE_ON_FIELD", message, fix)


def _sized(node: Node) -> str:
    return f"fixed of {node.size} bytes" if isinstance(node, Fixed) else ""


def _shown(node: Node) -> str:
    return "the name of a type" if isinstance(node, Reference) else _sized(node) or kind(node)
