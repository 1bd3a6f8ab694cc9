"""Confluent's wire format: the writer's schema id and the Avro body of a message.

A value is the magic byte 0, the schema's id in the registry as 4 bytes big-endian, and the body in Avro's binary
encoding; or the body alone, where a header has the schema's id (``header_ids``). Source:
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.contracts.codec.header_ids import HeaderSchemaId, SchemaId
from services.errors import PoisonError

HEADER_SIZE = 5
MAGIC_BYTE = 0

_HEADER = struct.Struct(">bI")
_HEADER_DTYPE = np.dtype([("magic", "u1"), ("schema_id", ">u4")])


class UnframedError(PoisonError):
    """The value is not in Confluent's wire format."""


def frame(schema_id: int, body: bytes) -> bytes:
    """Return a message's value: header and Avro body.

    Args:
        schema_id: The writer's schema id, 0 to 2**32 - 1.
        body: A record in Avro's binary encoding.
    """
    return _HEADER.pack(MAGIC_BYTE, schema_id) + body


def unframe(value: bytes | None) -> tuple[int, bytes]:
    """SchemaSplit a message's value into its schema id and its Avro body.

    Raises:
        UnframedError: If the value is missing (a tombstone), too short, or doesn't begin with the magic byte.
    """
    if not value:
        kind = "no value (a tombstone)" if value is None else "an empty value"
        raise UnframedError(f"{kind}: expected the magic byte 0, a schema id of 4 bytes and an Avro body")
    if value[0] != MAGIC_BYTE:
        raise UnframedError(f"begins with the byte 0x{value[0]:02x}: expected the magic byte 0x00 of the wire format")
    if len(value) < HEADER_SIZE:
        raise UnframedError(f"{len(value)} bytes are too short: the magic byte and the schema id alone take 5")
    return _HEADER.unpack_from(value)[1], value[HEADER_SIZE:]


@dataclass(frozen=True)
class SchemaSplit:
    """The rows of a batch by their writer's schema.

    Attributes:
        groups: Schema id to the indices of its rows, int64, ascending. Every row is in one group or in ``failures``.
        failures: Row index to the error of a row without a schema id.
    """

    groups: dict[SchemaId, npt.NDArray[np.int64]]
    failures: dict[int, PoisonError]


def split_by_schema(
    values: Sequence[bytes | None], in_headers: Mapping[int, HeaderSchemaId | PoisonError] | None = None
) -> SchemaSplit:
    """Group a batch by schema id; equal to calling ``unframe`` on every value without one in a header.

    Args:
        values: Values of the messages; None is a tombstone.
        in_headers: By row index the schema id in a header, or its error, where the message has such a header.
    """
    if not in_headers:
        return _split(values)
    framed = np.array([row for row in range(len(values)) if row not in in_headers], np.int64)
    parts = _split([values[row] for row in framed.tolist()])
    groups: dict[SchemaId, npt.NDArray[np.int64]] = {
        schema_id: framed[rows] for schema_id, rows in parts.groups.items()
    }
    failures = {int(framed[row]): error for row, error in parts.failures.items()}
    rows_of: dict[SchemaId, list[int]] = {}
    for row, schema_id in in_headers.items():
        if isinstance(schema_id, PoisonError):
            failures[row] = schema_id
        elif values[row] is None:
            failures[row] = _unframed_error(None)
        else:
            rows_of.setdefault(schema_id, []).append(row)
    return SchemaSplit(groups | {schema_id: np.array(rows, np.int64) for schema_id, rows in rows_of.items()}, failures)


def _split(values: Sequence[bytes | None]) -> SchemaSplit:
    count = len(values)
    headers = b"".join([value[:HEADER_SIZE] if value else b"" for value in values])
    if len(headers) == count * HEADER_SIZE:  # then every row has a whole header: none is longer than 5 bytes
        rows = np.arange(count, dtype=np.int64)
        failures: dict[int, PoisonError] = {}
    else:
        whole = [value is not None and len(value) >= HEADER_SIZE for value in values]
        rows = np.flatnonzero(whole).astype(np.int64)
        headers = b"".join([value[:HEADER_SIZE] for value, good in zip(values, whole, strict=True) if value and good])
        failures = {row: _unframed_error(values[row]) for row in np.flatnonzero(~np.array(whole, bool)).tolist()}
    parsed = np.frombuffer(headers, _HEADER_DTYPE)
    wrong = parsed["magic"] != MAGIC_BYTE
    if wrong.any():
        failures |= {row: _unframed_error(values[row]) for row in rows[wrong].tolist()}
        rows, parsed = rows[~wrong], parsed[~wrong]
    if not len(rows):
        return SchemaSplit({}, failures)
    ids = parsed["schema_id"].astype(np.int64)
    if (ids == ids[0]).all():
        return SchemaSplit({int(ids[0]): rows}, failures)
    return SchemaSplit({int(schema_id): rows[ids == schema_id] for schema_id in np.unique(ids)}, failures)


def _unframed_error(value: bytes | None) -> PoisonError:
    try:
        unframe(value)
    except UnframedError as error:
        return error
    raise AssertionError("the value is framed")
