"""Styles of names, as people and generated code expect them."""

import re
from collections import Counter
from collections.abc import Iterator

from avroguard.compatibility.nodes import Enum, Named
from avroguard.findings import Finding
from avroguard.lint.schema_view import SchemaView

_PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")
_NAMESPACE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_CAMEL = re.compile(r"[a-z][A-Za-z0-9]*")
_UPPER = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def types(view: SchemaView) -> Iterator[Finding]:
    """Types in PascalCase, in a namespace in small letters."""
    for node in view.of(Named):
        if not _PASCAL.fullmatch(node.name):
            message = f"the name {node.name} is not in PascalCase"
            yield Finding.at(
                (*node.path, "name"), "TYPE_NAME_STYLE", message, "rename it, with the old name as an alias"
            )
        if node.namespace and not _NAMESPACE.fullmatch(node.namespace):
            message = f"the namespace {node.namespace} is not in small letters"
            place = (*node.path, "namespace" if "namespace" in node.attributes else "name")
            yield Finding.at(place, "TYPE_NAME_STYLE", message, "write it like a Java package: payments.cards")
    if isinstance(view.root, Named) and not view.root.namespace:
        message = f"{view.root.name} has no namespace, so that it may clash with another type of the name"
        yield Finding.at(("name",), "NAMESPACE_MISSING", message, 'add "namespace" before the schema is used')


def fields(view: SchemaView) -> Iterator[Finding]:
    """Fields in snake_case or camelCase, in one schema all alike: by the most frequent style."""
    styles = Counter(_style(field.name) for _, field in view.fields)
    usual = "camelCase" if styles["camelCase"] > styles["snake_case"] else "snake_case"
    for record, field in view.fields:
        if _style(field.name) not in (usual, "either"):
            message = f"the name of field {field.name!r} of {record.full_name} is not in {usual}"
            message += " as the others" if styles[usual] else ""
            fix = "rename it, with the old name as an alias"
            yield Finding.at((*field.path, "name"), "FIELD_NAME_STYLE", message, fix)


def _style(name: str) -> str:
    snake, camel = _SNAKE.fullmatch(name), _CAMEL.fullmatch(name)
    if snake and camel:
        return "either"
    return "snake_case" if snake else "camelCase" if camel else "none"


def symbols(view: SchemaView) -> Iterator[Finding]:
    """Symbols in UPPER_CASE."""
    for enum in view.of(Enum):
        wrong = [(index, symbol) for index, symbol in enumerate(enum.symbols) if not _UPPER.fullmatch(symbol)]
        if wrong:
            listed = ", ".join(symbol for _, symbol in wrong)
            message = f"enum {enum.full_name} has symbols that are not in UPPER_CASE: {listed}"
            fix = "symbols can't be renamed: use another case in new enums, and waive this one"
            yield Finding.at((*enum.path, "symbols", wrong[0][0]), "SYMBOL_STYLE", message, fix)
