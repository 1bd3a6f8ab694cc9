"""Documentation of the data's meaning."""

from collections.abc import Iterator

from avroguard.compatibility.nodes import Enum, Named, Record, kind
from avroguard.findings import Finding
from avroguard.lint.schema_view import SchemaView


def docs(view: SchemaView) -> Iterator[Finding]:
    """Records, enums and fields have a doc."""
    for node in view.of(Named):
        if isinstance(node, Record | Enum) and not _said(node.attributes.get("doc")):
            yield _missing((*node.path, "name"), f"{kind(node)} {node.full_name}")
    for record, field in view.fields:
        if not _said(field.attributes.get("doc")):
            yield _missing((*field.path, "name"), f"field {field.name!r} of {record.full_name}")


def _said(doc: object) -> bool:
    return isinstance(doc, str) and bool(doc.strip())


def _missing(path: tuple[str | int, ...], what: str) -> Finding:
    return Finding.at(path, "DOC_MISSING", f"{what} has no doc", 'say in "doc" what it means, its unit and its range')
