"""Changes of window state: the entries that were added, walks over all entries, and the state that they make again.

A state is the set of its entries. So it can be made again from every entry that was added since some moment, and from
a walk over all entries that began at that moment: each entry that is still there is in one of them, or in both.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.rules.model import Window
from services.rules.windows.entries import Entry
from services.rules.windows.key_state import KeyState
from services.rules.windows.packed_entries import EncodedEntries, Segment, pack
from services.rules.windows.window_store import WindowStore

Stores = Mapping[Window, WindowStore]

PACK_FROM = 100_000
"""Entries of a window, as often as they were written: with more of them they are packed."""


@dataclass(frozen=True)
class WindowEntries:
    """Some entries of a window, with the key of each."""

    window: Window
    keys: Sequence[Any]
    entries: Sequence[Entry]

    def __len__(self) -> int:
        return len(self.entries)

    def part(self, begin: int, end: int) -> "WindowEntries":
        """Return the entries in [begin, end)."""
        return WindowEntries(self.window, self.keys[begin:end], self.entries[begin:end])

    def encoded(self) -> EncodedEntries:
        """Return the entries as they are written."""
        return EncodedEntries.of(self.window, self.keys, self.entries)


@dataclass(frozen=True)
class Cursor:
    """Position of a walk: the source of entries, the key or packed entry, and the last entry passed of that key."""

    source: int = 0
    place: int = 0
    after: Entry = b""


class Walk:
    """A walk over all entries that stores have when it begins, a slice at a time, while they change.

    Entries that are evicted before their slice are left out, unless they are packed; those that are added meanwhile may
    be in a slice or not.

    Args:
        stores: The stores.
    """

    def __init__(self, stores: Stores) -> None:
        self._sources: list[tuple[Window, Segment | list[Any]]] = []
        for window, store in stores.items():
            self._sources += [(window, list(store.keys)), *((window, segment) for segment in store.packed.segments)]
        self.cursor = Cursor()

    def ends_at(self, cursor: Cursor) -> bool:
        """Return whether there is nothing from a cursor on."""
        return cursor.source >= len(self._sources)

    def slice(self, stores: Stores, limit: int) -> tuple[list[WindowEntries], Cursor]:
        """Return the entries from the cursor on, and where the next slice begins; set `cursor` to take that next.

        Args:
            stores: The stores as they are now; one that is missing has no entries.
            limit: The number of entries in a slice.
        """
        number, place, after = self.cursor.source, self.cursor.place, self.cursor.after
        walked: list[WindowEntries] = []
        while limit > 0 and number < len(self._sources):
            window, source = self._sources[number]
            store = stores.get(window)
            until = store.bound_of(window) if store else b""
            keys: list[Any] = []
            entries: list[Entry] = []
            if isinstance(source, Segment):
                begin, place = place, min(place + limit, len(source))
                keys, entries = source.objects(np.arange(begin, place))
                if until:
                    kept = [(key, entry) for key, entry in zip(keys, entries, strict=True) if entry >= until]
                    keys, entries = [key for key, _ in kept], [entry for _, entry in kept]
            else:
                states = store.keys if store else {}
                while limit > len(entries) and place < len(source):
                    key = source[place]
                    some, rest = _some_after(states.get(key), max(after, until), limit - len(entries))
                    keys += [key] * len(some)
                    entries += some
                    place, after = (place, some[-1]) if rest else (place + 1, b"")
            limit -= len(entries)
            if entries:
                walked.append(WindowEntries(window, keys, entries))
            if place >= len(source):
                number, place, after = number + 1, 0, b""
        return walked, Cursor(number, place, after)


def _some_after(state: Any, after: Entry, limit: int) -> tuple[Sequence[Entry], bool]:
    """Return entries of a key after one of them, at most so many, and whether there are more."""
    if state is None:
        return (), False
    if not isinstance(state, KeyState):
        return ((state,) if state > after else ()), False
    first = bisect_right(state, after)
    return state[first : first + limit], len(state) > first + limit


class StateBuilder:
    """Collects the entries of windows, in any order and any number of times, for a state to be made of them."""

    def __init__(self) -> None:
        self._parts: dict[Window, list[EncodedEntries]] = {}
        self._counts: Counter[Window] = Counter()
        self._shared: dict[Entry, Entry] = {}

    def add(self, part: EncodedEntries) -> None:
        """Add entries of a window."""
        self._parts.setdefault(part.window, []).append(part)
        self._counts[part.window] += len(part)
        if self._counts[part.window] > PACK_FROM and part.is_packable:
            part.prepare()

    def fill(self, store: WindowStore, until: bytes, watermark: int) -> None:
        """Fill an empty store with the entries of its window from a bound on. They are no longer here."""
        parts = self._parts.pop(store.window, [])
        for window in store.windows:  # parts of its entries, which are written for each window
            self._parts.pop(window, None)
        if self._counts[store.window] > PACK_FROM and all(part.is_packable for part in parts):
            store.load_packed(pack(parts, until), watermark)
        else:
            store.load(self._contents(parts, until), watermark)

    def _contents(self, parts: Iterable[EncodedEntries], until: bytes) -> dict[Any, Sequence[Entry]]:
        """Return by key the entries from a bound on, each once and in order; windows share equal ones."""
        contents: dict[Any, Any] = {}
        get, shared = contents.get, self._shared.setdefault
        for part in parts:
            for key, entry in zip(part.keys, part.entries, strict=True):
                if entry < until:
                    continue
                own = get(key)
                if own is None:
                    contents[key] = (shared(entry, entry),)
                elif type(own) is set:
                    own.add(shared(entry, entry))
                elif own[0] != entry:
                    contents[key] = {own[0], shared(entry, entry)}
        return {key: own if type(own) is tuple else sorted(own) for key, own in contents.items()}
