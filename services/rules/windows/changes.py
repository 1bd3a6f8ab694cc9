"""Changes of window state: the entries that were added, walks over all entries, and the state that they make again.

A state is the set of its entries. So it can be made again from every entry that was added since some moment, and from
a walk over all entries that began at that moment: each entry that is still there is in one of them, or in both.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.rules.model import Window
from services.rules.windows.entries import Entry
from services.rules.windows.key_state import KeyState
from services.rules.windows.window_store import WindowStore

Stores = Mapping[Window, WindowStore]


@dataclass(frozen=True)
class WindowEntries:
    """Some entries of a window, with the key of each."""

    window: Window
    keys: Sequence[Any]
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Cursor:
    """Position of a walk: the window, the key, and the last entry of that key that was passed."""

    window: int = 0
    key: int = 0
    after: Entry = b""


class Walk:
    """A walk over all entries that stores have when it begins, a slice at a time, while they change.

    Entries that are evicted before their slice are left out; those that are added meanwhile may be in a slice or not.

    Args:
        stores: The stores.
    """

    def __init__(self, stores: Stores) -> None:
        self._keys = [(window, list(store.keys)) for window, store in stores.items()]
        self.cursor = Cursor()

    def ends_at(self, cursor: Cursor) -> bool:
        """Return whether there is nothing from a cursor on."""
        return cursor.window >= len(self._keys)

    def slice(self, stores: Stores, limit: int) -> tuple[list[WindowEntries], Cursor]:
        """Return the entries from the cursor on, and where the next slice begins; set `cursor` to take that next.

        Args:
            stores: The stores as they are now; one that is missing has no entries.
            limit: The number of entries in a slice.
        """
        number, position, after = self.cursor.window, self.cursor.key, self.cursor.after
        walked: list[WindowEntries] = []
        while limit > 0 and number < len(self._keys):
            window, all_keys = self._keys[number]
            states = stores[window].keys if window in stores else {}
            keys: list[Any] = []
            entries: list[Entry] = []
            while limit > len(entries) and position < len(all_keys):
                key = all_keys[position]
                found, rest = _some_after(states.get(key), after, limit - len(entries))
                keys += [key] * len(found)
                entries += found
                position, after = (position, found[-1]) if rest else (position + 1, b"")
            limit -= len(entries)
            if entries:
                walked.append(WindowEntries(window, keys, entries))
            if position >= len(all_keys):
                number, position, after = number + 1, 0, b""
        return walked, Cursor(number, position, after)


def _some_after(state: Any, after: Entry, limit: int) -> tuple[Sequence[Entry], bool]:
    """Return entries of a key after one of them, at most so many, and whether there are more."""
    if state is None:
        return (), False
    if not isinstance(state, KeyState):
        return ((state,) if state > after else ()), False
    first = bisect_right(state, after)
    return state[first : first + limit], len(state) > first + limit


class StateBuilder:
    """Collects the entries of windows, in any order and any number of times, for a state to be made of them.

    Attributes:
        contents: By window and key the only entry, or a list of entries.
    """

    def __init__(self) -> None:
        self.contents: dict[Window, dict[Any, Any]] = {}

    def add(self, added: WindowEntries) -> None:
        """Add entries of a window."""
        states = self.contents.setdefault(added.window, {})
        get = states.get
        for key, entry in zip(added.keys, added.entries, strict=True):
            state = get(key)
            if state is None:
                states[key] = entry
            elif type(state) is list:
                state.append(entry)
            elif state != entry:
                states[key] = [state, entry]

    def unexpired(self, window: Window, until: bytes) -> dict[Any, Sequence[Entry]]:
        """Return by key the entries of a window from a bound on, each once and in order. They are no longer here."""
        unexpired: dict[Any, Sequence[Entry]] = {}
        for key, state in self.contents.pop(window, {}).items():
            if type(state) is bytes:
                if state >= until:
                    unexpired[key] = (state,)
            elif remaining := sorted({entry for entry in state if entry >= until}):
                unexpired[key] = remaining
        return unexpired
