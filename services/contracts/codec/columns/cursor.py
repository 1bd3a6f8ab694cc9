"""A position in each row of a batch, moved through all rows at once.

All rows lie in one buffer, one behind the other. Positions only ever grow, and stop at ``limit``, beyond the last row's
end: so nothing is read outside the buffer, and one comparison at the end (is each position at its row's end?) proves
that no field of a row reached beyond it. What a row's walk read before that is of no use if the comparison fails.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]

# The longest run of bytes that is handled side by side with those of other rows: a lone long text must not make the
# table of all rows' texts as wide as it is.
WIDEST = 255
# Zero bytes behind the last row, so that every read from a position up to the limit stays in the buffer.
PADDING = WIDEST + 16

_FIRST_BYTE = np.array([(byte >> 1) ^ -(byte & 1) for byte in range(256)], np.int64)
_U64 = np.uint64
_STOP_BITS = _U64(0x8080808080808080)


class Cursor:
    """The state of a walk over some rows of a batch.

    Args:
        data: The rows' bytes, followed by ``PADDING`` zero bytes.
        position: Where in ``data`` each row's next byte is; int64, one for each row.
        end: Where each row ends.

    Attributes:
        doubt: Rows for which the walk can't vouch: they are to be decoded one by one.
    """

    def __init__(self, data: bytes, position: Ints, end: Ints) -> None:
        self.data = data
        self.octets = np.frombuffer(data, np.uint8)
        self.position = position
        self.end = end
        self.limit = len(data) - PADDING + 1
        self.doubt: Mask = np.zeros(len(position), np.bool_)

    def select(self, rows: Ints) -> "Cursor":
        """A cursor of its own for some of the rows."""
        return Cursor(self.data, self.position[rows], self.end[rows])

    def merge(self, rows: Ints, other: "Cursor") -> None:
        """Take over what a cursor made by ``select`` found."""
        self.position[rows] = other.position
        self.doubt[rows] |= other.doubt

    def advance(self, by: Ints | int) -> Ints:
        """Move on by some bytes (0 or more, at most ``limit``) and return where the rows were."""
        start = self.position
        self.position = np.minimum(start + by, self.limit)
        return start

    def load(self, dtype: str, at: Ints) -> Array:
        """The number of a given type (``<u8``, ``>i8``, ``<f4``) at each position, aligned or not."""
        size = np.dtype(dtype).itemsize
        return np.ndarray((len(self.data) - size + 1,), dtype, self.data, strides=(1,))[at]

    def bytes_at(self, start: Ints, width: int) -> npt.NDArray[np.uint8]:
        """The next ``width`` (1 to WIDEST) bytes from each position, as a table of rows by width."""
        windows = np.ndarray((len(self.data) - width + 1,), f"V{width}", self.data, strides=(1,))
        return windows[start].view(np.uint8).reshape(len(start), width)

    def byte(self) -> npt.NDArray[np.uint8]:
        """Read one byte."""
        return self.octets[self.advance(1)]

    def number(self) -> Ints:
        """Read a zigzag varint: an int, a long, a branch, a length or a count."""
        first = self.octets[self.position]
        if not (first & 0x80).any():
            self.advance(1)
            return _FIRST_BYTE[first]
        return self._long_number()

    def length(self) -> Ints:
        """Read the length of what follows: 0 to ``limit``; negative ones are doubted and taken for 0."""
        first = self.octets[self.position]
        if not (first & 0x81).any():
            self.advance(1)
            return (first >> 1).astype(np.int64)
        length = self.number()
        self.doubt |= length < 0
        return np.clip(length, 0, self.limit)

    def _long_number(self) -> Ints:
        """Varints of several bytes: eight bytes at once, whose groups of 7 bits are then moved together."""
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
            ninth, tenth = self.octets[at + 8].astype(_U64), self.octets[at + 9].astype(_U64)
            goes_on = ninth >= 0x80
            word[unfinished] |= (ninth & _U64(0x7F)) << _U64(56) | np.where(goes_on, tenth, _U64(0)) << _U64(63)
            size[unfinished] = 9 + goes_on
            self.doubt[unfinished] |= goes_on & (tenth > 1)
        self.advance(size)
        return ((word >> _U64(1)) ^ (~(word & _U64(1)) + _U64(1))).view(np.int64)
