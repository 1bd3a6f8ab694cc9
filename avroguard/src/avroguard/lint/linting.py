"""Holds a schema file against every rule."""

from collections.abc import Mapping

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from avroguard.avro.attributes import Fault
from avroguard.avro.document import NotJsonError, parse_json
from avroguard.avro.names import field_at
from avroguard.avro.references import definitions, foreign_names
from avroguard.avro.schema import Reference, Schema
from avroguard.avro.validation import faults
from avroguard.errors import ContractError
from avroguard.findings import Finding, merged
from avroguard.lint import aliases, documentation, evolution, logical, naming
from avroguard.lint.view import Rule, View
from avroguard.rules import RULES, Family

LINT_FAMILIES = frozenset({Family.SYNTAX, Family.PORTABILITY, Family.PRACTICE})
_RULES: tuple[Rule, ...] = (
    aliases.of_types,
    aliases.of_fields,
    logical.on_types,
    logical.on_fields,
    evolution.endless_records,
    evolution.enums,
    evolution.defaults,
    evolution.optional_fields,
    documentation.docs,
    naming.types,
    naming.fields,
    naming.symbols,
)


def lint_schema(name: str, content: bytes, shared: Mapping[str, Reference] | None = None) -> list[Finding]:
    """Everything that is wrong with a schema file, in text order.

    Good practice is asked of valid schemas only.

    Args:
        name: What to call the file in messages.
        content: The bytes of the file.
        shared: The types of other files that it may use, by full name.
    """
    try:
        document = parse_json(name, content)
    except NotJsonError as error:
        return [Finding(error.place, error.rule, error.problem)]
    shared = shared or {}
    foreign = {full: definitions(reference.schema.json) for full, reference in shared.items()}
    wrong = faults(document.json, foreign)
    if wrong:
        found = [_finding(Schema(document), document.json, fault) for fault in wrong]
    else:
        used = tuple(shared[full] for full in foreign_names(document.json) if full in shared)
        found = _practice(Schema(document, used))
    return sorted(merged(found), key=lambda one: (one.place.file != name, one.place.line, one.place.column or 0))


def _practice(schema: Schema) -> list[Finding]:
    try:
        fastavro.parse_schema(schema.json, named_schemas={})
        view = View(schema.json)
        return [_finding(schema, schema.json, fault) for rule in _RULES for fault in rule(view)]
    except (SchemaParseException, UnknownType, LookupError, TypeError, ValueError, ContractError) as error:
        return [_finding(schema, schema.json, Fault((), "NOT_FOR_THE_CODEC", str(error)))]


def _finding(schema: Schema, json: object, fault: Fault) -> Finding:
    severity = RULES[fault.rule].severity
    return Finding(
        schema.where(fault.path),
        fault.rule,
        fault.message,
        fault.fix,
        severity,
        path=fault.path,
        field=field_at(json, fault.path),
    )
