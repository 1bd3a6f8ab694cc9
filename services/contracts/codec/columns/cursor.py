"""Cursor over all rows of a batch at once: a position in each row.

The rows lie in one buffer, one after the other. Positions only grow, and stop at ``limit``, beyond the last row's end:
no read leaves the buffer, and one comparison at the end (is each position at its row's end?) proves that no field of a
row reached beyond it. The values of a row for which the comparison fails are invalid.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]

# The longest value that is read vectorised: one long text must not widen the table of all rows' texts.
WIDEST = 255
# Zero bytes after the last row, so that every read from a position up to the limit stays in the buffer.
PADDING = WIDEST + 16

_FIRST_BYTE = np.array([(byte >> 1) ^ -(byte & 1) for byte in range(256)], np.int64)
_U64 = np.uint64
_STOP_BITS = _U64(0x8080808080808080)


class Cursor:
    """State of a walk over rows of a batch.

    Args:
        data: Bytes of the rows, followed by ``PADDING`` zero bytes.
        position: Index in ``data`` of each row's next byte, int64.
        end: Index in ``data`` of each row's end, int64.

    Attributes:
        fallback: Mask of the rows that have to be decoded one by one, as the walk does not cover them.
    """

    def __init__(self, data: bytes, position: Ints, end: Ints) -> None:
        self.data = data
        self.buffer = np.frombuffer(data, np.uint8)
        self.position = position
        self.end = end
        self.limit = len(data) - PADDING + 1
        self.fallback: Mask = np.zeros(len(position), np.bool_)

    def select(self, rows: Ints) -> "Cursor":
        """Return a separate cursor for some of the rows."""
        return Cursor(self.data, self.position[rows], self.end[rows])

    def merge(self, rows: Ints, selection: "Cursor") -> None:
        """Copy the state of a cursor that ``select`` has made back."""
        self.position[rows] = selection.position
        self.fallback[rows] |= selection.fallback

    def advance(self, by: Ints | int) -> Ints:
        """Advance by a number of bytes (0 to ``limit``) and return the previous positions."""
        start = self.position
        self.position = np.minimum(start + by, self.limit)
        return start

    def load(self, dtype: str, at: Ints) -> Array:
        """Return the number of a given type (``<u8``, ``>i8``, ``<f4``) at each position, aligned or not."""
        size = np.dtype(dtype).itemsize
        return np.ndarray((len(self.data) - size + 1,), dtype, self.data, strides=(1,))[at]

    def bytes_at(self, start: Ints, width: int) -> npt.NDArray[np.uint8]:
        """Return the next ``width`` (1 to WIDEST) bytes at each position, as a table of rows by width."""
        windows = np.ndarray((len(self.data) - width + 1,), f"V{width}", self.data, strides=(1,))
        return windows[start].view(np.uint8).reshape(len(start), width)

    def byte(self) -> npt.NDArray[np.uint8]:
        """Read one byte."""
        return self.buffer[self.advance(1)]

    def number(self) -> Ints:
        """Read a zigzag varint: an int, a long, a branch, a length or a count."""
        first = self.buffer[self.position]
        if not (first & 0x80).any():
            self.advance(1)
            return _FIRST_BYTE[first]
        return self._long_number()

    def length(self) -> Ints:
        """Read the length of the following value: 0 to ``limit``; rows with a negative one fall back, with 0."""
        first = self.buffer[self.position]
        if not (first & 0x81).any():
            self.advance(1)
            return (first >> 1).astype(np.int64)
        length = self.number()
        self.fallback |= length < 0
        return np.clip(length, 0, self.limit)

    def _long_number(self) -> Ints:
        """Read varints of several bytes: eight bytes at once, whose groups of 7 bits are then joined."""
        word = self.load("<u8", self.position)
        stops = ~word & _STOP_BITS
        below = (stops & (~stops + _U64(1))) - _U64(1)  # ones up to the last group of 7 bits
        size = (np.bitwise_count(below) >> 3).astype(np.int64) + 1
        word &= below & _U64(0x7F7F7F7F7F7F7F7F)
        word = (word & _U64(0x007F007F007F007F)) | ((word & _U64(0x7F007F007F007F00)) >> _U64(1))
        word = (word & _U64(0x00003FFF00003FFF)) | ((word & _U64(0x3FFF00003FFF0000)) >> _U64(2))
        word = (word & _U64(0x000000000FFFFFFF)) | ((word & _U64(0x0FFFFFFF00000000)) >> _U64(4))
        unfinished = np.flatnonzero(stops == 0)
        if len(unfinished):
            at = self.position[unfinished]
            ninth, tenth = self.buffer[at + 8].astype(_U64), self.buffer[at + 9].astype(_U64)
            goes_on = ninth >= 0x80
            word[unfinished] |= (ninth & _U64(0x7F)) << _U64(56) | np.where(goes_on, tenth, _U64(0)) << _U64(63)
            size[unfinished] = 9 + goes_on
            self.fallback[unfinished] |= goes_on & (tenth > 1)
        self.advance(size)
        return ((word >> _U64(1)) ^ (~(word & _U64(1)) + _U64(1))).view(np.int64)
