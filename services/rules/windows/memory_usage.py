"""How much memory windows take, from a sample: what several of them share is divided among them."""

from collections.abc import Iterable, Sequence
from sys import getrefcount, getsizeof
from typing import Any

from services.rules.windows.key_state import KeyState
from services.rules.windows.window_store import WindowStore

_SAMPLE = 200
"""Keys of a window that are looked at, and entries of a key."""
_POINTER = 9
"""Of a list that grows, for each element."""


def taken(windows: Iterable[WindowStore]) -> int:
    """Bytes, to about a tenth; takes less than a millisecond for each window."""
    return round(sum(map(_window, windows)))


def _window(kept: WindowStore) -> float:
    sample = kept.schedule.sample(_SAMPLE)
    if not sample:
        return getsizeof(kept.keys)
    held = [kept.keys[key] for key in sample]
    single = [one for one in held if type(one) is bytes]
    several = [one for one in held if isinstance(one, KeyState)]
    # Beside the window's own reference: a key has one in the schedule and one here, a single entry two here.
    each = _POINTER + (_shared(sample, own=2, elsewhere=1) + _shared(single, own=1, elsewhere=2)) / len(sample)
    each += sum(map(_several, several)) / len(sample)
    return getsizeof(kept.keys) + len(kept.keys) * each + kept.waiting * (_POINTER + getsizeof(sample[0]))


def _several(held: KeyState) -> float:
    step = len(held) // _SAMPLE + 1
    entries = held[::step]
    values = getattr(held, "values", None)
    return getsizeof(held) + _shared(entries, own=1, elsewhere=1) * len(held) / len(entries) + _values(values)


def _values(values: object) -> float:
    """A figure that is kept: a number, or a dictionary of values that nobody else has."""
    if isinstance(values, dict):
        some = list(values)[:_SAMPLE]
        return getsizeof(values) + sum(map(getsizeof, some)) * len(values) / max(len(some), 1)
    return 0 if values is None else 2 * getsizeof(values)


def _shared(things: Sequence[Any], own: int, elsewhere: int) -> float:
    """The size of some things, each divided by how many windows refer to it.

    Args:
        things: What is referred to.
        own: How many references each window has.
        elsewhere: How many there are besides, without the one here.
    """
    total = 0.0
    for thing in things:
        windows = (getrefcount(thing) - 2 - elsewhere) / own
        size = getsizeof(thing) + (sum(map(getsizeof, thing)) if isinstance(thing, tuple) else 0)
        total += size / max(windows, 1)
    return total
