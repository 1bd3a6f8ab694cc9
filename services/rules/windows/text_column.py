"""Many byte strings as one, with their lengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.rules.windows.byte_rows import ByteRows

Lengths = NDArray[np.uint32]


@dataclass(frozen=True)
class TextColumn:
    """Byte strings, one after the other.

    Attributes:
        count: Their number.
        lengths: The length of each; a single one where all have the same.
        joined: The strings.

    Raises:
        ValueError: The lengths are not those of the strings.
    """

    count: int
    lengths: Lengths
    joined: bytes

    def __post_init__(self) -> None:
        total = int(self.lengths.sum(dtype=np.int64))
        if len(self.lengths) == 1 and self.count:
            total *= self.count
        elif len(self.lengths) != self.count:
            raise ValueError(f"{len(self.lengths)} lengths for {self.count} values")
        if total != len(self.joined):
            raise ValueError(f"{len(self.joined)} bytes; expected {total} by the lengths of {self.count} values")

    @classmethod
    def of(cls, values: Sequence[bytes]) -> "TextColumn":
        """Return a column.

        Raises:
            TypeError: A value is not bytes.
        """
        joined = b"".join(values)
        lengths = np.fromiter(map(len, values), "<u4", len(values))
        is_uniform = len(lengths) > 0 and bool((lengths == lengths[0]).all())
        return cls(len(values), lengths[:1] if is_uniform else lengths, joined)

    def __len__(self) -> int:
        return self.count

    @property
    def width(self) -> int:
        """The length of the longest string."""
        return int(self.lengths.max(initial=0))

    def values(self) -> list[bytes]:
        """Return each string as an object."""
        if len(self.lengths) == 1 and self.count:
            width = int(self.lengths[0])
            values: list[bytes] = np.frombuffer(self.joined, f"V{width}").tolist() if width else [b""] * self.count
            return values
        joined, ends = self.joined, np.cumsum(self.lengths, dtype=np.int64).tolist()
        return [joined[first:last] for first, last in pairwise([0, *ends])]

    def rows(self) -> ByteRows:
        """Return the bytes of each string, filled up with zeros to the same width."""
        joined, width = np.frombuffer(self.joined, np.uint8), self.width
        if len(self.lengths) == 1:
            return joined.reshape(self.count, width)
        rows = np.zeros((self.count, width), np.uint8)
        rows[np.arange(width) < self.lengths[:, None]] = joined
        return rows

    def each_length(self) -> Lengths:
        """Return the length of each string."""
        return np.broadcast_to(self.lengths, self.count)


@dataclass(frozen=True)
class TextRows:
    """Byte strings as rows of one width, so that some of them are taken fast.

    Attributes:
        rows: Their bytes, filled up with zeros.
        lengths: The length of each.
    """

    rows: ByteRows
    lengths: Lengths

    @classmethod
    def empty(cls, count: int, width: int) -> "TextRows":
        """Return empty strings, to be replaced by `put`."""
        return cls(np.zeros((count, width), np.uint8), np.zeros(count, np.uint32))

    @property
    def nbytes(self) -> int:
        """The size in memory."""
        return self.rows.nbytes + self.lengths.nbytes

    def put(self, position: int, column: TextColumn, mask: NDArray[np.bool_]) -> None:
        """Replace the strings from a position on by some of a column."""
        rows = column.rows()[mask]
        self.rows[position : position + len(rows), : rows.shape[1]] = rows
        self.lengths[position : position + len(rows)] = column.each_length()[mask]

    def take(self, positions: NDArray[np.int64]) -> "TextRows":
        """Return some of the strings."""
        return TextRows(self.rows[positions], self.lengths[positions])

    def values(self) -> list[bytes]:
        """Return each string as an object."""
        width, joined = self.rows.shape[1], self.rows.tobytes()
        return [joined[row * width : row * width + length] for row, length in enumerate(self.lengths.tolist())]
