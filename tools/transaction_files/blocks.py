"""Blocks of transactions with the truth about them, and rows that don't fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64] | NDArray[np.bool_] | slice


@dataclass(frozen=True)
class RowError:
    """A row that doesn't fit: it is in no block.

    Attributes:
        path: The file.
        line: The line (in Parquet the row) that it begins in, from 1 on.
        problems: For each cell that doesn't fit what it is, and what was expected.
    """

    path: Path
    line: int
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {'; '.join(self.problems)}"


@dataclass(frozen=True)
class Block:
    """Some transactions, and the truth about them.

    Attributes:
        lines: For each the line that it begins in, int64.
        columns: By field (`profile.FIELDS`) an array of a value for each, as `services.contracts.ColumnDecoder` has
            them: id, source, target and currency as bytes, amount unscaled (cents for a scale of 2), created_at in
            milliseconds.
        labelled: Whether the file says anything about it.
        fraud: Whether it is fraud; False where the file doesn't say.
        scenario: The kind of fraud as bytes; empty where unknown, and where it is no fraud.
        incident: The occurrence of the scenario, as bytes; empty where unknown, and where it is no fraud.
        errors: The rows between these that don't fit.
        left_out: Number of rows between these that the profile leaves out: by its condition, or a header again.
        read: Share of all files that has been read with these, 0 to 1.
        file: Place of the file that they are of; -1 for rows of several.
    """

    lines: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    labelled: NDArray[np.bool_]
    fraud: NDArray[np.bool_]
    scenario: NDArray[np.bytes_]
    incident: NDArray[np.bytes_]
    errors: Sequence[RowError]
    left_out: int
    read: float
    file: int = -1

    def __len__(self) -> int:
        return len(self.lines)

    def before(self, line: int) -> "Block":
        """Return the rows that begin before a line, and the errors before it."""
        count = int(np.searchsorted(self.lines, line))
        return replace(self.at(slice(count)), errors=[error for error in self.errors if error.line < line])

    def at(self, rows: Rows) -> "Block":
        """Return some of the rows."""
        return replace(
            self,
            lines=self.lines[rows],
            columns={name: column[rows] for name, column in self.columns.items()},
            labelled=self.labelled[rows],
            fraud=self.fraud[rows],
            scenario=self.scenario[rows],
            incident=self.incident[rows],
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by their names, as `of_arrays` takes them."""
        names = ("lines", "labelled", "fraud", "scenario", "incident")
        return {**self.columns, **{f".{name}": getattr(self, name) for name in names}}

    @staticmethod
    def of_arrays(arrays: Mapping[str, NDArray[Any]], read: float) -> "Block":
        """Return a block of arrays without errors."""
        parts = {name[1:]: array for name, array in arrays.items() if name.startswith(".")}
        columns = {name: array for name, array in arrays.items() if not name.startswith(".")}
        return Block(
            parts["lines"],
            columns,
            parts["labelled"],
            parts["fraud"],
            parts["scenario"],
            parts["incident"],
            (),
            0,
            read,
        )

    def without_rows(self, read: float) -> "Block":
        """Return the errors and counts alone, without any rows."""
        return replace(self.at(slice(0)), read=read)
