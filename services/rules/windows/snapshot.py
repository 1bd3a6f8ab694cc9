"""Snapshots of window state: arrays in an uncompressed NPZ archive, the same bytes for states that evaluate alike.

Only entries that a later row's window may include are written. Orders are numbered anew from 0, and keys are in the
order of their oldest entries. Entries are written once, however many windows share them.
"""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.rules.model import Measure, Window
from services.rules.windows.entries import Entry, order_of, reordered

Contents = Mapping[Window, Mapping[Any, Sequence[Entry]]]
Arrays = dict[str, NDArray[Any]]


def encode_snapshot(head: Mapping[str, Any], contents: Contents) -> bytes:
    """Return a snapshot.

    Args:
        head: Further state, as JSON data.
        contents: By window and key the entries, in order.
    """
    windows = sorted(contents, key=repr)
    entries = sorted(
        {entry for window in windows for entries in contents[window].values() for entry in entries}, key=order_of
    )
    number_of = {entry: number for number, entry in enumerate(entries)}
    renumbered = [reordered(entry, number) for number, entry in enumerate(entries)]
    names = [window.definition for window in windows]
    text = json.dumps({**head, "windows": names})
    arrays: Arrays = {"head": np.frombuffer(text.encode(), np.uint8), **_packed("entries", renumbered)}
    for index, window in enumerate(windows):
        by_key = sorted(([number_of[entry] for entry in entries], key) for key, entries in contents[window].items())
        arrays[f"{index}.sizes"] = np.array([len(numbers) for numbers, _ in by_key], np.int64)
        arrays[f"{index}.entries"] = np.array([number for numbers, _ in by_key for number in numbers], np.int64)
        arrays |= _packed(f"{index}.keys", [key for _, key in by_key])
    data = BytesIO()
    np.savez(data, allow_pickle=False, **arrays)
    return data.getvalue()


def decode_snapshot(data: bytes) -> tuple[dict[str, Any], int, dict[Window, dict[Any, list[Entry]]]]:
    """Return the head of a snapshot, the number of its entries, and these by window and key."""
    with np.load(BytesIO(data), allow_pickle=False) as archive:
        arrays = dict(archive)
    head = json.loads(arrays["head"].tobytes())
    all_entries = _unpacked("entries", arrays)
    contents = {}
    for index, (measure, field, by, *rest) in enumerate(head.pop("windows")):
        numbers = iter(arrays[f"{index}.entries"].tolist())
        sizes = arrays[f"{index}.sizes"].tolist()
        entries = [[all_entries[number] for number in islice(numbers, size)] for size in sizes]
        keys = _unpacked(f"{index}.keys", arrays)
        contents[Window(Measure(measure), field, tuple(by), *rest)] = dict(zip(keys, entries, strict=True))
    return head, len(all_entries), contents


def _packed(name: str, values: Sequence[Any]) -> Arrays:
    """Return values of one type as arrays whose names begin with a name."""
    match values[0] if values else b"":
        case bytes():
            lengths = np.array([len(value) for value in values], np.int64)
            return {f"{name}.lengths": lengths, f"{name}.bytes": np.frombuffer(b"".join(values), np.uint8)}
        case tuple():
            parts = [_packed(f"{name}.{number}", part) for number, part in enumerate(zip(*values, strict=True))]
            return {
                f"{name}.width": np.array(len(parts)),
                **{key: array for part in parts for key, array in part.items()},
            }
        case _:
            return {f"{name}.json": np.frombuffer(json.dumps(values).encode(), np.uint8)}


def _unpacked(name: str, arrays: Arrays) -> list[Any]:
    """Return the values that were `_packed` under a name."""
    if f"{name}.width" in arrays:
        width = int(arrays[f"{name}.width"])
        return list(zip(*(_unpacked(f"{name}.{number}", arrays) for number in range(width)), strict=True))
    if f"{name}.json" in arrays:
        values: list[Any] = json.loads(arrays[f"{name}.json"].tobytes())
        return values
    joined = arrays[f"{name}.bytes"].tobytes()
    ends = np.cumsum(arrays[f"{name}.lengths"]).tolist()
    return [joined[first:last] for first, last in pairwise([0, *ends])]
