"""A state written down: arrays in an uncompressed NPZ archive, the same bytes for states that will judge alike.

Only what still counts by definition is written, orders are numbered anew from 0, and keys are in the order of their
oldest entries. Entries are written once, however many windows share them.
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


def written(head: Mapping[str, Any], contents: Contents) -> bytes:
    """A state as bytes.

    Args:
        head: What is to be known besides, as JSON data.
        contents: By window and key the entries that count, in order.
    """
    windows = sorted(contents, key=repr)
    entries = sorted(
        {entry for window in windows for held in contents[window].values() for entry in held}, key=order_of
    )
    place = {entry: number for number, entry in enumerate(entries)}
    renumbered = [reordered(entry, number) for number, entry in enumerate(entries)]
    names = [(one.measure, one.field, one.by, one.over_ms, one.where) for one in windows]
    text = json.dumps({**head, "windows": names})
    arrays: Arrays = {"head": np.frombuffer(text.encode(), np.uint8), **_packed("entries", renumbered)}
    for number, window in enumerate(windows):
        found = sorted(([place[entry] for entry in held], key) for key, held in contents[window].items())
        arrays[f"{number}.sizes"] = np.array([len(places) for places, _ in found], np.int64)
        arrays[f"{number}.places"] = np.array([one for places, _ in found for one in places], np.int64)
        arrays |= _packed(f"{number}.keys", [key for _, key in found])
    data = BytesIO()
    np.savez(data, allow_pickle=False, **arrays)
    return data.getvalue()


def read(data: bytes) -> tuple[dict[str, Any], int, dict[Window, dict[Any, list[Entry]]]]:
    """What was `written`: the head, how many entries there are, and these by window and key."""
    with np.load(BytesIO(data), allow_pickle=False) as archive:
        arrays = dict(archive)
    head = json.loads(arrays["head"].tobytes())
    entries = _unpacked("entries", arrays)
    contents = {}
    for number, (measure, field, by, over_ms, where) in enumerate(head.pop("windows")):
        places = iter(arrays[f"{number}.places"].tolist())
        sizes = arrays[f"{number}.sizes"].tolist()
        held = [[entries[place] for place in islice(places, size)] for size in sizes]
        keys = _unpacked(f"{number}.keys", arrays)
        contents[Window(Measure(measure), field, tuple(by), over_ms, where)] = dict(zip(keys, held, strict=True))
    return head, len(entries), contents


def _packed(name: str, values: Sequence[Any]) -> Arrays:
    """Values of one type as arrays whose names begin with one."""
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
    if f"{name}.width" in arrays:
        width = int(arrays[f"{name}.width"])
        return list(zip(*(_unpacked(f"{name}.{number}", arrays) for number in range(width)), strict=True))
    if f"{name}.json" in arrays:
        values: list[Any] = json.loads(arrays[f"{name}.json"].tobytes())
        return values
    joined = arrays[f"{name}.bytes"].tobytes()
    ends = np.cumsum(arrays[f"{name}.lengths"]).tolist()
    return [joined[first:last] for first, last in pairwise([0, *ends])]
