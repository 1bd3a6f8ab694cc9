"""Compilation of a writer's schema to a walk: its steps, and the columns that they emit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.contracts.codec.body_validation import INT64_DIGITS, value_range
from services.contracts.codec.columns import steps
from services.contracts.codec.columns.cursor import WIDEST
from services.contracts.codec.columns.kinds import Kind, optional
from services.contracts.codec.parsed import Parsed

# Limit of the steps, as a record that is used in many places is walked in each of them.
_MAX_STEPS = 1000


# Name of the column (None where the field is skipped) and step of each field of the writer's record.
Walk = list[tuple[str | None, steps.Step]]


class NotVectorisable(Exception):  # noqa: N818 - never raised outside this package
    """A walk can't decode the schema or its projection: arrays, maps, recursion, promotion."""


@dataclass(frozen=True)
class ProjectedField:
    """A field to decode: name and kind of its column, and the reader's type, without null."""

    name: str
    kind: Kind
    reader_type: dict[str, Any]


def compile_walk(writer: Parsed, projection: Mapping[str, ProjectedField]) -> Walk:
    """Make the steps for the fields of a writer's record, in order.

    Args:
        writer: The writer's schema.
        projection: The fields to decode, by the name of the writer's field.

    Raises:
        NotVectorisable: Batches with this schema have to be decoded one row at a time.
    """
    top = writer.resolve(writer.schema)
    if isinstance(top, list) or top["type"] not in ("record", "error"):
        raise NotVectorisable
    compiler = _Compiler(writer)
    return [
        (projected.name, compiler.emit(field["type"], projected))
        if (projected := projection.get(field["name"]))
        else (None, compiler.skip(field["type"], (top["name"],)))
        for field in top["fields"]
    ]


class _Compiler:
    def __init__(self, writer: Parsed) -> None:
        self._writer = writer
        self._step_count = 0

    def emit(self, field_type: Any, projected: ProjectedField) -> steps.Step:
        """Return a step that emits a column."""
        nullable, value_type = optional(self._writer, field_type)
        union = self._writer.resolve(field_type)
        if value_type is None:
            raise NotVectorisable
        value = self._scalar(value_type, projected.reader_type)
        if not isinstance(union, list):
            return steps.present(value) if projected.kind.nullable else value
        if not (nullable and projected.kind.nullable and len(union) == 2):
            raise NotVectorisable
        branches = [self._writer.resolve(branch)["type"] for branch in union]
        return steps.nullable(value, branches.index("null"), projected.kind.empty)

    def _scalar(self, writer_type: dict[str, Any], reader_type: dict[str, Any]) -> steps.Step:
        written, read = writer_type["type"], reader_type["type"]
        same = written == read or {written, read} in ({"int", "long"}, {"float", "double"})
        if not same or written in ("null", "record", "error", "array", "map"):
            raise NotVectorisable
        if writer_type.get("logicalType") == "decimal" and written in ("bytes", "fixed"):
            if reader_type["precision"] > INT64_DIGITS:
                raise NotVectorisable
            return self._decimal(writer_type, min(writer_type["precision"], reader_type["precision"]), emit=True)
        return self._plain(writer_type, reader_type.get("symbols", ()), emit=True)

    def skip(self, field_type: Any, inside: tuple[str, ...]) -> steps.Step:
        """Return a step that checks a value and emits nothing."""
        self._step_count += 1
        if self._step_count > _MAX_STEPS:
            raise NotVectorisable
        writer_type = self._writer.resolve(field_type)
        if isinstance(writer_type, list):
            return steps.union([self.skip(branch, inside) for branch in writer_type])
        if writer_type["type"] in ("record", "error"):
            if writer_type["name"] in inside:
                raise NotVectorisable
            return steps.record(
                [self.skip(field["type"], (*inside, writer_type["name"])) for field in writer_type["fields"]]
            )
        if writer_type.get("logicalType") == "decimal" and writer_type["type"] in ("bytes", "fixed"):
            return self._decimal(writer_type, writer_type["precision"], emit=False)
        return self._plain(writer_type, (), emit=False)

    def _decimal(self, writer_type: dict[str, Any], precision: int, *, emit: bool) -> steps.Step:
        size = writer_type.get("size") if writer_type["type"] == "fixed" else None
        if size is not None and size > WIDEST:
            raise NotVectorisable
        return steps.decimal(size, precision, emit=emit)

    def _plain(self, writer_type: dict[str, Any], symbols: Any, *, emit: bool) -> steps.Step:  # noqa: PLR0911 - by type
        match writer_type["type"]:
            case "null":
                return steps.null()
            case "boolean":
                return steps.boolean(emit=emit)
            case "int" | "long" as kind:
                return steps.integer(*value_range(kind, writer_type.get("logicalType")), emit=emit)
            case "float":
                return steps.floating("<f4", emit=emit)
            case "double":
                return steps.floating("<f8", emit=emit)
            case "string":
                return steps.uuid(emit=emit) if writer_type.get("logicalType") == "uuid" else steps.text(emit=emit)
            case "bytes":
                return steps.binary(None, emit=emit)
            case "fixed":
                return steps.binary(writer_type["size"], emit=True) if emit else steps.fixed(writer_type["size"])
            case "enum":
                return steps.enum(writer_type["symbols"], symbols, emit=emit)
            case _:
                raise NotVectorisable
