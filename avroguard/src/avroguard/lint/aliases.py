"""Aliases that clash with names.

Avro Java reads by rewriting the writer's schema with the reader's aliases. Where an alias is a name of something else
as well, what comes out is another schema: pairs that are compatible by every check can then not be read.
"""

from collections import Counter
from collections.abc import Iterator

from avroguard.compatibility.nodes import Named
from avroguard.findings import Finding
from avroguard.lint.schema_view import SchemaView

_FIX = "remove the alias, or rename what else has the name"


def of_types(view: SchemaView) -> Iterator[Finding]:
    """The alias of a type is not a name or an alias of another."""
    named = list(view.of(Named))
    aliases = Counter(alias for node in named for alias in set(node.aliases))
    names = {node.full_name for node in named}
    for node in named:
        for index, alias in enumerate(node.aliases):
            if alias in names:
                whose = "its own name" if alias == node.full_name else "the name of another type"
            elif aliases[alias] > 1:
                whose = "an alias of another type as well"
            else:
                continue
            message = f"the alias {alias} of {node.full_name} is {whose}"
            yield Finding.at((*node.path, "aliases", index), "ALIAS_CLASH", message, _FIX)


def of_fields(view: SchemaView) -> Iterator[Finding]:
    """The alias of a field is not a name or an alias of another field in the record, nor its own name."""
    for record, field in view.fields:
        names = {other.name for other in record.fields}
        aliases = Counter(alias for other in record.fields for alias in set(other.aliases))
        for index, alias in enumerate(field.attributes.get("aliases", [])):
            if alias in names:
                whose = "its own name" if alias == field.name else "the name of another field"
            elif aliases[alias] > 1:
                whose = "an alias of another field as well"
            else:
                continue
            message = f"the alias {alias!r} of field {field.name!r} of {record.full_name} is {whose}"
            yield Finding.at((*field.path, "aliases", index), "FIELD_ALIAS_CLASH", message, _FIX)
