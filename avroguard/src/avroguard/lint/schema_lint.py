"""The check of a schema file by every rule."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from avroguard.avro.document import parse_json
from avroguard.avro.names import definitions
from avroguard.avro.references import foreign_names
from avroguard.avro.schema import Reference, Schema
from avroguard.avro.validation import validate
from avroguard.errors import ContractError
from avroguard.findings import Finding, InvalidSchemaError, merged
from avroguard.lint import aliases, documentation, evolution, logical, naming
from avroguard.lint.schema_view import Check, SchemaView
from avroguard.rules import Family

LINT_FAMILIES = frozenset({Family.SYNTAX, Family.PORTABILITY, Family.PRACTICE})
_CHECKS: tuple[Check, ...] = (
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


def lint_schema(
    name: str,
    content: bytes,
    shared: Mapping[str, Reference] | None = None,
    invalid: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return everything that is wrong with a schema file, in text order.

    Good practice is checked in valid schemas only.

    Args:
        name: The file's name in messages.
        content: The bytes of the file.
        shared: The types of other files that it may use, by full name.
        invalid: Why a type of another file is not valid, by full name.
    """
    try:
        document = parse_json(name, content)
    except InvalidSchemaError as error:
        return list(error.findings)
    shared = shared or {}
    foreign = {full: definitions(reference.schema.json) for full, reference in shared.items()}
    schema = Schema(document)
    findings = [_because(finding, document.json, invalid or {}) for finding in validate(document.json, foreign)]
    if not findings:
        schema = Schema(document, tuple(shared[full] for full in foreign_names(document.json) if full in shared))
        findings = _practice(schema)
    located = merged([*document.findings, *(schema.located(finding) for finding in findings)])
    return sorted(
        (finding for finding in located if finding.place.file == name),
        key=lambda finding: (finding.place.line, finding.place.column or 0),
    )


def _because(finding: Finding, schema: Any, invalid: Mapping[str, str]) -> Finding:
    """The finding; of a type that another file defines and is invalid, it says so instead of that it is unknown."""
    if finding.rule != "TYPE_UNKNOWN" or not invalid:
        return finding
    for key in finding.path:
        schema = schema[key]
    for full, reason in invalid.items():
        if schema in (full, full.rpartition(".")[2]):
            return replace(finding, message=reason, fix="mend that file first")
    return finding


def _practice(schema: Schema) -> list[Finding]:
    try:
        view = SchemaView(schema.json)
        return [finding for check in _CHECKS for finding in check(view)]
    except ContractError as error:
        return [Finding.at((), "JSON_TOO_LARGE", str(error))]
