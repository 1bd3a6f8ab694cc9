"""Sorting of transactions by time, in memory while they fit and in files where they don't.

Rows are gathered to runs; each full run is sorted and written, an array a file. In the end the runs are merged: of each
a window is held, and what no further window can come before is passed on.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.transaction_files.blocks import Block

ROWS_IN_MEMORY = 1_000_000
"""Rows of a run: about 200 MB."""

_TIME, _SEQUENCE = "created_at", ".sequence"
Arrays = Mapping[str, NDArray[Any]]


class ExternalSort:
    """Sorts blocks; a context manager, which removes its files.

    Args:
        rows_in_memory: Rows of a run.
    """

    def __init__(self, rows_in_memory: int = ROWS_IN_MEMORY) -> None:
        self._limit = rows_in_memory
        self._pending: list[Arrays] = []
        self._count = 0
        self._sequence = 0
        self._runs: list[Arrays] = []
        self._directory: TemporaryDirectory[str] | None = None
        self.rows = 0

    def __enter__(self) -> "ExternalSort":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._runs.clear()
        if self._directory is not None:
            self._directory.cleanup()

    @property
    def files(self) -> int:
        """Number of runs in files."""
        return len(self._runs) if self._directory is not None else 0

    def add(self, block: Block, *, newest_first: bool = False) -> None:
        """Take in the rows of a block; rows of one time stay in this order, or are turned if they are newest first."""
        count = len(block)
        sequence = np.arange(self._sequence, self._sequence + count)
        self._sequence += count
        self._pending.append({**block.arrays(), _SEQUENCE: -sequence if newest_first else sequence})
        self._count += count
        self.rows += count
        if self._count >= self._limit:
            self._write(self._sorted())

    def blocks(self, rows: int) -> Iterator[Block]:
        """Yield all rows in the order of their times, at most so many at a time."""
        last = self._sorted()
        runs = [*self._runs, *([last] if last is not None else [])]
        done = 0
        for part in _merged(runs, rows) if len(runs) > 1 else _slices(runs, rows):
            done += len(part[_TIME])
            columns = {name: array for name, array in part.items() if name != _SEQUENCE}
            yield Block.of_arrays(columns, 0.5 + done / self.rows / 2)

    def _sorted(self) -> Arrays | None:
        """Return the pending rows in order; None if there are none."""
        if not self._count:
            return None
        arrays = {name: np.concatenate([part[name] for part in self._pending]) for name in self._pending[0]}
        self._pending, self._count = [], 0
        return _in_order(arrays)

    def _write(self, arrays: Arrays | None) -> None:
        if arrays is None:
            return
        if self._directory is None:
            self._directory = TemporaryDirectory(prefix="sorting-")
        directory = Path(self._directory.name) / str(len(self._runs))
        directory.mkdir()
        run = {}
        for number, (name, array) in enumerate(arrays.items()):
            path = directory / f"{number}.npy"
            np.save(path, array)
            run[name] = np.load(path, mmap_mode="r")
        self._runs.append(run)


def _in_order(arrays: Arrays) -> Arrays:
    order = np.lexsort((arrays[_SEQUENCE], arrays[_TIME]))
    return {name: array[order] for name, array in arrays.items()}


def _slices(runs: list[Arrays], rows: int) -> Iterator[Arrays]:
    for run in runs:
        for start in range(0, len(run[_TIME]), rows):
            yield {name: array[start : start + rows] for name, array in run.items()}


def _merged(runs: list[Arrays], rows: int) -> Iterator[Arrays]:
    """Merge sorted runs: rows up to the earliest end of all windows are complete, whatever comes after."""
    at = [0] * len(runs)
    window = max(1, rows // len(runs))
    while left := [number for number, run in enumerate(runs) if at[number] < len(run[_TIME])]:
        ends = {number: min(at[number] + window, len(runs[number][_TIME])) for number in left}
        bound = min(int(runs[number][_TIME][ends[number] - 1]) for number in left)
        parts = []
        for number in left:
            # Equal times may go on in a run; all of them are taken, so that none comes after a later sequence.
            end = int(np.searchsorted(runs[number][_TIME], bound, side="right"))
            parts.append({name: np.asarray(array[at[number] : end]) for name, array in runs[number].items()})
            at[number] = end
        merged = _in_order({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
        yield from _slices([merged], rows)
