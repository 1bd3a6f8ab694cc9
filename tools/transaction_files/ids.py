"""Ids for transactions that have none: the same again for the same rows of the same file."""

import uuid
from collections.abc import Mapping
from hashlib import sha1
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.transaction_files.accounts import LONGEST

_FILES = uuid.uuid5(uuid.NAMESPACE_OID, "payments.Transaction in a file")
_HYPHENS = [8, 13, 18, 23]
_ACCOUNT = f"S{LONGEST}"  # bytes: of names beyond ASCII the beginning, as the line tells rows apart
_DIGITS = np.setdiff1d(np.arange(36), _HYPHENS)


def ids_of(name: str, lines: NDArray[np.int64], columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bytes_]:
    """UUIDs of version 5 (RFC 9562, 5.5) of what a row says and where it is, as lower case text, S36.

    The namespace stands for the file's name without its directories. So a file that is replayed again, from anywhere,
    gives transactions delivered again; one whose name, start or currency changed gives new ones.

    Args:
        name: The file's name.
        lines: The line of each row.
        columns: source and target, amount, currency and created_at of each row.
    """
    count = len(lines)
    rows = np.zeros(count, [("line", ">i8"), ("source", _ACCOUNT), ("target", _ACCOUNT), ("amount", ">i8"),
                            ("currency", "S3"), ("created_at", ">i8")])  # fmt: skip
    rows["line"] = lines
    for field in ("source", "target", "amount", "currency", "created_at"):
        rows[field] = columns[field]
    data, size = rows.tobytes(), rows.dtype.itemsize
    file = sha1(uuid.uuid5(_FILES, name).bytes, usedforsecurity=False)

    def digest(start: int) -> bytes:
        hashed = file.copy()
        hashed.update(data[start : start + size])
        return hashed.digest()

    digests = b"".join(map(digest, range(0, len(data), size)))
    octets = np.frombuffer(digests, np.uint8).reshape(count, 20)[:, :16].copy()
    octets[:, 6] = octets[:, 6] & 0x0F | 0x50
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    text = np.full((count, 36), ord("-"), np.uint8)
    text[:, _DIGITS] = np.frombuffer(octets.tobytes().hex().encode(), np.uint8).reshape(count, 32)
    return text.view("S36").reshape(count)
