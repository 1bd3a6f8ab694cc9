"""Types of Parquet that can be read, and the errors for the others."""

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.errors import UsageError
from tests.support.transaction_files import amounts, column, layout, read, reader, written
from tools.transaction_files.rows import UnreadableFile


def parquet(path: Path, **columns: Any) -> Path:
    given_columns = {
        "source": ["C1"], "target": ["S2"], "amount": [12.34], "currency": ["EUR"],
        "created_at": [datetime(2018, 4, 1, tzinfo=UTC)],
    } | columns  # fmt: skip
    pq.write_table(pa.table(given_columns), path)
    return path


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("amount", pa.array([12.34], pa.float32()), 1234),
        ("amount", pa.array([1e7]), 1_000_000_000),
        ("amount", pa.array([0.1 + 0.2]), 30),
        ("amount", pa.array([12], pa.int8()), 1200),
        ("amount", pa.array([Decimal("12.340")], pa.decimal128(9, 3)), 1234),
        ("amount", pa.array(["12.34"]).dictionary_encode(), 1234),
        ("source", pa.array([7], pa.uint64()), b"7"),
        ("source", pa.array([b"C7"], pa.binary()), b"C7"),
        ("created_at", pa.array([date(2018, 4, 1)]), 1_522_540_800_000),
        ("created_at", pa.array([1_522_540_800_123_456_789], pa.timestamp("ns", "Europe/Berlin")), 1_522_540_800_123),
        ("created_at", pa.array([1_522_540_800], pa.timestamp("s")), 1_522_540_800_000),
        ("created_at", pa.array(["2018-04-01T02:00:00+02:00"], pa.large_string()), 1_522_540_800_000),
    ],
)
def test_types_of_parquet(tmp_path: Path, name: str, values: Any, expected: Any) -> None:
    blocks, errors = read(parquet(tmp_path / "x.parquet", **{name: values}))
    assert (errors, column(blocks, name)) == ([], [expected])


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("amount", pa.array([None], pa.float64()), "amount: there is none"),
        ("amount", pa.array([float("nan")]), "amount 'nan': expected an amount such as 1234.56"),
        ("amount", pa.array([float("inf")]), "amount 'inf': expected an amount"),
        ("amount", pa.array([0.125]), "amount '0.125': expected at most 2 digits after the point"),
        ("amount", pa.array([-1]), "amount '-1': expected 0 or more"),
        ("amount", pa.array([True]), "amount 'true': expected an amount"),
        ("source", pa.array([b"caf\xe9"], pa.binary()), r"source 'caf\udce9': expected text in UTF-8"),
        ("created_at", pa.array([1_522_540_800]), "created_at '1522540800': expected a time"),
    ],
)
def test_rows_of_parquet_that_do_not_fit(tmp_path: Path, name: str, values: Any, expected: str) -> None:
    path = parquet(tmp_path / "x.parquet", **{name: values})
    (block,), errors = read(path)
    assert len(block) == 0
    assert str(errors[0]).startswith(f"{path}:1: {expected}")


def test_parquet_that_is_of_no_use_is_refused(tmp_path: Path) -> None:
    for values, kind in [([[1]], "list<"), ([{"value": 1}], "struct<"), (pa.array([None]), "null"),
                         (pa.array([1], pa.time32("s")), "time32")]:  # fmt: skip
        with pytest.raises(UsageError, match=f"column 'amount' holds {kind}.*: expected texts, numbers or times"):
            reader(parquet(tmp_path / "x.parquet", amount=values))
    with pytest.raises(UsageError, match="no column 'when'"):
        reader(tmp_path / "x.parquet", layout(columns={"created_at": "when"}))
    table = pa.table([["C1"], ["C1"]], ["source", "source"])
    pq.write_table(table, tmp_path / "y.parquet")
    profile = layout(columns=dict.fromkeys(["target", "amount", "created_at", "currency"], "source"))
    with pytest.raises(UsageError, match="2 columns are called 'source'"):
        reader(tmp_path / "y.parquet", profile)
    with pytest.raises(UsageError, match="several columns are called 'source': rename one"):
        reader(tmp_path / "y.parquet", layout(columns=dict.fromkeys(profile.fields, "@1") | {"source": "@2"}))
    with pytest.raises(UsageError, match="not a Parquet file that can be read"):
        reader(written(tmp_path / "z.parquet", b"PAR1 no PAR1"))


def test_parquet_that_breaks_off_says_from_which_row_on(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    count = 1000
    table = pa.table({"source": [f"{i}" for i in range(count)], "target": ["S"] * count, "amount": range(count),
                      "currency": ["EUR"] * count, "created_at": ["2018-04-01"] * count})  # fmt: skip
    pq.write_table(table, path, row_group_size=500, compression="zstd", use_dictionary=False)
    content = bytearray(path.read_bytes())
    place = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content[place : place + 200] = bytes(200)
    path.write_bytes(content)
    read_blocks = []
    with pytest.raises(UnreadableFile, match="x.parquet:501: rows 501 to 1000 can't be read"):
        read_blocks.extend(reader(path).blocks(500))
    assert amounts(read_blocks) == [100 * i for i in range(500)]


def test_parquet_without_pyarrow_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path / "x.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="scripts/install --parquet"):
        reader(path)
