"""Tables of figures: on a terminal, wide or narrow, and as plain text."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

_WIDTH = 160
"""Columns of text where there is no terminal to ask."""
_NARROW = 140


def terminal() -> Console:
    """Standard output."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: Its head.
        always: Whether it is there on a narrow terminal, too.
        words: Whether it has words, which begin on the left, and not figures, which end on the right.
    """

    name: str
    always: bool = True
    words: bool = False


@dataclass
class Grid:
    """A table.

    Args:
        columns: All that there are.
        width: Of the terminal.
    """

    columns: Sequence[Column]
    width: int
    table: Table = field(init=False)

    def __post_init__(self) -> None:
        self.table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for column in self.columns:
            if self._is_shown(column):
                self.table.add_column(column.name, justify="left" if column.words else "right", no_wrap=column.words)

    def add(self, cells: Sequence[str], style: str = "") -> None:
        """Add a row, with a cell for each of all columns."""
        shown = (cell for cell, column in zip(cells, self.columns, strict=True) if self._is_shown(column))
        self.table.add_row(*shown, style=style)

    def _is_shown(self, column: Column) -> bool:
        return column.always or self.width >= _NARROW


def table_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as plain text: the first column aligned to the left, the others to the right."""
    grid = Grid([Column(name, words=not number) for number, name in enumerate(columns)], _WIDTH)
    for row in rows:
        grid.add(row)
    console = Console(width=_WIDTH, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(grid.table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
