"""Files in the layouts of banks, card processors and public data sets: every row becomes what it means."""

import argparse
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.transaction_files import SCHEMA
from tools.transaction_files.blocks import Block
from tools.transaction_files.guessing import propose
from tools.transaction_files.options import add_profile_options, profile_of
from tools.transaction_files.profile import Profile
from tools.transaction_files.profile_file import load_profile, new_profile, profile_text
from tools.transaction_files.row_reader import RowReader
from tools.transaction_files.time_order import LATENESS_MS, in_time_order, order_of

DIRECTORY = Path(__file__).parents[2] / "data" / "layouts"
LAYOUTS: dict[str, dict[str, Any]] = tomllib.loads((DIRECTORY / "expected.toml").read_text(encoding="utf-8"))


def profile(arguments: Sequence[str]) -> Profile:
    parser = argparse.ArgumentParser()
    add_profile_options(parser, files=None)
    return profile_of(parser.parse_args(arguments))


def transactions(path: Path, of: Profile) -> tuple[list[list[str]], list[str], int]:
    """The transactions in the order of their times, what doesn't fit, and how many rows are left out."""
    reader = RowReader([path], of, SCHEMA)
    blocks = list(in_time_order(reader, order_of(reader, LATENESS_MS)))
    rows = [row for block in blocks for row in rows_of(block)]
    return rows, [str(error) for block in blocks for error in block.errors], sum(block.left_out for block in blocks)


def rows_of(block: Block) -> list[list[str]]:
    fields = ("source", "target", "amount", "currency", "created_at")
    columns = {name: block.columns[name].tolist() for name in fields}
    return [
        [
            *(_account(columns[name][row].decode()) for name in ("source", "target")),
            f"{columns['amount'][row] // 100}.{columns['amount'][row] % 100:02}",
            columns["currency"][row].decode(),
            f"{datetime.fromtimestamp(columns['created_at'][row] // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "" if not block.labelled[row] else "yes" if block.fraud[row] else "no",
        ]
        for row in range(len(block))
    ]


def _account(name: str) -> str:
    return f"{name[:21]}~@" if len(name) == 34 and name[21] == "~" else name


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_row_of_a_layout_becomes_its_transaction(name: str) -> None:
    expected = LAYOUTS[name]
    rows, errors, left_out = transactions(DIRECTORY / name, profile(expected["arguments"]))
    assert errors == []
    assert rows == expected["rows"]
    assert left_out == expected.get("left_out", 0)


@pytest.mark.parametrize("name", [name for name, expected in LAYOUTS.items() if expected.get("guess")])
def test_a_guessed_profile_comes_to_the_same_transactions(name: str, tmp_path: Path) -> None:
    expected = LAYOUTS[name]
    proposal = propose(DIRECTORY / name, profile(expected.get("guess_arguments", [])), SCHEMA)
    written = new_profile(str(tmp_path / "guessed.toml"), proposal.profile)
    rows, errors, _ = transactions(DIRECTORY / name, load_profile(str(written)))
    assert errors == []
    assert rows == expected["rows"], profile_text(proposal.profile)


def test_every_file_of_the_layouts_is_expected() -> None:
    assert {path.name for path in DIRECTORY.iterdir()} == {*LAYOUTS, "expected.toml"}
    assert len(LAYOUTS) >= 40
