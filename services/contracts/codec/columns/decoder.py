"""Vectorised decoding of selected fields of a batch of messages into columns, with every check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from avroguard.avro.names import suggestion
from services.contracts.codec.columns.cursor import PADDING, Array, Cursor, Ints, Mask
from services.contracts.codec.columns.kinds import Form, Kind, kind_of, optional
from services.contracts.codec.columns.steps import Column
from services.contracts.codec.columns.walk import NotVectorisable, ProjectedField, Walk, compile_walk
from services.contracts.codec.default_values import decode_default
from services.contracts.codec.parsed import Parsed
from services.contracts.codec.records import RecordDecoder, require_compatible
from services.contracts.codec.wire_format import HEADER_SIZE
from services.errors import ContractError, PoisonError


@dataclass(frozen=True)
class Columns:
    """Selected fields of a batch.

    Attributes:
        count: Number of rows.
        columns: By field name an array of ``count`` values. By the reader's type: int, long, dates, times and
            timestamps int64 in the unit of the type; decimals int64, unscaled (cents for a scale of 2), or an object
            array of ints where the precision is above 18; float and double float64; boolean bool; string, UUID (lower
            case) and enum the bytes of their UTF-8 in an ``S`` array, or in the rare batch where that can't hold them
            (text that ends in a zero byte or has more than 255 bytes) in an object array; bytes and fixed an object
            array of bytes; anything else an object array of the values of ``RecordDecoder``.
        nulls: By the name of each nullable field (of the reader) the mask of null rows. Their value is 0 or empty.
        failures: By row its error. The values of such rows are 0 or empty and have no meaning.
        longest: Bytes of the longest message, header included.
    """

    count: int
    columns: Mapping[str, Array]
    nulls: Mapping[str, Mask] = field(default_factory=dict)
    failures: Mapping[int, PoisonError] = field(default_factory=dict)
    longest: int = 0

    def __len__(self) -> int:
        return self.count

    @property
    def good(self) -> Mask | None:
        """The mask of rows without a failure; None if all are."""
        if not self.failures:
            return None
        mask = np.ones(self.count, np.bool_)
        mask[list(self.failures)] = False
        return mask


class ColumnDecoder:
    """Decoder of selected fields of records with the same writer's schema.

    A row fails if and only if ``RecordDecoder(writer, reader, fields)`` rejects it, and has the same values otherwise:
    rows that the vectorised walk does not cover are decoded by it, one by one.

    Args:
        writer: The writer's schema, as plain JSON data.
        reader: The reader's schema; a record.
        fields: Names of the reader's fields to decode.

    Raises:
        ContractError: If a schema isn't valid, the reader can't read what the writer writes, a field isn't one of the
            reader's, or the two differ in the meaning of a field's numbers (the scale of a decimal, the unit of a
            timestamp).
    """

    def __init__(self, writer: Any, reader: Any, fields: Sequence[str]) -> None:
        require_compatible(writer, reader)
        written, read = Parsed.of(writer), Parsed.of(reader)
        self._records = RecordDecoder(writer, reader, fields)
        self._kinds: dict[str, Kind] = {}
        self._constants: dict[str, Any] = {}
        projection: dict[str, ProjectedField] = {}
        for name in fields:
            reader_field = _field(read, name)
            where = f"field {name} of {read.name}"
            source = _writer_field(written, reader_field)
            if source is None:
                self._kinds[name] = kind = kind_of(read, reader_field["type"])
                default = decode_default(read, reader_field["type"], reader_field.get("default"), where)
                self._constants[name] = default if default is None else kind.to_physical(default)
                continue
            self._kinds[name] = kind = _agreed_kind(written, source["type"], read, reader_field["type"], where)
            reader_type = optional(read, reader_field["type"])[1]
            if source["name"] in projection:
                duplicate = projection[source["name"]].name
                raise ContractError(
                    f"{where} and field {duplicate} are both read from the writer's field {source['name']}, by "
                    "name and by alias; remove that alias"
                )
            projection[source["name"]] = ProjectedField(name, kind, reader_type or {"type": "union"})
        self._walk = _walk(written, projection)

    @property
    def vectorised(self) -> bool:
        """True where batches are decoded vectorised; otherwise each row is decoded on its own."""
        return self._walk is not None

    def decode(self, values: Sequence[bytes], prefix: int = HEADER_SIZE) -> Columns:
        """Decode a batch.

        Args:
            values: Values of the messages.
            prefix: Number of bytes of each to skip: the header, which is not checked here.
        """
        count = len(values)
        columns = {name: kind.empty(count) for name, kind in self._kinds.items()}
        nulls = {name: np.zeros(count, np.bool_) for name, kind in self._kinds.items() if kind.nullable}
        lengths = np.fromiter(map(len, values), np.int64, count)
        if self._walk is None or not count:
            slow = np.arange(count, dtype=np.int64)
        else:
            walked, slow = self._walked(values, lengths, prefix)
            columns |= {name: column.values for name, column in walked.items()}
            nulls |= {name: column.nulls for name, column in walked.items() if column.nulls is not None}
        for name, value in self._constants.items():
            if value is None:
                nulls[name] = np.ones(count, np.bool_)
            else:
                columns[name] = self._kinds[name].repeated(value, count)
        failures = self._decode_rows(values, prefix, slow, columns, nulls) if len(slow) else {}
        return Columns(count, columns, nulls, failures, int(lengths.max(initial=0)))

    def _walked(self, values: Sequence[bytes], lengths: Ints, prefix: int) -> tuple[dict[str, Column], Ints]:
        """Return the columns of the walk, and the rows that it does not cover."""
        data = b"".join([*values, bytes(PADDING)])
        end = np.cumsum(lengths)
        start = np.concatenate([np.zeros(1, np.int64), end[:-1]])
        cursor = Cursor(data, start + prefix, end)
        columns: dict[str, Column] = {}
        for name, step in self._walk or ():
            column = step(cursor)
            if name is not None and column is not None:
                columns[name] = column
        return columns, np.flatnonzero(cursor.fallback | (cursor.position != end)).astype(np.int64)

    def _decode_rows(
        self, values: Sequence[bytes], prefix: int, rows: Ints, columns: dict[str, Array], nulls: dict[str, Mask]
    ) -> dict[int, PoisonError]:
        """Decode rows one by one, and write their values into the columns."""
        failures: dict[int, PoisonError] = {}
        results: dict[str, list[Any]] = {name: [] for name in self._kinds}
        absent: dict[str, list[bool]] = {name: [] for name in self._kinds}
        for row in rows.tolist():
            try:
                record = self._records.decode(values[row][prefix:])
                cells = {name: self._cell(name, record[name]) for name in self._kinds}
            except PoisonError as error:
                failures[row] = error
                cells = dict.fromkeys(self._kinds)
            for name, cell in cells.items():
                results[name].append(self._kinds[name].zero if cell is None else cell)
                absent[name].append(cell is None)
        for name, kind in self._kinds.items():
            columns[name] = kind.patched(columns[name], rows, results[name])
            if kind.nullable:
                nulls[name][rows] = absent[name]
        return failures

    def _cell(self, name: str, value: Any) -> Any:
        return None if value is None else self._kinds[name].to_physical(value)


def _walk(written: Parsed, projection: Mapping[str, ProjectedField]) -> Walk | None:
    try:
        return compile_walk(written, projection)
    except NotVectorisable:
        return None


def _field(read: Parsed, name: str) -> dict[str, Any]:
    """Return the reader's field of a name."""
    top = read.resolve(read.schema)
    if isinstance(top, list) or "fields" not in top:
        raise ContractError(f"{read.name} is not a record: it has no fields to decode")
    fields: dict[str, dict[str, Any]] = {field["name"]: field for field in top["fields"]}
    if name not in fields:
        hint = suggestion(name, list(fields)) or f": it has {', '.join(fields)}"
        raise ContractError(f"{read.name} has no field {name}{hint}")
    return fields[name]


