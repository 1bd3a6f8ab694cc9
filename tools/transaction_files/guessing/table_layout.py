"""Layout of a table in text: the delimiter, lines before the header, and whether there is one."""

import csv
from collections import Counter
from dataclasses import dataclass

from tools.transaction_files.cells import Unfit
from tools.transaction_files.times import time_reader

_DELIMITERS = ",;\t|"
_LINES = 80
_iso = time_reader(["iso"])


@dataclass(frozen=True)
class TableLayout:
    """Layout of a table.

    Attributes:
        delimiter: Between cells.
        skip: Number of lines before the table.
        header: Whether the table begins with the names of its columns.
    """

    delimiter: str
    skip: int
    header: bool


def layout_of(text: str, delimiter: str = "") -> TableLayout:
    """Return the layout of the table that most of the first lines belong to.

    Args:
        text: The beginning of the file.
        delimiter: The delimiter where it is known.
    """
    lines = text.splitlines()[:_LINES]
    tables = [_table(lines, each) for each in (delimiter or _DELIMITERS)]
    _, _, best, first = max(tables, key=lambda table: table[:2])
    cells = next(csv.reader(lines[first : first + 1], delimiter=best), [])
    return TableLayout(best, first, not any(map(_is_value, cells)))


def _table(lines: list[str], delimiter: str) -> tuple[int, int, str, int]:
    """Return the number of lines of the largest table, its width, the delimiter, and its first line."""
    widths = [len(next(csv.reader([line], delimiter=delimiter), [])) for line in lines]
    counts = Counter(width for width in widths if width > 1)
    if not counts:
        return 0, 0, delimiter, 0
    width, count = max(counts.items(), key=lambda item: (item[1], item[0]))
    first = widths.index(width)
    # Rows that end with a delimiter more than the header have a cell more than it.
    if (
        first
        and widths[first - 1] == width - 1
        and all(line.rstrip().endswith(delimiter) for line, each in zip(lines, widths, strict=True) if each == width)
    ):
        first -= 1
    return count, width, delimiter, first


def _is_value(cell: str) -> bool:
    """Return whether a cell is a number or a time, which are no names of columns."""
    text = cell.strip()
    if not text:
        return False
    try:
        float(text.replace(",", "."))
    except ValueError:
        try:
            _iso(text)
        except Unfit:
            return False
    return True
