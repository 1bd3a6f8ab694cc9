"""Entries: a transaction as windows keep it, one `bytes` object each.

    event time 8 | log order 6 | slots/4 and id flag 1 | slots | texts | id

Big-endian, the event time with its sign flipped: so entries sort as their bytes do, by event time and then by log
order, and a bound on the event time is a prefix that sorts before all entries from then on. A slot is a whole
number (8) or the length of a text (4), in the order in which windows came to need the fields; slots are only ever
appended, so that what is read of an old entry stays where it was. An id that is a canonical UUID takes 16 bytes.

One object holds all that any window needs of a transaction. So windows share it, the interpreter frees it with the last
window that evicts it, and the state of a key can be written to a snapshot as it is.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import add
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.rules.model import EVENT_TIME, ID, Columns
from services.rules.windows.byte_rows import ByteRows, big_endian, byte_rows, row_objects

Entry = bytes
Ints = NDArray[np.int64]
Reader = Callable[[Entry], Any]

TIME = 8
ORDER = slice(8, 14)
_SLOTS = 14
_START = 15
SHORTEST_ENTRY = _START
"""Bytes of an entry without slots and with an empty id."""
_UUID = 0x80
_STARTS = [_START + 4 * (slots & ~_UUID) for slots in range(256)]
"""The position after the slots, by the byte that holds their number."""
_SIGN = 1 << 63
_LAST = (1 << 64) - 1
_flipped = Struct(">Q").unpack_from
_length = Struct(">I").unpack_from

_DASHES = [8, 13, 18, 23]
_DIGITS = [(0, 8), (9, 13), (14, 18), (19, 23), (24, 36)]
_PLACES = [place for place in range(36) if place not in _DASHES]
_NO_DIGITS = 256
_PAIRS = np.full(1 << 16, _NO_DIGITS, np.uint16)
"""Table from the 16 bits of two lower-case hexadecimal digits to the byte that they stand for."""
_PAIRS[np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)] = range(256)


def bound(time: int) -> bytes:
    """Return the bound of an event time: it sorts after all earlier entries and before those from then on."""
    return min(max(time + _SIGN, 0), _LAST).to_bytes(TIME, "big")


def bounds(times: Ints) -> list[bytes]:
    """Return the `bound` of each event time."""
    flipped = (times.view(np.uint64) ^ np.uint64(_SIGN)).astype(">u8")
    prefixes: list[bytes] = flipped.view("V8").tolist()
    return prefixes


def time_of(entry: Entry) -> int:
    """Return the event time of an entry, in milliseconds since the epoch."""
    flipped: int = _flipped(entry)[0]
    return flipped - _SIGN


def times_of(entries: Sequence[Entry]) -> Ints:
    """Return the event time of each entry, in milliseconds since the epoch."""
    flipped = np.frombuffer(b"".join([entry[:TIME] for entry in entries]), ">u8").astype(np.uint64)
    return (flipped ^ np.uint64(_SIGN)).view(np.int64)


def order_of(entry: Entry) -> int:
    """Return the position of an entry in the order of reading."""
    return int.from_bytes(entry[ORDER], "big")


def reordered(entry: Entry, order: int) -> Entry:
    """Return the entry with another position in the order of reading."""
    return entry[:TIME] + order.to_bytes(6, "big") + entry[_SLOTS:]


class EntryLayout:
    """The fields that entries have slots for.

    Args:
        slots: The fields' names and whether they are texts, in the order of their slots.
    """

    def __init__(self, slots: Iterable[tuple[str, bool]] = ()) -> None:
        self.slots: dict[str, bool] = dict(slots)

    @property
    def needs(self) -> tuple[str, ...]:
        """The fields that entries are made of, besides the event time."""
        return (ID, *self.slots)

    def pack(self, columns: Columns, times: Ints, orders: Ints) -> list[Entry]:
        """Return an entry for each row.

        Args:
            columns: The id and the fields; a missing one is stored as zeros, as no window can need it.
            times: The event times.
            orders: The positions in the order of reading.
        """
        rows = len(times)
        blocks = [
            big_endian(times.view(np.uint64) ^ np.uint64(_SIGN)),
            big_endian(orders)[:, 2:],
        ]
        texts: list[NDArray[Any]] = []
        slots: list[ByteRows] = []
        for name, is_text in self.slots.items():
            column = columns.get(name)
            if column is None:
                slots.append(np.zeros((rows, 4 if is_text else 8), np.uint8))
            elif is_text:
                texts.append(column)
                slots.append(big_endian(_lengths(column))[:, 4:])
            else:
                slots.append(big_endian(column.astype(np.int64)))
        packed, is_uuid = _uuids(columns[ID])
        flags = np.full((rows, 1), sum(slot.shape[1] for slot in slots) // 4, np.uint8)
        flags[is_uuid] |= _UUID
        blocks += [flags, *slots]
        tails: list[list[bytes]] = []
        for text in texts:
            if not tails and text.dtype.kind == "S" and rows and (_lengths(text) == text.dtype.itemsize).all():
                blocks.append(byte_rows(text))
            else:
                tails.append(text.tolist())
        if not tails and is_uuid.all():
            blocks.append(packed)
        else:
            pairs = zip(row_objects(packed), columns[ID].tolist(), is_uuid.tolist(), strict=True)
            tails.append([short if fits else long for short, long, fits in pairs])
        entries = row_objects(np.concatenate(blocks, axis=1))
        for tail in tails:
            entries = list(map(add, entries, tail))
        return entries

    def admit(self, name: str, column: NDArray[Any], *, whole: bool) -> None:
        """Give a field a slot, if it needs one and has none.

        Args:
            name: The field.
            column: Some of its values.
            whole: Whether they have to be whole numbers.

        Raises:
            ValueError: No window can aggregate such values.
        """
        if name == EVENT_TIME or (name == ID and not whole):
            return
        is_text = column.dtype.kind == "S" or (column.dtype.kind == "O" and isinstance(column[0], bytes))
        if not (column.dtype.kind in "iub" or (is_text and not whole)):
            kind = type(column[0]).__name__ if column.dtype.kind == "O" else column.dtype
            expected = "whole numbers of 64 bits" + ("" if whole else " or texts")
            raise ValueError(f"{name} has values of type {kind}: a window can aggregate {expected}")
        self.slots.setdefault(name, is_text)
        if sum(4 if text else 8 for text in self.slots.values()) // 4 >= _UUID:
            raise ValueError(f"{name} is one field too many to aggregate: entries have room for {_UUID // 2 - 1}")

    def number_reader(self, name: str) -> Reader:
        """Return a function that reads a field's whole number from an entry."""
        if name == EVENT_TIME:
            return time_of
        unpack = Struct(f">{self._slot(name)[0]}xq").unpack_from
        return lambda entry: unpack(entry)[0]

    def value_reader(self, name: str) -> Reader:
        """Return a function that reads a field's value from an entry, be it a whole number or a text."""
        if name == ID:
            return self.id_of
        if name == EVENT_TIME or not self.slots[name]:
            return self.number_reader(name)
        offset, before = self._slot(name)
        unpack = Struct(f">{offset}xI").unpack_from

        def text(entry: Entry) -> bytes:
            start = _STARTS[entry[_SLOTS]]
            return entry[start : start + unpack(entry)[0]]

        def later_text(entry: Entry) -> bytes:
            start = _START + 4 * (entry[_SLOTS] & ~_UUID) + sum(_length(entry, earlier)[0] for earlier in before)
            return entry[start : start + _length(entry, offset)[0]]

        return later_text if before else text

    def ids_of(self, entries: list[Entry]) -> list[bytes]:
        """Return the transactions' ids, as the columns had them."""
        if not all(entry[_SLOTS] & _UUID for entry in entries):
            return [self.id_of(entry) for entry in entries]
        digits = np.frombuffer(b"".join([entry[-16:] for entry in entries]).hex().encode(), np.uint8)
        letters = np.full((len(entries), 36), ord("-"), np.uint8)
        letters[:, _PLACES] = digits.reshape(len(entries), 32)
        ids: list[bytes] = letters.view("S36").ravel().tolist()
        return ids

    def id_of(self, entry: Entry) -> bytes:
        """Return the transaction's id, as the column had it."""
        start = _START + 4 * (entry[_SLOTS] & ~_UUID)
        if entry[_SLOTS] & _UUID:
            digits = entry[-16:].hex()
            return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).encode()
        offset, end = _START, start
        for is_text in self.slots.values():
            if offset == end:
                break
            start += _length(entry, offset)[0] if is_text else 0
            offset += 4 if is_text else 8
        return entry[start:]

    def _slot(self, name: str) -> tuple[int, list[int]]:
        """Return the offset of a field's slot, and those of the texts before it."""
        before: list[int] = []
        offset = _START
        for other, is_text in self.slots.items():
            if other == name:
                return offset, before
            before += [offset] if is_text else []
            offset += 4 if is_text else 8
        raise KeyError(name)


def _lengths(texts: NDArray[Any]) -> Ints:
    if texts.dtype.kind == "S":
        return np.strings.str_len(texts)
    return np.array([len(text) for text in texts.tolist()], np.int64)


def _uuids(ids: NDArray[Any]) -> tuple[ByteRows, NDArray[np.bool_]]:
    """Return the 16 bytes of each id that is a UUID in its canonical spelling, and a mask of these."""
    if ids.dtype != "S36":
        return np.zeros((len(ids), 16), np.uint8), np.zeros(len(ids), np.bool_)
    letters = byte_rows(ids)
    pairs = np.concatenate([letters[:, first:last] for first, last in _DIGITS], axis=1).view(np.uint16)
    packed = np.take(_PAIRS, pairs)
    canonical = np.ones(len(ids), np.bool_)
    dashes = letters[:, _DASHES] == ord("-")
    if packed.max() == _NO_DIGITS or not dashes.all():
        canonical = (packed < _NO_DIGITS).all(axis=1) & dashes.all(axis=1)
    return packed.astype(np.uint8), canonical
