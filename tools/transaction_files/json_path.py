"""Paths into JSON objects: a.b[0].c, as columns of nested records."""

import re
from collections.abc import Iterator
from typing import Any

_STEP = re.compile(r"([^.\[\]]+)|\[(\d{1,6})\]")


class JsonPath:
    """A path. A member whose name is the whole path comes first; steps are member names and places in arrays.

    Args:
        text: Such as Account.Id or Others[0].Id; `Others.0.Id` is the same.
    """

    def __init__(self, text: str) -> None:
        self._name = text
        self._steps = [name or int(place) for name, place in _STEP.findall(text)]

    def value(self, record: Any) -> Any:
        """Return what is there; None if nothing is."""
        if isinstance(record, dict) and self._name in record:
            return record[self._name]
        if len(self._steps) == 1:
            return None
        for step in self._steps:
            if isinstance(record, dict):
                record = record.get(str(step))
            elif isinstance(record, list) and str(step).isdigit() and int(step) < len(record):
                record = record[int(step)]
            else:
                return None
        return record


def leaf_paths(record: Any, prefix: str = "") -> Iterator[str]:
    """Return the paths of all scalars in a record."""
    if isinstance(record, dict):
        for name, value in record.items():
            yield from leaf_paths(value, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(record, list):
        for place, value in enumerate(record[:3]):
            yield from leaf_paths(value, f"{prefix}[{place}]")
    else:
        yield prefix
