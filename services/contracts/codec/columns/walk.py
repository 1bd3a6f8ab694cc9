"""Makes the walk through a writer's schema: its steps, and which of them give which column."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avroguard.avro.parsed import Parsed
from services.contracts.codec.columns import steps
from services.contracts.codec.columns.cursor import WIDEST
from services.contracts.codec.columns.kinds import Kind, optional
from services.contracts.codec.wire import INT64_DIGITS, value_range

# What a schema may unfold to: a record used in many places is walked in each of them.
_MOST_STEPS = 1000


# For each field of the writer's record the name of its column (None where it is skipped) and the step.
Walk = list[tuple[str | None, steps.Step]]


class NotCovered(Exception):  # noqa: N818 - never seen outside this package
    """The schema, or the way it is to be read, is not one that can be walked: arrays, maps, recursion, promotion."""


@dataclass(frozen=True)
class Wanted:
    """A field to read: the column's name and kind, and the reader's type for it, without null."""

    name: str
    kind: Kind
    reader_type: dict[str, Any]


def compile_walk(writer: Parsed, wanted: Mapping[str, Wanted]) -> Walk:
    """Make the steps for the fields of a writer's record, in order.

    Args:
        writer: The writer's schema.
        wanted: By the name of the writer's field what to read of it.

    Raises:
        NotCovered: If batches with this schema have to be decoded one row at a time.
    """
    top = writer.resolve(writer.schema)
    if isinstance(top, list) or top["type"] not in ("record", "error"):
        raise NotCovered
    compiler = _Compiler(writer)
    return [
        (found.name, compiler.read(field["type"], found))
        if (found := wanted.get(field["name"]))
        else (None, compiler.skip(field["type"], (top["name"],)))
        for field in top["fields"]
    ]


class _Compiler:
    def __init__(self, writer: Parsed) -> None:
        self._writer = writer
        self._made = 0

    def read(self, field_type: Any, wanted: Wanted) -> steps.Step:
        """A step that gives a column."""
        nullable, one = optional(self._writer, field_type)
        union = self._writer.resolve(field_type)
        if one is None:
            raise NotCovered
        value = self._scalar(one, wanted.reader_type)
        if not isinstance(union, list):
            return steps.present(value) if wanted.kind.nullable else value
        if not (nullable and wanted.kind.nullable and len(union) == 2):
            raise NotCovered
        branches = [self._writer.resolve(branch)["type"] for branch in union]
        return steps.nullable(value, branches.index("null"), wanted.kind.empty)

    def _scalar(self, one: dict[str, Any], reader_type: dict[str, Any]) -> steps.Step:
        written, read = one["type"], reader_type["type"]
        same = written == read or {written, read} in ({"int", "long"}, {"float", "double"})
        if not same or written in ("null", "record", "error", "array", "map"):
            raise NotCovered
        if one.get("logicalType") == "decimal" and written in ("bytes", "fixed"):
            if reader_type["precision"] > INT64_DIGITS:
                raise NotCovered
            return self._decimal(one, min(one["precision"], reader_type["precision"]), wanted=True)
        return self._plain(one, reader_type.get("symbols", ()), wanted=True)

    def skip(self, field_type: Any, inside: tuple[str, ...]) -> steps.Step:
        """A step that checks a value and gives nothing."""
        self._made += 1
        if self._made > _MOST_STEPS:
            raise NotCovered
        one = self._writer.resolve(field_type)
        if isinstance(one, list):
            return steps.union([self.skip(branch, inside) for branch in one])
        if one["type"] in ("record", "error"):
            if one["name"] in inside:
                raise NotCovered
            return steps.record([self.skip(field["type"], (*inside, one["name"])) for field in one["fields"]])
        if one.get("logicalType") == "decimal" and one["type"] in ("bytes", "fixed"):
            return self._decimal(one, one["precision"], wanted=False)
        return self._plain(one, (), wanted=False)

    def _decimal(self, one: dict[str, Any], precision: int, *, wanted: bool) -> steps.Step:
        size = one.get("size") if one["type"] == "fixed" else None
        if size is not None and size > WIDEST:
            raise NotCovered
        return steps.decimal(size, precision, wanted=wanted)

    def _plain(self, one: dict[str, Any], symbols: Any, *, wanted: bool) -> steps.Step:  # noqa: PLR0911 - by type
        match one["type"]:
            case "null":
                return steps.null()
            case "boolean":
                return steps.boolean(wanted=wanted)
            case "int" | "long" as kind:
                return steps.integer(*value_range(kind, one.get("logicalType")), wanted=wanted)
            case "float":
                return steps.floating("<f4", wanted=wanted)
            case "double":
                return steps.floating("<f8", wanted=wanted)
            case "string":
                return steps.uuid(wanted=wanted) if one.get("logicalType") == "uuid" else steps.text(wanted=wanted)
            case "bytes":
                return steps.octets(None, wanted=wanted)
            case "fixed":
                return steps.octets(one["size"], wanted=True) if wanted else steps.fixed(one["size"])
            case "enum":
                return steps.enum(one["symbols"], symbols, wanted=wanted)
            case _:
                raise NotCovered
