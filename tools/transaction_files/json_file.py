"""JSON: an object in each line (https://jsonlines.org), or a document with an array of objects."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from services.errors import UsageError
from tools.transaction_files.encodings import check_encoding, detect_encoding
from tools.transaction_files.json_path import JsonPath
from tools.transaction_files.profile import Profile
from tools.transaction_files.raw_bytes import RawFile
from tools.transaction_files.rows import Cells, Rows, UnreadableFile

_SAMPLE = 1 << 16
_KINDS = {dict: "an object", list: "an array", str: "a text", bool: "a truth value", type(None): "null"}
_WORDS = {True: "true", False: "false", None: None}


class JsonFile:
    """A file of JSON. Columns are paths, such as amount or Account.Id; empty lines are no rows.

    A document that is no array of objects has its rows in the array that `records` names, or in the only one that it
    has; it is held in memory. JSON lines are read as they come.

    Args:
        path: The file.
        profile: The encoding, and the path to the rows.
    """

    def __init__(self, path: Path, profile: Profile) -> None:
        self._path = path
        self._records = profile.records
        self._raw = RawFile(path)
        try:
            sample = self._raw.sample(_SAMPLE)
        except (OSError, EOFError) as error:
            raise UsageError(f"{path}: can't be unpacked: {error}") from None
        self.encoding = check_encoding(profile.encoding) if profile.encoding else detect_encoding(path, sample)
        self._is_document = bool(self._records) or _is_document(sample.decode(self.encoding, "replace"))

    @property
    def description(self) -> str:
        """The format and compression."""
        packing = f", {self._raw.packing}" if self._raw.packing else ""
        return f"{'JSON' if self._is_document else 'JSON lines'}{packing}"

    def columns(self) -> None:
        """Return no columns: each row names its own."""
        return

    def check(self, names: Sequence[str]) -> None:
        """Accept any columns."""

    def rows(self, names: Sequence[str], limit: int) -> Iterator[Rows]:
        """The rows, at most so many at a time, with the cells of some columns."""
        paths = {name: JsonPath(name) for name in names}
        source = self._of_document(limit) if self._is_document else self._of_lines(limit)
        for lines, records, broken, read in source:
            good_lines: list[int] = []
            good: list[list[Any]] = []
            for line, record in zip(lines, records, strict=True):
                values = [path.value(record) for path in paths.values()]
                problem = _misfit(record, names, values)
                if problem:
                    broken.append((line, problem))
                else:
                    good_lines.append(line)
                    good.append(values)
            columns = list(zip(*good, strict=True)) if good else [()] * len(paths)
            cells = {name: _cells(column) for name, column in zip(paths, columns, strict=True)}
            yield Rows(good_lines, cells, sorted(broken), read)

    def records(self, limit: int) -> list[Any]:
        """Return the first records that can be read."""
        source = self._of_document(limit) if self._is_document else self._of_lines(limit)
        return next(source, ([], [], [], 1.0))[1]

    def _of_lines(self, limit: int) -> Iterator[tuple[list[int], list[Any], list[tuple[int, str]], float]]:
        with self._raw.open() as stream:
            numbered = enumerate(stream, 1)
            while taken := list(islice(numbered, limit)):
                lines: list[int] = []
                records: list[Any] = []
                broken: list[tuple[int, str]] = []
                for number, line in taken:
                    if line.isspace():
                        continue
                    record, problem = self._decoded(line, number)
                    if problem:
                        broken.append((number, problem))
                    else:
                        lines.append(number)
                        records.append(record)
                yield lines, records, broken, 1.0 if len(taken) < limit else self._raw.read

    def _decoded(self, line: bytes, number: int) -> tuple[Any, str]:
        """Return the record of a line, and what is wrong with it."""
        encoding = "utf-8-sig" if number == 1 and self.encoding == "utf-8" else self.encoding
        try:
            return _DECODER.decode(line.decode(encoding)), ""
        except UnicodeDecodeError as error:
            shown = "UTF-8" if encoding.startswith("utf-8") else encoding
            return None, f"not {shown}: byte 0x{line[error.start]:02x} at column {error.start + 1}"
        except json.JSONDecodeError as error:
            return None, f"not JSON: {error.msg} at column {error.colno}; expected an object in one line"
        except (ValueError, RecursionError) as error:
            return None, f"not a JSON object that can be used: {error}"

    def _of_document(self, limit: int) -> Iterator[tuple[list[int], list[Any], list[tuple[int, str]], float]]:
        """The records with their numbers in place of lines."""
        try:
            with self._raw.open() as stream:
                document = _DECODER.decode(stream.read().decode(self.encoding))
        except (ValueError, RecursionError, OSError, EOFError) as error:
            raise UnreadableFile(f"{self._path}: not a JSON document that can be read: {error}") from None
        records = self._array(document)
        for start in range(0, len(records), limit):
            part = records[start : start + limit]
            yield list(range(start + 1, start + 1 + len(part))), part, [], (start + len(part)) / len(records)

    def _array(self, document: Any) -> list[Any]:
        if self._records:
            document = JsonPath(self._records).value(document)
        if isinstance(document, list):
            return document
        arrays = [name for name, value in document.items() if _is_table(value)] if isinstance(document, dict) else []
        if len(arrays) == 1 and not self._records:
            return list(document[arrays[0]])
        if self._records or len(arrays) > 1:
            there = f"; there are {', '.join(arrays)}" if arrays else ""
            raise UnreadableFile(f"{self._path}: --records PATH has to name an array of objects{there}")
        return [document]


def _is_document(text: str) -> bool:
    """Return whether the text is one JSON document over several lines, or an array."""
    text = text.lstrip("\ufeff \t\r\n")
    if text.startswith("["):
        return True
    first, newline, _ = text.partition("\n")
    return first.rstrip() == "{" and bool(newline)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _misfit(record: Any, names: Sequence[str], values: Sequence[Any]) -> str:
    if type(record) is not dict:
        return f"{_kind(record)}: expected an object in each line, {{...}}"
    for name, value in zip(names, values, strict=True):
        if type(value) in {dict, list}:
            return f"{name}: {_kind(value)}: expected a text or a number; a path leads into it, such as {name}.x"
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
