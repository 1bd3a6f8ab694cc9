"""Transactions out of files as columns, with labels where a file has them, and the rows that don't fit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.contracts import Schema
from services.errors import UsageError
from tools.transaction_files.blocks import Block, RowError
from tools.transaction_files.cells import Unfit
from tools.transaction_files.field_columns import OpenFile, open_with_columns
from tools.transaction_files.field_readers import field_readers
from tools.transaction_files.ids import ids_of
from tools.transaction_files.profile import FIELDS, NAMES, Profile
from tools.transaction_files.row_parser import AMOUNTS, PAID_OUT, RowParser
from tools.transaction_files.rows import File, Rows, UnreadableFile
from tools.transaction_files.where import parse_where, where_mask

BLOCK = 10_000


class RowReader:
    """Reads files of one profile.

    Args:
        paths: The files, in the order in which they are read.
        profile: The source of each field.
        schema: The schema of a transaction: that of the input topic.

    Attributes:
        paths: The files.
        profile: The profile.
        readers: The readers of cells, with what they noticed.

    Raises:
        UsageError: If a file isn't there or of no known format, lacks a column, or a constant doesn't fit.
        ContractError: If the schema has no amount or time as these files do.
    """

    def __init__(self, paths: Sequence[Path], profile: Profile, schema: Schema) -> None:
        self.paths = tuple(paths)
        self.profile = profile
        self.readers = field_readers(profile, schema)
        self._where = parse_where(profile.where) if profile.where else None
        self._constants = {
            name: self._constant(name, value)
            for name in (*NAMES, *self.readers.extras)
            if (value := profile.source(name).value) is not None
        }
        self._files = [open_with_columns(path, profile, self._where, self.readers.extras) for path in paths]

    @property
    def files(self) -> list[tuple[Path, File]]:
        """The files and what reads them."""
        return [(opened.path, opened.file) for opened in self._files]

    def columns_of(self, name: str) -> tuple[str, ...]:
        """Return the columns of the first file that a field is in."""
        return self._files[0].fields.get(name, ())

    def blocks(self, rows: int = BLOCK) -> Iterator[Block]:
        """The transactions of all files, each once, in order.

        Args:
            rows: The most rows of a block; fewer where some don't fit.

        Raises:
            UnreadableFile: If a file can't be read to its end.
        """
        for place, opened, taken in self._rows(rows):
            yield replace(self._block(opened, taken, (place + taken.read) / len(self._files)), file=place)

    def times(self, rows: int = BLOCK) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64], float]]:
        """Event times alone, for who has to know the order of the rows: file, lines, times, share read.

        Rows whose time doesn't fit are left out; those that the condition leaves out may be among these.
        """
        for place, opened, taken in self._rows(rows, "created_at"):
            read = (place + taken.read) / len(self._files)
            columns = opened.fields.get("created_at")
            if columns is None:
                yield place, np.zeros(0, np.int64), np.zeros(0, np.int64), read
                continue
            parser = RowParser(self.profile, self.readers, self._constants, opened, taken.cells, len(taken.lines))
            values = parser.column("created_at")
            known = [value is not None for value in values]
            yield (
                place,
                np.array(list(compress(taken.lines, known)), np.int64),
                np.array(list(compress(values, known)), np.int64),
                read,
            )

    def _rows(self, rows: int, only: str = "") -> Iterator[tuple[int, OpenFile, Rows]]:
        for place, opened in enumerate(self._files):
            names = list(dict.fromkeys(opened.fields.get(only, ()))) if only else opened.names
            try:
                for taken in opened.file.rows(names, rows):
                    yield place, opened, taken
            except (OSError, EOFError) as error:
                reason = getattr(error, "strerror", None) or error
                raise UnreadableFile(f"{opened.path}: can't be read to its end: {reason}") from None

    def _constant(self, name: str, text: str) -> Any:
        try:
            return self.readers.amount(text, b"") if name in AMOUNTS else self.readers.by_name[name](text)
        except Unfit as error:
            raise UsageError(f"--set {name}={text}: expected {error}") from None

    def _block(self, opened: OpenFile, taken: Rows, read: float) -> Block:
        lines, cells, left_out = taken.lines, taken.cells, 0
        if self._where is not None and len(lines):
            counts = where_mask(self._where, opened.condition, cells)
            left_out = len(lines) - sum(counts)
            lines = list(compress(lines, counts))
            cells = {name: list(compress(column, counts)) for name, column in cells.items()}
        parser = RowParser(self.profile, self.readers, self._constants, opened, cells, len(lines))
        values, problems = parser.values(), parser.problems
        headers = [row for row in problems if parser.is_header(row)]
        errors = [
            RowError(opened.path, lines[row], tuple(texts)) for row, texts in problems.items() if row not in headers
        ]
        errors += [RowError(opened.path, line, (what,)) for line, what in taken.broken]
        if problems:
            good = [row not in problems for row in range(len(lines))]
            values = {name: list(compress(column, good)) for name, column in values.items()}
            lines = list(compress(lines, good))
        errors.sort(key=lambda error: error.line)
        constants = {name: value for name, value in self._constants.items() if name not in AMOUNTS}
        block = _block(
            opened.path, lines, values, constants, errors=errors, left_out=left_out + len(headers), read=read
        )
        extras = dict(block.columns)
        for name, extra in self.readers.extras.items():
            of_rows = [constants[name]] * len(lines) if name in constants else values.get(name)
            extras |= extra.columns(of_rows, len(lines))
        return replace(block, columns=extras)


def _block(
    path: Path,
    lines: Sequence[int],
    values: Mapping[str, Sequence[Any]],
    constants: Mapping[str, Any],
    *,
    errors: Sequence[RowError],
    left_out: int,
    read: float,
) -> Block:
    """A block of rows that fit.

    Args:
        path: The file.
        lines: The line at which each row begins.
        values: By field the value of each; None where a field that need not be there isn't. Under `PAID_OUT` whether
            the source pays; where it doesn't, source and target change places.
        constants: By field the value of all.
        errors: The rows that don't fit.
        left_out: Number of rows that were left out.
        read: Share of the files that has been read.
    """
    count = len(lines)

    def column(name: str, dtype: str, absent: Any = None) -> NDArray[Any]:
        if name in constants:
            return np.full(count, absent if constants[name] is None else constants[name])
        cells = values.get(name, ())
        if None in cells:
            cells = [absent if value is None else value for value in cells]
        return np.array(cells, dtype) if name in values else np.full(count, absent)

    def known(name: str) -> NDArray[np.bool_]:
        cells = values.get(name, ())
        if None in cells:
            return np.array([value is not None for value in cells], np.bool_)
        return np.full(count, name in values or constants.get(name) is not None)

    numbers = np.array(lines, np.int64)
    columns = {name: column(name, "i8" if name in {"amount", "created_at"} else "S") for name in FIELDS if name != "id"}
    if PAID_OUT in values:
        out = np.array(values[PAID_OUT], np.bool_)
        source, target = columns["source"], columns["target"]
        columns["source"], columns["target"] = np.where(out, source, target), np.where(out, target, source)
    with_id = known("id")
    columns["id"] = column("id", "S36", b"")
    if not with_id.all():
        columns["id"] = np.where(with_id, columns["id"], ids_of(path.name, numbers, columns))
    scenario, incident = column("scenario", "S", b""), column("incident", "S", b"")
    named = (scenario != b"") | (incident != b"")
    has_fraud = "fraud" in values or "fraud" in constants
    # With a column of labels, an empty one is not known yet, unless a scenario is named.
    labelled = known("fraud") | named if has_fraud else known("scenario") | known("incident")
    fraud = np.where(known("fraud"), column("fraud", "?", False), named)
    return Block(
        numbers,
        columns,
        labelled,
        fraud,
        np.where(fraud, scenario, b""),
        np.where(fraud, incident, b""),
        errors,
        left_out,
        read,
    )
