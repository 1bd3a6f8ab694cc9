"""Columns as rows of bytes, and rows of bytes as Python objects."""

from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

ByteRows = NDArray[np.uint8]
"""Shape (rows, width): one byte in each cell."""


def byte_rows(column: NDArray[Any]) -> ByteRows:
    """Return the bytes of each value, all of one width."""
    return np.ascontiguousarray(column).view(np.uint8).reshape(len(column), column.dtype.itemsize)


def big_endian(numbers: NDArray[Any]) -> ByteRows:
    """Return the bytes of each number, the most significant first."""
    return byte_rows(numbers.astype(numbers.dtype.newbyteorder(">")))


def row_objects(rows: ByteRows) -> list[bytes]:
    """Return each row as an object."""
    objects: list[bytes] = np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel().tolist()
    return objects


def key_objects(columns: list[NDArray[Any]]) -> list[Any]:
    """Return for each row something hashable that is equal for equal values, also of different batches.

    A single field's values are keys as they are. Whole numbers with one text at most become one `bytes` object, the
    numbers in front; a 1 between them and the text, as trailing zeros get lost. Anything else is a tuple.
    """
    if len(columns) == 1 or not len(columns[0]):
        values: list[Any] = columns[0].tolist()
        return values
    numbers = [column for column in columns if column.dtype == np.int64]
    texts = [column for column in columns if column.dtype.kind == "S" or isinstance(column[0], bytes)]
    if len(numbers) + len(texts) < len(columns) or len(texts) > 1:
        return list(zip(*(column.tolist() for column in columns), strict=True))
    heads = [big_endian(number) for number in numbers]
    if not texts:
        return row_objects(np.concatenate(heads, axis=1))
    heads.append(np.ones((len(columns[0]), 1), np.uint8))
    if texts[0].dtype.kind == "S":
        packed = np.concatenate([*heads, byte_rows(texts[0])], axis=1)
        objects: list[bytes] = packed.view(f"S{packed.shape[1]}").ravel().tolist()
        return objects
    return list(map(add, row_objects(np.concatenate(heads, axis=1)), texts[0].tolist()))
