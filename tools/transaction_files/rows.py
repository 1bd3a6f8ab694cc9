"""Rows of a file of any format: the cells of some columns as text, and what can't be read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.errors import FatalError

Cells = Sequence[str | None]
"""A column's cells as text; None where there is none. Bytes that are no text are there as lone surrogates (PEP 383)."""


class UnreadableFile(FatalError):  # noqa: N818 - reads as the state that it reports
    """A file is broken from some row on; what came before it was read."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a file, in its order.

    Attributes:
        lines: For each the line (in Parquet the row) that it begins in, from 1 on.
        cells: By column a cell for each.
        broken: Rows that are not among these: the line, and what is wrong.
        read: Share of the file that has been read with these, 0 to 1.
    """

    lines: Sequence[int]
    cells: Mapping[str, Cells]
    broken: list[tuple[int, str]]
    read: float


class File(Protocol):
    """A file of rows."""

    @property
    def description(self) -> str:
        """The format in words, with the encoding and delimiter of a text."""

    @property
    def encoding(self) -> str:
        """The encoding of text, as people call it."""

    def columns(self) -> Sequence[str] | None:
        """The names of its columns; None where each row says its own. Raises UsageError for a file of no use."""

    def check(self, names: Sequence[str]) -> None:
        """Raises UsageError if one of these columns, which are there, can't be used."""

    def rows(self, names: Sequence[str], limit: int) -> Iterator[Rows]:
        """The rows, at most so many at a time, with the cells of some columns.

        Raises:
            UnreadableFile: If it can't be read to its end.
        """
