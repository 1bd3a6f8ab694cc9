"""CSV (RFC 4180), as banks and programs write it: any encoding and delimiter, with or without a header."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import compress, islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from services.errors import UsageError
from tools.transaction_files.column_names import unique_names
from tools.transaction_files.encodings import check_encoding, detect_encoding
from tools.transaction_files.profile import Profile
from tools.transaction_files.raw_bytes import RawFile
from tools.transaction_files.rows import Rows, UnreadableFile

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

SAMPLE = 1 << 20
"""Bytes that encoding and delimiter are found out from."""

_DELIMITERS = ",;\t|"
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


class CsvFile:
    """A CSV file. Empty lines are no rows.

    Args:
        path: The file.
        profile: The encoding, delimiter, lines to skip, and whether there is a header.

    Raises:
        UsageError: If the encoding can't be found out.
    """

    def __init__(self, path: Path, profile: Profile) -> None:
        self._path = path
        self._skip = profile.skip
        self._has_header = profile.header
        self._raw = RawFile(path)
        try:
            sample = self._raw.sample(SAMPLE)
        except (OSError, EOFError) as error:
            raise UsageError(f"{path}: can't be unpacked: {error}") from None
        self.encoding = check_encoding(profile.encoding) if profile.encoding else detect_encoding(path, sample)
        if self.encoding == "utf-8":
            self.encoding = "utf-8-sig"
        text = sample.decode(self.encoding, "replace")
        self.delimiter = profile.delimiter or detect_delimiter(text, profile.skip)

    @property
    def description(self) -> str:
        """The format, encoding, compression and delimiter."""
        name = self.encoding.removesuffix("-sig").upper() if self.encoding.startswith("utf") else self.encoding
        packing = f"{self._raw.packing}, " if self._raw.packing else ""
        return f"CSV, {packing}{name}, {_NAMES.get(self.delimiter, f'{self.delimiter!r}')} between cells"

    def columns(self) -> list[str]:
        """The names of the columns."""
        with self._opened() as stream:
            return self._names(self._reader(stream))

    def check(self, names: Sequence[str]) -> None:
        """Accept any columns: each can be told from the others."""

    def rows(self, names: Sequence[str], limit: int) -> Iterator[Rows]:
        """The rows, at most so many at a time, with the cells of some columns; a header that comes again is no row."""
        columns = self.columns()
        places = {name: columns.index(name) for name in names}
        with self._opened() as stream:
            reader = self._reader(stream)
            if self._has_header:
                next(reader)
            ended = False
            while not ended:
                try:
                    lines, rows, broken, ended = _take(reader, len(columns), limit, self._skip)
                except UnicodeError as error:
                    line = self._skip + reader.line_num + 1
                    raise UnreadableFile(f"{self._path}:{line}: not {self.encoding}: {error}; --encoding?") from None
                cells = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
                read = 1.0 if ended else self._raw.read
                yield Rows(lines, {name: cells[place] for name, place in places.items()}, broken, read)

    @contextmanager
    def _opened(self) -> Iterator[TextIO]:
        errors = "strict" if self.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        with self._raw.open() as stream, io.TextIOWrapper(stream, self.encoding, errors, newline="") as text:
            for _ in range(self._skip):
                text.readline()
            yield text

    def _reader(self, stream: TextIO) -> "CsvReader":
        return csv.reader(stream, delimiter=self.delimiter, strict=True)

    def _names(self, reader: "CsvReader") -> list[str]:
        line = self._skip + 1
        try:
            header = next(reader, None)
        except (csv.Error, UnicodeError) as error:
            raise UsageError(f"{self._path}:{line}: not a header in CSV: {error}") from None
        if not header:
            what = "empty" if header is None else "an empty line"
            raise UsageError(f"{self._path}:{line}: {what}: expected a header; --skip N leaves out what is before it")
        return unique_names(header if self._has_header else [""] * len(header))


def detect_delimiter(text: str, skip: int = 0) -> str:
    """Return the delimiter that splits most lines into equally many cells; a comma where none does."""
    lines = [line for line in text.split("\n", skip + 51)[skip:-1] if line.strip()] or text.split("\n")[skip : skip + 1]
    best, most = ",", 0
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        width = widths[0] if widths else 1
        score = sum(each == width for each in widths) * (width > 1) * 100 + width
        if width > 1 and score > most:
            best, most = delimiter, score
    return best


def _take(
    reader: "CsvReader", width: int, limit: int, skipped: int
) -> tuple[Sequence[int], list[list[str]], list[tuple[int, str]], bool]:
    """The next rows with the lines that they begin in, those that are broken, and whether these are the last."""
    line = skipped + reader.line_num + 1
    rows: list[list[str]] = []
    broken: list[tuple[int, str]] = []
    error = None
    try:
        rows.extend(islice(reader, limit))  # keeps what came before an error
    except csv.Error as caught:
        error = caught
    ended = error is None and len(rows) < limit
    lines: Sequence[int] = range(line, line + len(rows))
    if error is None and skipped + reader.line_num + 1 == line + len(rows):
        line += len(rows)
    else:
        lines = []
        for row in rows:
            lines.append(line)
            line += 1 + sum(map(_breaks, row))
    if set(map(len, rows)) - {width}:
        rows = [row[:width] if len(row) > width and not any(row[width:]) else row for row in rows]
        broken = [
            (at, f"{len(row)} cell{'s' if len(row) > 1 else ''}: expected {width}, one for each column of the header")
            for at, row in zip(lines, rows, strict=True)
            if len(row) != width and any(row)
        ]
        good = [len(row) == width for row in rows]
        lines, rows = list(compress(lines, good)), list(compress(rows, good))
    if error is not None:
        last = skipped + reader.line_num
        place = f" (the row goes on to line {last})" if last > line else ""
        broken.append((line, f"broken CSV: {error}{place}; is a quotation mark missing?"))
    return lines, rows, broken, ended


def _breaks(cell: str) -> int:
    return cell.count("\n") + cell.count("\r") - cell.count("\r\n")
