"""JSON lines: an object in each line (https://jsonlines.org)."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from tools.replay.rows import Cells, Rows

_KINDS = {dict: "an object", list: "an array", str: "a text", bool: "a truth value", type(None): "null"}
_WORDS = {True: "true", False: "false", None: None}


class JsonLinesFile:
    """A file of JSON lines in UTF-8. Empty lines are no rows.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def columns(self) -> None:
        """Return no columns: each row names its own."""
        return

    def check(self, names: Sequence[str]) -> None:
        """Accept any columns."""

    def rows(self, names: Sequence[str], limit: int) -> Iterator[Rows]:
        """The rows, at most so many at a time, with the cells of some columns."""
        size = max(1, self._path.stat().st_size)
        read = 0
        with self._path.open("rb") as stream:
            numbered = enumerate(stream, 1)
            while taken := list(islice(numbered, limit)):
                read += sum(len(line) for _, line in taken)
                lines, records, broken = _records(taken, names)
                cells = {name: _cells([record.get(name) for record in records]) for name in names}
                yield Rows(lines, cells, broken, read / size)


def _records(
    taken: Sequence[tuple[int, bytes]], names: Sequence[str]
) -> tuple[list[int], list[dict[str, Any]], list[tuple[int, str]]]:
    lines: list[int] = []
    records: list[dict[str, Any]] = []
    broken: list[tuple[int, str]] = []
    for number, line in taken:
        if line.isspace():
            continue
        try:
            record = _DECODER.decode(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as error:
            broken.append((number, f"not UTF-8: byte 0x{line[error.start]:02x} at column {error.start + 1}"))
        except json.JSONDecodeError as error:
            broken.append((number, f"not JSON: {error.msg} at column {error.colno}; expected an object in one line"))
        except (ValueError, RecursionError) as error:
            broken.append((number, f"not a JSON object that can be used: {error}"))
        else:
            problem = _misfit(record, names)
            if problem:
                broken.append((number, problem))
            else:
                lines.append(number)
                records.append(record)
    return lines, records, broken


def _misfit(record: Any, names: Sequence[str]) -> str:
    if type(record) is not dict:
        return f"{_kind(record)}: expected an object in each line, {{...}}"
    for name in names:
        if type(record.get(name)) in {dict, list}:
            return f"{name}: {_kind(record[name])}: expected a text or a number"
    return ""


def _kind(value: Any) -> str:
    return "a number" if isinstance(value, _Number) else _KINDS[type(value)]


def _cells(values: Sequence[Any]) -> Cells:
    """Numbers are there with the digits that they have in the file."""
    return [value if isinstance(value, str) else _WORDS[value] for value in values]


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return record


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_unique)
