"""Vectorised encoding of columns into a batch of messages."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from services.contracts.codec.columns.cursor import Array, Mask
from services.contracts.codec.columns.kinds import optional
from services.contracts.codec.columns.packing import Packed, Packer, Unpackable, or_null, packer, place
from services.contracts.codec.default_values import encode_default
from services.contracts.codec.parsed import Parsed
from services.contracts.codec.wire_format import frame
from services.errors import ContractError


class ColumnEncoder:
    """Encoder of flat records of scalar fields; the bytes equal those of fastavro.

    Args:
        schema: The writer's schema, as plain JSON data; a record.
        fields: Names of the fields with a column; each other field takes its default. None: all fields have a column.

    Raises:
        ContractError: If the schema isn't valid or no record, lacks one of the fields, has a field without a default
            that is not among them, or one of them is neither a scalar nor a nullable one.
    """

    def __init__(self, schema: Any, fields: Sequence[str] | None = None) -> None:
        parsed = Parsed.of(schema)
        top = parsed.resolve(parsed.schema)
        if isinstance(top, list) or "fields" not in top:
            raise ContractError(f"{parsed.name} is not a record: it has no fields to encode")
        self._name = parsed.name
        self._steps: list[bytes | str] = []
        self._packers: dict[str, tuple[Packer, int | None]] = {}
        for field in top["fields"]:
            name, where = field["name"], f"field {field['name']} of {parsed.name}"
            if fields is None or name in fields:
                self._packers[name] = _packer(parsed, field["type"], where)
                self._steps.append(name)
            elif "default" in field:
                self._steps.append(encode_default(parsed, field["type"], field["default"], where))
            else:
                raise ContractError(f"{where} has no default: it needs a value")
        unknown = [name for name in fields or () if name not in self._packers]
        if unknown:
            raise ContractError(f"{parsed.name} has no field {', '.join(unknown)}")

    def encode(
        self, columns: Mapping[str, Array], schema_id: int, nulls: Mapping[str, Mask] | None = None
    ) -> list[bytes]:
        """Encode a batch.

        Args:
            columns: An array of the same length for each of the fields, as ``Columns`` holds them: integers in the
                type's unit, unscaled decimals, text as bytes.
            schema_id: The schema's id in the registry, for the header.
            nulls: By nullable field the mask of null rows; no row is null where it lacks a field.

        Returns:
            A message's value for each row, header included.

        Raises:
            ContractError: If a column is missing, unknown, of another length or dtype, or a value isn't one of its
                field's type; names the field and the row.
        """
        if columns.keys() != self._packers.keys():
            wrong = ", ".join(sorted(columns.keys() ^ self._packers.keys()))
            raise ContractError(f"columns for {self._name} are missing or unknown: {wrong}")
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise ContractError(f"columns for {self._name} have different lengths: {sorted(lengths)}")
        count = lengths.pop() if lengths else 0
        if not count:
            return []
        pieces = [self._piece(step, columns, nulls or {}) for step in self._steps]
        return _rows([frame(schema_id, b""), *pieces], count)

    def _piece(self, step: bytes | str, columns: Mapping[str, Array], nulls: Mapping[str, Mask]) -> bytes | Packed:
        if isinstance(step, bytes):
            return step
        pack, null_branch = self._packers[step]
        column = columns[step]
        try:
            if null_branch is None:
                return pack(column)
            return or_null(column, nulls.get(step, np.zeros(len(column), np.bool_)), null_branch, pack)
        except Unpackable as error:
            raise ContractError(f"field {step} of {self._name}: {error}") from None


def _packer(schema: Parsed, field_type: Any, where: str) -> tuple[Packer, int | None]:
    """Return the packer of a field's column and, if the field is nullable, the branch of the union that is null."""
    nullable, value_type = optional(schema, field_type)
    union = schema.resolve(field_type)
    pack = packer(value_type) if value_type else None
    if pack is None or (isinstance(union, list) and (not nullable or len(union) != 2)):
        raise ContractError(f"{where} is neither a scalar nor a nullable scalar: it can't be encoded by columns")
    if not isinstance(union, list):
        return pack, None
    return pack, [schema.resolve(branch)["type"] for branch in union].index("null")


def _rows(pieces: Sequence[bytes | Packed], count: int) -> list[bytes]:
    """Concatenate each row's pieces.

    Every row has room for the longest pieces. Bytes beyond a piece's length are overwritten by the following pieces, or
    lie beyond the row's end: they never reach the next row.
    """
    width = sum(len(piece) if isinstance(piece, bytes) else piece.table.shape[1] for piece in pieces)
    table = np.empty((count, width), np.uint8)
    offset = np.zeros(count, np.int64)
    for piece in pieces:
        if isinstance(piece, bytes):
            same = np.frombuffer(piece, np.uint8)
            place(table, offset, Packed(np.broadcast_to(same, (count, len(piece))), offset))
            offset = offset + len(piece)
        else:
            place(table, offset, piece)
            offset = offset + piece.length
    data = table.tobytes()
    starts = range(0, count * width, width)
    return [data[start : start + length] for start, length in zip(starts, offset.tolist(), strict=True)]
