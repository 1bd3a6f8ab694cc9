"""Entries that were restored, in arrays until a row of their key comes: millions are there at once (decision 24).

As an object, an entry and its key take more than 200 bytes, and 3 µs to make. Most keys of a large window
are not met again before their entries expire.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.rules.model import Window
from services.rules.windows.entries import Entry, time_of
from services.rules.windows.text_column import TextColumn, TextRows

SEGMENTS = 4
"""Parts of a window by event time: a part is dropped as a whole when it has expired."""

_HASH = np.uint64(0xFFFF_FFFF_0000_0000)
_MIXER = np.uint64(0x9E37_79B9_7F4A_7C15)

Numbers = NDArray[np.uint64]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class EncodedEntries:
    """Some entries of a window, with the key of each, as they were written.

    Attributes:
        window: The window.
        texts: The entries.
        key_columns: The parts of keys: byte strings, or a list of other values.
        is_composite: Whether keys are tuples of these parts.
    """

    window: Window
    texts: TextColumn
    key_columns: Sequence[TextColumn | list[Any]]
    is_composite: bool

    @classmethod
    def of(cls, window: Window, keys: Sequence[Any], entries: Sequence[Entry]) -> "EncodedEntries":
        """Return entries with their keys."""
        is_composite = bool(keys) and isinstance(keys[0], tuple)
        columns = list(zip(*keys, strict=True)) if is_composite else [keys]
        return cls(window, TextColumn.of(entries), [_column(column) for column in columns], is_composite)

    def __len__(self) -> int:
        return self.texts.count

    @cached_property
    def entries(self) -> Sequence[Entry]:
        """The entries as objects."""
        return self.texts.values()

    @property
    def keys(self) -> Sequence[Any]:
        """The keys as objects."""
        return list(self._each_key())

    @property
    def is_packable(self) -> bool:
        """Return whether keys are made of byte strings alone."""
        return all(isinstance(column, TextColumn) for column in self.key_columns)

    @cached_property
    def numbers(self) -> Numbers:
        """A number for each entry that begins with the hash of its key, and ends with the order of reading."""
        hashes = np.fromiter(map(hash, self._each_key()), np.int64, len(self)).view(np.uint64)
        orders = np.ascontiguousarray(self.texts.rows()[:, 10:14]).view(">u4").ravel().astype(np.uint64)
        numbers: Numbers = (hashes & _HASH) | orders
        return numbers

    @cached_property
    def signatures(self) -> Numbers:
        """A number for each entry by its event time and the end of its id."""
        if len(self.texts.lengths) == 1:
            tails = np.ascontiguousarray(self.texts.rows()[:, -8:])
        else:
            ends = np.cumsum(self.texts.each_length(), dtype=np.int64)
            tails = np.frombuffer(self.texts.joined, np.uint8)[ends[:, None] + np.arange(-8, 0)]
        signatures: Numbers = tails.view(np.uint64).ravel() * _MIXER ^ self.times
        return signatures

    @property
    def times(self) -> Numbers:
        """The event time of each entry, as entries have it: with its sign flipped."""
        return np.ascontiguousarray(self.texts.rows()[:, :8]).view(">u8").ravel().astype(np.uint64)

    def prepare(self) -> None:
        """Compute what packing needs."""
        _ = self.numbers, self.signatures

    def _each_key(self) -> Iterator[Any]:
        columns = [column.values() if isinstance(column, TextColumn) else column for column in self.key_columns]
        return zip(*columns, strict=True) if self.is_composite else iter(columns[0])


@dataclass
class Segment:
    """Entries of a part of a window's time.

    Attributes:
        numbers: A number for each by its key and order, ascending (see `EncodedEntries.numbers`).
        texts: The entries.
        key_columns: The parts of their keys.
        is_composite: Whether keys are tuples of these parts.
        oldest: The oldest entry.
        newest_ms: The event time of the newest.
        remaining: The number of entries that are still packed.
    """

    numbers: Numbers
    texts: TextRows
    key_columns: Sequence[TextRows]
    is_composite: bool
    oldest: Entry
    newest_ms: int
    remaining: int = field(init=False)

    def __post_init__(self) -> None:
        self.remaining = len(self.numbers)
        self._unpacked = np.zeros(len(self.numbers), np.bool_)

    @property
    def nbytes(self) -> int:
        """The size in memory."""
        columns = (self.texts, *self.key_columns)
        return self.numbers.nbytes + self._unpacked.nbytes + sum(column.nbytes for column in columns)

    def __len__(self) -> int:
        return len(self.numbers)

    def positions_of(self, hashes: Numbers) -> Positions:
        """Return the positions of the packed entries of some keys, given their hashes in ascending order."""
        first = np.searchsorted(self.numbers, hashes)
        is_known = self.numbers[np.minimum(first, len(self) - 1)] & _HASH == hashes
        last = np.searchsorted(self.numbers, hashes[is_known] | ~_HASH, "right")
        ranges = [np.arange(begin, end) for begin, end in zip(first[is_known], last, strict=True)]
        positions: Positions = np.concatenate(ranges) if ranges else np.empty(0, np.int64)
        return positions[~self._unpacked[positions]]

    def packed_positions(self) -> Positions:
        """Return the positions of all packed entries."""
        return np.flatnonzero(~self._unpacked)

    def unpack(self, positions: Positions) -> tuple[list[Any], list[Entry]]:
        """Return the keys and entries at some positions, which are not packed any more."""
        self._unpacked[positions] = True
        self.remaining -= len(positions)
        return self.objects(positions)

    def objects(self, positions: Positions) -> tuple[list[Any], list[Entry]]:
        """Return the keys and entries at some positions."""
        columns = [column.take(positions).values() for column in self.key_columns]
        keys = list(zip(*columns, strict=True)) if self.is_composite else columns[0]
        return keys, self.texts.take(positions).values()


class PackedEntries:
    """The packed entries of one window. A key has all of its entries here, or none.

    Args:
        segments: The entries.
    """

    def __init__(self, segments: Iterable[Segment] = ()) -> None:
        self.segments = list(segments)

    def __bool__(self) -> bool:
        return bool(self.segments)

    @property
    def entries(self) -> int:
        """The number of entries."""
        return sum(segment.remaining for segment in self.segments)

    @property
    def nbytes(self) -> int:
        """The size in memory."""
        return sum(segment.nbytes for segment in self.segments)

    def unpack(self, keys: Sequence[Any]) -> dict[Any, list[Entry]]:
        """Return the entries of some keys, and perhaps of others, in order; they are no longer here."""
        hashes = np.unique(np.fromiter(map(hash, keys), np.int64, len(keys)).view(np.uint64) & _HASH)
        return self._take([segment.positions_of(hashes) for segment in self.segments])

    def unpack_all(self) -> dict[Any, list[Entry]]:
        """Return all entries by key, in order; they are no longer here."""
        contents = self._take([segment.packed_positions() for segment in self.segments])
        self.segments = []
        return contents

    def drop_expired(self, until_ms: int) -> int:
        """Drop the segments whose entries all lie before an event time; return the number of entries."""
        before = self.entries
        self.segments = [segment for segment in self.segments if segment.newest_ms >= until_ms]
        return before - self.entries

    def _take(self, positions: Sequence[Positions]) -> dict[Any, list[Entry]]:
        contents: dict[Any, list[Entry]] = {}
        for segment, own in zip(self.segments, positions, strict=True):
            if len(own):
                for key, entry in zip(*segment.unpack(own), strict=True):
                    contents.setdefault(key, []).append(entry)
        return {key: sorted(set(entries)) for key, entries in contents.items()}


def _column(values: Sequence[Any]) -> TextColumn | list[Any]:
    try:
        return TextColumn.of(values)
    except TypeError:  # not all are bytes
        return list(values)


def pack(parts: list[EncodedEntries], until: bytes) -> PackedEntries:
    """Return the entries of a window from a bound on, each once.

    Args:
        parts: The entries; the list is emptied.
        until: The bound.
    """
    first_time = np.uint64(int.from_bytes(until, "big"))
    order, keep = _once([part.numbers for part in parts], [part.signatures for part in parts])
    masks = np.split(keep, np.cumsum([len(part) for part in parts])[:-1])
    for part, mask in zip(parts, masks, strict=True):
        np.logical_and(mask, part.times >= first_time, out=mask)
    count = int(keep.sum())
    if not count:
        parts.clear()
        return PackedEntries()
    is_composite = parts[0].is_composite
    columns = [TextRows.empty(count, width) for width in _widths(parts)]
    numbers, times = np.empty(count, np.uint64), np.empty(count, np.uint64)
    position = 0
    for mask, part in zip(masks, parts, strict=True):
        end = position + int(mask.sum())
        numbers[position:end], times[position:end] = part.numbers[mask], part.times[mask]
        for rows, column in zip(columns, (part.texts, *part.key_columns), strict=True):
            rows.put(position, column, mask)  # type: ignore[arg-type]
        position = end
    parts.clear()
    order = (np.cumsum(keep) - 1)[order[keep[order]]]
    return PackedEntries(_segments(order, numbers, times, columns, is_composite=is_composite))


def _widths(parts: Sequence[EncodedEntries]) -> list[int]:
    each = ([column.width for column in (part.texts, *part.key_columns)] for part in parts)  # type: ignore[union-attr]
    return [max(widths) for widths in zip(*each, strict=True)]


def _once(numbers: Sequence[Numbers], signatures: Sequence[Numbers]) -> tuple[Positions, NDArray[np.bool_]]:
    """Return the order of entries by number, and a mask that has one of those that are equal."""
    all_numbers, all_signatures = np.concatenate(numbers), np.concatenate(signatures)
    order = np.argsort(all_numbers)
    sorted_numbers, sorted_signatures = all_numbers[order], all_signatures[order]
    is_again = (sorted_numbers[1:] == sorted_numbers[:-1]) & (sorted_signatures[1:] == sorted_signatures[:-1])
    keep = np.ones(len(order), np.bool_)
    keep[order[1:][is_again]] = False
    return order, keep


def _segments(
    order: Positions, numbers: Numbers, times: Numbers, columns: Sequence[TextRows], *, is_composite: bool
) -> Iterator[Segment]:
    """Yield the segments of some entries, each of about the same time, given their order by number."""
    oldest = times.min()
    width = (times.max() - oldest) // np.uint64(SEGMENTS) + np.uint64(1)
    segment_of = ((times - oldest) // width).astype(np.uint8)[order]
    for number in range(SEGMENTS):
        positions = order[segment_of == number]
        if len(positions):
            texts, *key_columns = (column.take(positions) for column in columns)
            first, last = (times[positions].argmin(), times[positions].argmax())
            ends = texts.take(np.array([first, last])).values()
            yield Segment(numbers[positions], texts, key_columns, is_composite, ends[0], time_of(ends[1]))
