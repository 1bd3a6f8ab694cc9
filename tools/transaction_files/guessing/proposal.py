"""Proposal of a profile for a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from services.contracts import Schema
from services.errors import UsageError
from tools.transaction_files.blocks import Block
from tools.transaction_files.column_names import base_name
from tools.transaction_files.csv_file import SAMPLE, CsvFile
from tools.transaction_files.field_columns import open_with_columns
from tools.transaction_files.formats import format_of, open_file
from tools.transaction_files.guessing.field_search import FieldSearch
from tools.transaction_files.guessing.table_layout import layout_of
from tools.transaction_files.json_file import JsonFile
from tools.transaction_files.json_path import JsonPath, leaf_paths
from tools.transaction_files.profile import Profile
from tools.transaction_files.profile_file import load_profile, shipped_names
from tools.transaction_files.raw_bytes import RawFile
from tools.transaction_files.row_reader import RowReader
from tools.transaction_files.rows import File

ROWS = 1000
"""Rows that are looked at."""

_ENOUGH = 0.9


@dataclass(frozen=True)
class Proposal:
    """A proposed profile, and what the first rows become with it.

    Attributes:
        path: The file.
        description: Its format in words.
        profile: The profile.
        shipped: Name of the shipped profile that it is; empty for one that was made up.
        examples: By field a cell of the file.
        unused: Columns that no field is in.
        doubts: What a person has to decide or check.
        block: The first rows as transactions; None where a field is missing.
        reader: Has read them; None where a field is missing.
    """

    path: Path
    description: str
    profile: Profile
    shipped: str
    examples: Mapping[str, str]
    unused: Sequence[str]
    doubts: Sequence[str]
    block: Block | None
    reader: RowReader | None


def propose(path: Path, base: Profile, schema: Schema) -> Proposal:
    """Return a proposal for a file.

    Args:
        path: The file.
        base: What is known already, from the options.
        schema: The schema of a transaction.

    Raises:
        UsageError: If the file can't be read.
    """
    base = _with_layout(path, base)
    file = open_file(path, base)
    columns, cells = _sample(file)
    if not base.fields and (known := _shipped(path, base, schema)):
        name, profile = known
        return _proposal(path, file, schema, cells, profile, shipped=name)
    search = FieldSearch(columns, cells, base)
    profile = search.profile()
    return _proposal(path, file, schema, cells, profile, doubts=search.doubts)


def _with_layout(path: Path, base: Profile) -> Profile:
    if (base.format or format_of(path) or "csv") != "csv":
        return base
    base = replace(base, format=base.format or ("" if format_of(path) else "csv"))
    raw = RawFile(path)
    encoding = CsvFile(path, replace(base, delimiter=base.delimiter or ",")).encoding
    layout = layout_of(raw.sample(SAMPLE).decode(encoding, "replace"), base.delimiter)
    known = CsvFile(path, replace(base, skip=base.skip or layout.skip)).delimiter
    return replace(
        base,
        delimiter=base.delimiter or ("" if known == layout.delimiter else layout.delimiter),
        skip=base.skip or layout.skip,
        header=base.header and layout.header,
    )


def _sample(file: File) -> tuple[list[str], dict[str, list[str]]]:
    """Return the columns of a file, and the cells of its first rows."""
    columns = file.columns()
    if columns is None and isinstance(file, JsonFile):
        records = file.records(ROWS)[:ROWS]
        names = list(dict.fromkeys(name for record in records[:50] for name in leaf_paths(record) if name))
        paths = {name: JsonPath(name) for name in names}
        values = {name: [path.value(record) for record in records] for name, path in paths.items()}
        return names, {
            name: ["" if value is None else str(value) for value in column] for name, column in values.items()
        }
    names = list(columns or ())
    rows = next(file.rows(names, ROWS), None)
    cells = [] if rows is None else list(zip(*(rows.cells[name] for name in names), strict=True))
    header = tuple(map(base_name, names))
    table = [["" if cell is None else cell for cell in row] for row in cells if row != header]
    return names, {name: [row[place] for row in table] for place, name in enumerate(names)}


def _shipped(path: Path, base: Profile, schema: Schema) -> tuple[str, Profile] | None:
    """Return the shipped profile with the most columns among those that fit the file."""
    fitting = []
    for name in shipped_names():
        shipped = load_profile(name)
        profile = replace(shipped, skip=base.skip, encoding=base.encoding, format=base.format)
        try:
            opened = open_with_columns(path, profile, None)
            block = next(RowReader([path], profile, schema).blocks(ROWS), None)
        except UsageError:
            continue
        if opened.file.columns() is None or block is None:
            continue
        if len(block) + block.left_out >= _ENOUGH * (len(block) + block.left_out + len(block.errors)) > 0:
            named = {column for source in shipped.fields.values() for column in source.columns}
            fitting.append((len(named), name, profile))
    return max(fitting)[1:] if fitting else None


def _proposal(
    path: Path, file: File, schema: Schema, cells: Mapping[str, Sequence[str]], profile: Profile, *, shipped: str = "",
    doubts: Sequence[str] = (),
) -> Proposal:  # fmt: skip
    reader, block, used = None, None, set[str]()
    examples: dict[str, str] = {}
    doubts = list(doubts)
    try:
        opened = open_with_columns(path, profile, None)
        for name, columns in opened.fields.items():
            used |= set(columns)
            rows = zip(*(cells.get(column, ()) for column in columns), strict=False)
            examples[name] = next((" + ".join(row) for row in islice(rows, ROWS) if all(row)), "")
        reader = RowReader([path], profile, schema)
        block = next(reader.blocks(ROWS), None)
    except UsageError as error:
        doubts += [line for line in str(error).removeprefix(f"{path}:1: ").splitlines() if "there are" not in line]
        reader = None
    unused = [name for name in cells if name not in used]
    return Proposal(path, file.description, profile, shipped, examples, unused, doubts, block, reader)
