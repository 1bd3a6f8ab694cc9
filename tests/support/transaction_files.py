"""Files to read, and what is read of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services.contracts import load_contracts
from tools.transaction_files.blocks import Block, RowError
from tools.transaction_files.profile import Profile, Source
from tools.transaction_files.row_reader import RowReader

SCHEMA = load_contracts().topic("queueing.transactions").required_schema
HEADER = "source,target,amount,currency,created_at\n"
GOOD = "C1,S2,12.34,EUR,2018-04-01T00:00:31Z\n"
GOOD_JSON = (
    b'{"source": "C1", "target": "S2", "amount": 12.34, "currency": "EUR", "created_at": "2018-04-01T00:00:31Z"}\n'
)


def layout(
    columns: Mapping[str, str] | None = None, constants: Mapping[str, str] | None = None, **settings: Any
) -> Profile:
    """The profile with these columns and constants."""
    fields = {name: Source((column,)) for name, column in (columns or {}).items()}
    fields |= {name: Source(value=value) for name, value in (constants or {}).items()}
    return Profile(fields, **settings)


def reader(path: Path, profile: Profile | None = None, *more: Path) -> RowReader:
    return RowReader([path, *more], profile or Profile(), SCHEMA)


def read(path: Path, profile: Profile | None = None, rows: int = 10_000) -> tuple[list[Block], list[RowError]]:
    """The blocks of a file, and all rows that don't fit."""
    blocks = list(reader(path, profile).blocks(rows))
    return blocks, [error for block in blocks for error in block.errors]


def written(path: Path, content: str | bytes) -> Path:
    """The path, of a file with this content now."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def column(blocks: list[Block], name: str) -> list[Any]:
    return [value for block in blocks for value in block.columns[name].tolist()]


def amounts(blocks: Sequence[Block]) -> list[int]:
    return [cents for block in blocks for cents in block.columns["amount"].tolist()]


def lines(blocks: Sequence[Block]) -> list[int]:
    return [line for block in blocks for line in block.lines.tolist()]
