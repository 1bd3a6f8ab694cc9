"""The written state of one partition: what to write next, and from where on it is needed. Pure.

The log is a chain of records. Each has the entries that were added since the one before. From time to time a walk over
all entries begins, whose slices are written beside what is added; when it has ended, the chain begins where the walk
did, and everything before is needed no more. So the log is bounded by what the windows keep, whatever came and went.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from services.detection.state_record import StateRecord
from services.rules.model import Window
from services.rules.windows import EncodedEntries, Walk, WindowEntries, WindowState
from services.rules.windows.changes import Cursor
from services.streaming.restore_point import StatePosition

WRITE_SECONDS = 1.0
"""Seconds between two records: a restore reads the input of so much time besides."""

MANY_ENTRIES = 50_000  # added ones that are written at once
RECORD_ENTRIES = 4_000  # in one record, at most
RECORD_BYTES = 500_000  # of entries and keys in one record, about
SLICE_ENTRIES = 10_000  # of a walk, beside each record; and as many again as were added

SPARE_ENTRIES = 50_000  # written in vain before a walk begins, besides as many as the windows keep
WALK_SECONDS = 24 * 3600.0  # after which a walk begins anyway: records expire like others


@dataclass
class _Begun:
    """A walk that has begun, and the chain that it will be the beginning of."""

    walk: Walk
    start: int
    first: int
    windows: frozenset[Window]
    written: int = 0


@dataclass(frozen=True)
class _Prepared:
    """The records of the open transaction."""

    last: int
    next_offset: int
    entries: int
    cursor: Cursor | None
    ends_walk: bool


class StateLog:
    """The chain of state records of one partition.

    Args:
        topic: The topic that the windows are over.
        lateness_ms: The allowed lateness.
        position: The chain that the state was restored from; None to begin another one.
        windows: The windows that this chain is complete for.
        written: The number of entries in it.
    """

    def __init__(
        self,
        topic: str,
        lateness_ms: int,
        position: StatePosition | None = None,
        windows: Iterable[Window] = (),
        written: int = 0,
    ) -> None:
        self._topic = topic
        self._lateness_ms = lateness_ms
        self._position = position
        self._windows = frozenset(windows)
        self._written = written
        self._chain = position.chain if position else uuid.uuid4().hex
        self._last = position.last if position else -1
        self._begun: _Begun | None = None
        self._prepared: _Prepared | None = None
        self._written_at = 0.0
        self._walked_at = time.monotonic()

    @property
    def position(self) -> StatePosition | None:
        """The position to be committed, that of the open transaction included; None where a restore can't use it."""
        prepared = self._prepared
        if prepared is None:
            return self._position
        if prepared.ends_walk and self._begun:
            begun = self._begun
            return StatePosition(self._chain, begun.start, begun.first, prepared.last, prepared.next_offset)
        return self._position and replace(self._position, last=prepared.last, next_offset=prepared.next_offset)

    @property
    def is_prepared(self) -> bool:
        """Return whether the open transaction writes state."""
        return self._prepared is not None

    def prepare(
        self, state: WindowState, next_offset: int, newest_ms: int | None, end: Callable[[], int]
    ) -> list[StateRecord]:
        """Return the records to write in the open transaction; none as long as the last ones are recent.

        Args:
            state: The windows.
            next_offset: The first offset of the partition that they are without.
            newest_ms: The newest event time that may still count.
            end: Returns the end of the state topic's partition.
        """
        now = time.monotonic()
        if not self._windows <= state.recorded:
            # Whoever restores has to see that the chain is without a window from here on, should it come again.
            self._windows, self._written_at = self._windows & state.recorded, 0.0
        added = state.unwritten()
        count = sum(len(part.entries) for part in added)
        if now - self._written_at < WRITE_SECONDS and count < MANY_ENTRIES:
            return []
        if self._begun is None and self._needs_walk(state, now):
            self._begun = _Begun(state.walk(), end(), self._last + 1, state.recorded)
            if self._position is None:
                added, count = [], 0  # the walk passes everything that was added before it began
        self._written_at = now
        cursor, ends_walk = None, False
        if self._begun:
            slices, cursor = state.slice(self._begun.walk, SLICE_ENTRIES + count)
            added += slices
            ends_walk = self._begun.walk.ends_at(cursor)
        parts = list(_records(added)) or [[]]
        last = self._last + len(parts)
        entries = sum(len(part.entries) for part in added)
        self._prepared = _Prepared(last, next_offset, entries, cursor, ends_walk)
        # Windows that are still being restored are not recorded: the chain is without them.
        windows = state.recorded
        return [
            StateRecord(self._topic, self._chain, self._last + 1 + number, next_offset, newest_ms, self._lateness_ms,
                        state.head, windows, part)
            for number, part in enumerate(parts)
        ]  # fmt: skip

    def committed(self) -> None:
        """Note that the records are committed."""
        prepared = self._prepared
        if prepared is None:
            return
        self._position = self.position
        self._last = prepared.last
        self._written += prepared.entries
        if self._begun and prepared.cursor:
            self._begun.written += prepared.entries
            self._begun.walk.cursor = prepared.cursor
            if prepared.ends_walk:
                self._windows, self._written = self._begun.windows, self._begun.written
                self._walked_at, self._begun = time.monotonic(), None
        self._prepared = None

    def aborted(self) -> None:
        """Note that the records are not committed: they are written again."""
        if self._prepared:
            self._prepared, self._written_at = None, 0.0

    def _needs_walk(self, state: WindowState, now: float) -> bool:
        return (
            self._position is None
            or not state.recorded <= self._windows
            or self._written > 2 * state.entries_of_windows + SPARE_ENTRIES
            or now - self._walked_at > WALK_SECONDS
        )


def _records(added: Sequence[WindowEntries]) -> Iterator[list[EncodedEntries]]:
    """Yield the entries of each record."""
    record: list[EncodedEntries] = []
    entries_left, bytes_left = RECORD_ENTRIES, RECORD_BYTES
    for part in _by_window(added):
        begin, count = 0, len(part.entries)
        while begin < count:
            end = min(begin + entries_left, count)
            while (size := _size(part, begin, end)) > bytes_left and end - begin > 1:
                end = (begin + end) // 2
            record.append(part.part(begin, end).encoded())
            entries_left, bytes_left = entries_left - (end - begin), bytes_left - size
            begin = end
            if entries_left <= 0 or bytes_left <= 0 or begin < count:
                yield record
                record, entries_left, bytes_left = [], RECORD_ENTRIES, RECORD_BYTES
    if record:
        yield record


def _by_window(added: Sequence[WindowEntries]) -> Iterator[WindowEntries]:
    """Yield the entries of each window together."""
    parts: dict[Window, list[WindowEntries]] = {}
    for part in added:
        parts.setdefault(part.window, []).append(part)
    for window, own in parts.items():
        keys, entries = (
            chain.from_iterable(part.keys for part in own),
            chain.from_iterable(part.entries for part in own),
        )
        yield WindowEntries(window, list(keys), list(entries))


def _size(part: WindowEntries, begin: int, end: int) -> int:
    """Return about how many bytes some entries of a window take in a record."""
    keys = part.keys[begin:end]
    try:
        in_keys = sum(map(len, keys))
    except TypeError:  # numbers
        in_keys = sum(len(repr(key)) for key in keys)
    if keys and isinstance(keys[0], tuple):
        in_keys = sum(len(repr(key)) for key in keys)
    return in_keys + sum(map(len, part.entries[begin:end])) + 8 * (end - begin)
