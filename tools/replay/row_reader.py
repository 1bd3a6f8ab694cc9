"""Transactions out of files as columns, with labels where a file has them, and the rows that don't fit."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from services.contracts import Schema
from services.errors import ContractError, UsageError
from tools.replay import cells
from tools.replay.cells import Read, Unfit
from tools.replay.ids import ids_of
from tools.replay.layout import FIELDS, TRUTH, Layout
from tools.replay.readers import open_file
from tools.replay.rows import Cells, File, Rows, UnreadableFile

BLOCK = 10_000
_SHOWN = 60  # characters of a cell in a message


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
    """Some transactions in the order of their file, and the truth about them.

    Attributes:
        path: The file.
        lines: For each the line that it begins in, int64.
        columns: By field (`FIELDS`) an array of a value for each, as `services.contracts.ColumnDecoder` has them: id,
            source, target and currency as bytes, amount unscaled (cents for a scale of 2), created_at in milliseconds.
        labelled: Whether the file says anything about it.
        fraud: Whether it is fraud; False where the file doesn't say.
        scenario: The kind of fraud as bytes; empty where unknown, and where it is no fraud.
        incident: The occurrence of the scenario, as bytes; empty where unknown, and where it is no fraud.
        errors: The rows between these that don't fit.
        read: Share of the file that has been read with these, 0 to 1.
    """

    path: Path
    lines: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    labelled: NDArray[np.bool_]
    fraud: NDArray[np.bool_]
    scenario: NDArray[np.bytes_]
    incident: NDArray[np.bytes_]
    errors: Sequence[RowError]
    read: float

    def __len__(self) -> int:
        return len(self.lines)

    def before(self, line: int) -> "Block":
        """Return the rows that begin before a line, and the errors before it."""
        count = int(np.searchsorted(self.lines, line))
        return replace(
            self,
            lines=self.lines[:count],
            columns={name: column[:count] for name, column in self.columns.items()},
            labelled=self.labelled[:count],
            fraud=self.fraud[:count],
            scenario=self.scenario[:count],
            incident=self.incident[:count],
            errors=[error for error in self.errors if error.line < line],
        )


class RowReader:
    """Reads files of one layout.

    Args:
        paths: The files, in the order in which they are read.
        layout: The column of each field.
        schema: The schema of a transaction: that of the input topic.

    Raises:
        UsageError: If a file isn't there or of no known format, lacks a column, or a constant doesn't fit.
        ContractError: If the schema has no amount or time as these files do.
    """

    def __init__(self, paths: Sequence[Path], layout: Layout, schema: Schema) -> None:
        self._layout = layout
        self._reads = _readers(layout, schema)
        self._constants = {name: self._constant(name, text) for name, text in layout.constants.items()}
        self._files = [(path, *self._opened(path)) for path in paths]

    def blocks(self, rows: int = BLOCK) -> Iterator[Block]:
        """The transactions of all files, each once, in order.

        Args:
            rows: The most rows of a block; fewer where some don't fit.

        Raises:
            UnreadableFile: If a file can't be read to its end.
        """
        for path, file, columns in self._files:
            names = sorted(set(columns.values()))
            try:
                for taken in file.rows(names, rows):
                    yield self._block(path, columns, taken)
            except OSError as error:
                raise UnreadableFile(f"{path}: can't be read to its end: {error.strerror}") from None

    def _constant(self, name: str, text: str) -> Any:
        try:
            return self._reads[name](text)
        except Unfit as error:
            raise UsageError(f"--set {name}={text}: expected {error}") from None

    def _opened(self, path: Path) -> tuple[File, dict[str, str]]:
        """The file, and by field the column that it is in."""
        try:
            file = open_file(path, self._layout.format, self._layout.delimiter)
            there = file.columns()
        except OSError as error:
            raise UsageError(f"{path}: can't be read: {error.strerror}") from None
        columns = {}
        missing = []
        for name in (*FIELDS, *TRUTH):
            column = self._layout.column(name)
            if name in self._layout.constants:
                continue
            if there is None or column in there:
                columns[name] = column
            elif self._layout.needs(name):
                close = difflib.get_close_matches(column, there, n=1)
                hint = f" (or is it {close[0]!r}?)" if close else ""
                constant = ", or --set currency=EUR" if name == "currency" else ""
                missing.append(f"{path}:1: no column {column!r}{hint}: say which it is, --map {name}=COLUMN{constant}")
        if missing and there is not None:
            raise UsageError("\n".join([*missing, f"{path}:1: there are {', '.join(there)}"]))
        file.check(sorted(set(columns.values())))
        return file, columns

    def _block(self, path: Path, columns: Mapping[str, str], taken: Rows) -> Block:
        problems: dict[int, list[str]] = {}
        values = {name: self._column(name, column, taken.cells[column], problems) for name, column in columns.items()}
        lines = taken.lines
        errors = [RowError(path, lines[row], tuple(texts)) for row, texts in problems.items()]
        errors += [RowError(path, line, (what,)) for line, what in taken.broken]
        if problems:
            good = [row not in problems for row in range(len(lines))]
            values = {name: list(compress(column, good)) for name, column in values.items()}
            lines = list(compress(lines, good))
        return _block(
            path, lines, values, self._constants, errors=sorted(errors, key=lambda error: error.line), read=taken.read
        )

    def _column(self, name: str, column: str, texts: Cells, problems: dict[int, list[str]]) -> list[Any]:
        """The values of a field; None where a cell doesn't fit, and where a field that need not be there isn't."""
        read = self._reads[name]
        if None not in texts:
            with suppress(Unfit):
                return list(map(read, cast("Sequence[str]", texts)))
        values = []
        for row, text in enumerate(texts):
            value = None
            if text is None and self._layout.needs(name):
                problems.setdefault(row, []).append(f"{column}: there is none")
            elif text is not None:
                try:
                    value = read(text)
                except Unfit as error:
                    problems.setdefault(row, []).append(_problem(column, text, str(error)))
            values.append(value)
        return values


def _readers(layout: Layout, schema: Schema) -> dict[str, Read]:
    types = {field["name"]: field["type"] for field in schema.json.get("fields", ())}
    match types.get("amount"), types.get("created_at"):
        case {"logicalType": "decimal", "precision": int(digits), "scale": int(scale)}, {
            "logicalType": "timestamp-millis"
        } if digits <= 18:
            pass
        case _:
            raise ContractError(
                f"{schema.path}: expected an amount that is a decimal of at most 18 digits with a scale, and a "
                "created_at that is a timestamp-millis"
            )
    start_ms = int(layout.start.timestamp() * 1000) if layout.start else 0
    accounts = {name: cells.account_reader(layout.prefixes.get(name, "")) for name in ("source", "target")}
    return {
        "id": cells.identifier,
        **accounts,
        "amount": cells.Remembered(cells.amount_reader(digits, scale), 100_000).__getitem__,
        "currency": cells.Remembered(cells.currency).__getitem__,
        "created_at": cells.time_reader(layout.time, start_ms),
        "fraud": cells.Remembered(cells.fraud).__getitem__,
        "scenario": cells.name_reader(layout.scenarios),
        "incident": cells.name_reader({}),
    }


def _block(
    path: Path,
    lines: Sequence[int],
    values: Mapping[str, Sequence[Any]],
    constants: Mapping[str, Any],
    *,
    errors: Sequence[RowError],
    read: float,
) -> Block:
    """A block of rows that fit.

    Args:
        path: The file.
        lines: The line at which each row begins.
        values: By field the value of each; None where a field that need not be there isn't.
        constants: By field the value of all.
        errors: The rows that don't fit.
        read: Share of the file that has been read.
    """
    count = len(lines)

    def column(name: str, dtype: str, absent: Any = None) -> NDArray[Any]:
        if name in constants:
            return np.full(count, constants[name])
        cells = values.get(name, ())
        if None in cells:
            cells = [absent if value is None else value for value in cells]
        return np.array(cells, dtype) if name in values else np.full(count, absent)

    def known(name: str) -> NDArray[np.bool_]:
        cells = values.get(name, ())
        if None in cells:
            return np.array([value is not None for value in cells], np.bool_)
        return np.full(count, name in values or name in constants)

    numbers = np.array(lines, np.int64)
    columns = {name: column(name, "i8" if name in {"amount", "created_at"} else "S") for name in FIELDS if name != "id"}
    with_id = known("id")
    columns["id"] = column("id", "S36", b"")
    if not with_id.all():
        columns["id"] = np.where(with_id, columns["id"], ids_of(path.name, numbers, columns))
    scenario, incident = column("scenario", "S", b""), column("incident", "S", b"")
    fraud = np.where(known("fraud"), column("fraud", "?", False), (scenario != b"") | (incident != b""))
    return Block(
        path,
        numbers,
        columns,
        known("fraud") | known("scenario") | known("incident"),
        fraud,
        np.where(fraud, scenario, b""),
        np.where(fraud, incident, b""),
        errors,
        read,
    )


def _problem(column: str, text: str, expected: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        expected = "text in UTF-8"
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return f"{column} {shown!r}: expected {expected}"
