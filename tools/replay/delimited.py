"""CSV (RFC 4180) with a header."""

import csv
from collections.abc import Iterator, Sequence
from itertools import compress, islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from services.errors import UsageError
from tools.replay.rows import Rows

if TYPE_CHECKING:
    from _csv import Reader as CsvReader


class CsvFile:
    """A CSV file in UTF-8 whose first row names the columns. Empty lines are no rows.

    Args:
        path: The file.
        delimiter: The character between two cells.
    """

    def __init__(self, path: Path, delimiter: str) -> None:
        self._path = path
        self._delimiter = delimiter

    def columns(self) -> list[str]:
        """The names of the columns."""
        with self._open() as stream:
            return self._header(self._reader(stream))

    def check(self, names: Sequence[str]) -> None:
        """Raises UsageError for columns that can't be told apart."""
        header = self.columns()
        for name in names:
            if header.count(name) > 1:
                raise UsageError(f"{self._path}:1: {header.count(name)} columns are called {name!r}: rename one")

    def rows(self, names: Sequence[str], limit: int) -> Iterator[Rows]:
        """The rows, at most so many at a time, with the cells of some columns."""
        size = max(1, self._path.stat().st_size)
        with self._open() as stream:
            reader = self._reader(stream)
            header = self._header(reader)
            places = {name: header.index(name) for name in names}
            ended = False
            while not ended:
                lines, rows, broken, ended = _take(reader, len(header), limit)
                columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
                cells = {name: columns[place] for name, place in places.items()}
                yield Rows(lines, cells, broken, min(1.0, stream.buffer.tell() / size))

    def _open(self) -> TextIO:
        return self._path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")

    def _reader(self, stream: TextIO) -> "CsvReader":
        return csv.reader(stream, delimiter=self._delimiter, strict=True)

    def _header(self, reader: "CsvReader") -> list[str]:
        try:
            header = next(reader, None)
        except csv.Error as error:
            raise UsageError(f"{self._path}:1: not a header in CSV: {error}") from None
        if not header:
            raise UsageError(f"{self._path}:1: {'empty' if header is None else 'an empty line'}: expected a header")
        return [name.strip() for name in header]


def _take(
    reader: "CsvReader", width: int, limit: int
) -> tuple[Sequence[int], list[list[str]], list[tuple[int, str]], bool]:
    """The next rows with the lines that they begin in, those that are broken, and whether these are the last."""
    line = reader.line_num + 1
    rows: list[list[str]] = []
    broken: list[tuple[int, str]] = []
    error = None
    try:
        rows.extend(islice(reader, limit))  # keeps what came before an error
    except csv.Error as caught:
        error = caught
    ended = error is None and len(rows) < limit
    lines: Sequence[int] = range(line, line + len(rows))
    if error is None and reader.line_num + 1 == line + len(rows):
        line += len(rows)
    else:
        lines = []
        for row in rows:
            lines.append(line)
            line += 1 + sum(map(_breaks, row))
    if set(map(len, rows)) - {width}:
        broken = [
            (at, f"{len(row)} cell{'s' if len(row) > 1 else ''}: expected {width}, one for each column of the header")
            for at, row in zip(lines, rows, strict=True)
            if row and len(row) != width
        ]
        good = [len(row) == width for row in rows]
        lines, rows = list(compress(lines, good)), list(compress(rows, good))
    if error is not None:
        last = reader.line_num
        place = f" (the row goes on to line {last})" if last > line else ""
        broken.append((line, f"broken CSV: {error}{place}; is a quotation mark missing?"))
    return lines, rows, broken, ended


def _breaks(cell: str) -> int:
    return cell.count("\n") + cell.count("\r") - cell.count("\r\n")
