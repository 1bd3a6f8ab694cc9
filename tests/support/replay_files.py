"""Files to read, and what is read of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.contracts import load_contracts
from tools.replay.layout import Layout
from tools.replay.row_reader import Block, RowError, RowReader

SCHEMA = load_contracts().topic("queueing.transactions").required_schema
HEADER = "source,target,amount,currency,created_at\n"
GOOD = "C1,S2,12.34,EUR,2018-04-01T00:00:31Z\n"
GOOD_JSON = (
    b'{"source": "C1", "target": "S2", "amount": 12.34, "currency": "EUR", "created_at": "2018-04-01T00:00:31Z"}\n'
)


def reader(path: Path, layout: Layout | None = None, *more: Path) -> RowReader:
    return RowReader([path, *more], layout or Layout(), SCHEMA)


def read(path: Path, layout: Layout | None = None, rows: int = 10_000) -> tuple[list[Block], list[RowError]]:
    """The blocks of a file, and all rows that don't fit."""
    blocks = list(reader(path, layout).blocks(rows))
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