def _writer_field(written: Parsed, reader_field: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the writer's field for a field of the reader, by its name or an alias."""
    top = written.resolve(written.schema)
    fields = {field["name"]: field for field in (top["fields"] if isinstance(top, dict) else ())}
    names = [name for name in (reader_field["name"], *reader_field.get("aliases", ())) if name in fields]
    return fields[names[0]] if names else None


def _agreed_kind(written: Parsed, written_type: Any, read: Parsed, read_type: Any, where: str) -> Kind:
    """Return the kind of a field's column; its values have the same meaning for the reader and the writer."""
    kind = kind_of(read, read_type)
    source = kind_of(written, written_type)
    if Form.OTHER in (kind.form, source.form):
        return kind
    if source.logical != kind.logical and _has_unit(source) and (_has_unit(kind) or source.form is not kind.form):
        raise ContractError(f"{where} is {_unit(kind)} for this service, but {_unit(source)} for the writer")
    if "decimal" in (source.logical, kind.logical) and (source.logical, source.scale) != (kind.logical, kind.scale):
        raise ContractError(f"{where} is {_unit(kind)} for this service, but {_unit(source)} for the writer")
    return replace(kind, logical=source.logical or kind.logical)


def _has_unit(kind: Kind) -> bool:
    return kind.form is Form.INTEGER and kind.logical is not None


def _unit(kind: Kind) -> str:
    if kind.logical == "decimal":
        return f"a decimal of scale {kind.scale}"
    return kind.logical or kind.form.name.lower()
