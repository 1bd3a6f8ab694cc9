"""Columns, labels and ids out of files."""

import csv
import json
import struct
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha1
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.transaction_files import (
    GOOD,
    GOOD_JSON,
    HEADER,
    amounts,
    column,
    layout,
    lines,
    read,
    reader,
    written,
)
from tools.transaction_files.profile import Profile
from tools.transaction_files.profile_file import load_profile
from tools.transaction_files.row_reader import BLOCK

HANDBOOK = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO\n"
PAYSIM = (
    "step,type,amount,nameOrig,oldbalanceOrg,newbalanceOrig,nameDest,oldbalanceDest,newbalanceDest,isFraud,"
    "isFlaggedFraud\n"
)


def test_the_handbooks_layout(tmp_path: Path) -> None:
    path = written(
        tmp_path / "x.csv",
        HANDBOOK + "0,2018-04-01 00:00:31,596,3156,57.16,0,0\n1,2018-04-01 00:02:10,4961,596,81.5,1,2\n",
    )
    (block,), errors = read(path, load_profile("handbook"))
    assert errors == []
    columns = {name: values.tolist() for name, values in block.columns.items() if name != "id"}
    assert columns == {
        "source": [b"C596", b"C4961"],
        "target": [b"T3156", b"T596"],
        "amount": [5716, 8150],
        "currency": [b"EUR", b"EUR"],
        "created_at": [1_522_540_831_000, 1_522_540_930_000],
    }
    assert block.labelled.tolist() == [True, True]
    assert block.fraud.tolist() == [False, True]
    assert block.scenario.tolist() == [b"", b"terminal-compromised"]
    assert block.incident.tolist() == [b"", b""]


def test_paysims_layout(tmp_path: Path) -> None:
    rows = "1,PAYMENT,9839.64,C1231006815,170136.0,160296.36,M1979787155,0.0,0.0,0,0\n"
    rows += "743,TRANSFER,6311409.28,C1529008245,6311409.28,0.0,C1881841831,0.0,0.0,1,0\n"
    (block,), errors = read(written(tmp_path / "x.csv", PAYSIM + rows), load_profile("paysim"))
    assert errors == []
    assert block.columns["source"].tolist() == [b"C1231006815", b"C1529008245"]
    assert block.columns["target"].tolist() == [b"M1979787155", b"C1881841831"]
    assert block.columns["amount"].tolist() == [983_964, 631_140_928]
    start = datetime(2017, 1, 1, tzinfo=UTC)
    assert [datetime.fromtimestamp(ms / 1000, UTC) - start for ms in block.columns["created_at"].tolist()] == [
        timedelta(hours=1),
        timedelta(hours=743),
    ]
    assert block.fraud.tolist() == [False, True]


def test_columns_are_of_the_types_that_the_codec_delivers(tmp_path: Path) -> None:
    (block,), _ = read(written(tmp_path / "x.csv", HEADER + GOOD))
    assert {name: values.dtype.str for name, values in block.columns.items()} == {
        "id": "|S36", "source": "|S2", "target": "|S2", "amount": "<i8", "currency": "|S3", "created_at": "<i8",
    }  # fmt: skip
    assert (len(block), block.lines.dtype, block.fraud.dtype) == (1, np.int64, np.bool_)


def test_what_scripts_tail_prints_is_read_without_a_layout(tmp_path: Path) -> None:
    identifier = str(uuid.uuid4())
    path = written(tmp_path / "x.jsonl", GOOD_JSON.replace(b"{", b'{"id": "%b", "more": [], ' % identifier.encode(), 1))
    blocks, errors = read(path)
    assert (column(blocks, "id"), amounts(blocks), errors) == ([identifier.encode()], [1234], [])


def test_a_file_without_labels_has_none(tmp_path: Path) -> None:
    (block,), _ = read(written(tmp_path / "x.csv", HEADER + GOOD))
    assert (block.labelled.tolist(), block.fraud.tolist()) == ([False], [False])
    assert (block.scenario.tolist(), block.incident.tolist()) == ([b""], [b""])


def test_a_scenario_alone_marks_fraud(tmp_path: Path) -> None:
    rows = "".join(GOOD.replace("\n", end) for end in (",fan-in,7\n", ",,\n", ",0,\n", ",,8\n"))
    path = written(tmp_path / "x.csv", HEADER.replace("\n", ",scenario,incident\n") + rows)
    (block,), _ = read(path)
    assert block.labelled.tolist() == [True] * 4
    assert block.fraud.tolist() == [True, False, False, True]
    assert block.scenario.tolist() == [b"fan-in", b"", b"", b""]
    (block,), _ = read(path, layout(constants={"fraud": "no"}))
    assert (block.fraud.any(), block.scenario.tolist(), block.incident.tolist()) == (False, [b""] * 4, [b""] * 4)


def test_json_lines_may_know_the_truth_about_some_transactions_only(tmp_path: Path) -> None:
    more = b'"fraud": true, "scenario": "fan-in", ', b'"fraud": false, ', b"", b'"fraud": null, ', b'"scenario": "x", '
    path = written(tmp_path / "x.jsonl", b"".join(GOOD_JSON.replace(b"{", b"{" + member) for member in more))
    (block,), errors = read(path)
    assert errors == []
    assert block.labelled.tolist() == [True, True, False, False, True]
    assert block.fraud.tolist() == [True, False, False, False, True]
    assert block.scenario.tolist() == [b"fan-in", b"", b"", b"", b"x"]
    (mapped,), errors = read(path, layout(columns={"fraud": "fraud"}))
    assert (errors, mapped.labelled.tolist()) == ([], block.labelled.tolist())


def test_ids_are_stable_and_differ_by_row_name_and_time(tmp_path: Path) -> None:
    def ids(directory: str, name: str, content: str, profile: Profile | None = None, rows: int = BLOCK) -> list[bytes]:
        (tmp_path / directory).mkdir(exist_ok=True)
        return column(read(written(tmp_path / directory / name, content), profile, rows)[0], "id")

    content = HEADER + GOOD * 5
    first = ids("a", "x.csv", content)
    assert len(set(first)) == 5
    assert all(uuid.UUID(identifier.decode()).version == 5 for identifier in first)
    assert all(uuid.UUID(identifier.decode()).variant == uuid.RFC_4122 for identifier in first)
    assert ids("b", "x.csv", content, rows=2) == first
    assert not set(first) & set(ids("a", "y.csv", content))
    assert not set(first) & set(ids("b", "x.csv", content.replace("12.34", "12.35")))
    assert not set(first) & set(ids("b", "x.csv", content, layout(constants={"currency": "USD"})))
    file = uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_OID, "payments.Transaction in a file"), "x.csv")
    row = struct.pack(">q34s34sq3sq", 2, b"C1", b"S2", 1234, b"EUR", 1_522_540_831_000)
    assert uuid.UUID(bytes=sha1(file.bytes + row).digest()[:16], version=5) == uuid.UUID(first[0].decode())


def test_an_id_column_is_used_and_rows_of_json_without_one_get_one(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "number," + HEADER + f"7,{GOOD}8,{GOOD}")
    mapped = column(read(path, layout(columns={"id": "number"}))[0], "id")
    assert len(set(mapped)) == 2
    assert mapped == column(
        read(written(tmp_path / "y.csv", path.read_bytes()), layout(columns={"id": "number"}))[0], "id"
    )
    path = written(tmp_path / "x.jsonl", GOOD_JSON.replace(b"{", b'{"id": 7, ') + GOOD_JSON)
    ids = column(read(path)[0], "id")
    assert ids[0] == mapped[0] != ids[1]


def test_files_are_read_one_after_the_other_and_say_how_far_they_are(tmp_path: Path) -> None:
    first = written(tmp_path / "1.csv", HEADER + GOOD * 5)
    second = written(tmp_path / "2.jsonl", GOOD_JSON * 3)
    blocks = list(reader(first, None, second).blocks(2))
    assert [(block.file, len(block)) for block in blocks if len(block)] == [(0, 2), (0, 2), (0, 1), (1, 2), (1, 1)]
    shares = [block.read for block in blocks]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert [block.read for block in blocks if block.file == 0][-1] == 0.5


def test_a_byte_order_mark_tabs_other_delimiters_and_windows_line_ends(tmp_path: Path) -> None:
    for name, content, profile in [
        ("bom.csv", "\ufeff" + HEADER + GOOD, layout()),
        ("tabs.tsv", (HEADER + GOOD).replace(",", "\t"), layout()),
        ("semicolons.csv", (HEADER + GOOD).replace(",", ";"), layout(delimiter=";")),
        ("windows.csv", (HEADER + GOOD).replace("\n", "\r\n"), layout()),
        ("no-end.csv", (HEADER + GOOD).rstrip("\n"), layout()),
        ("quoted.csv", HEADER + ",".join(f'"{cell}"' for cell in GOOD.strip().split(",")) + "\n", layout()),
        ("unnamed", HEADER + GOOD, layout(format="csv")),
    ]:
        blocks, errors = read(written(tmp_path / name, content), profile)
        assert (amounts(blocks), lines(blocks), errors) == ([1234], [2], []), name
    blocks, errors = read(written(tmp_path / "bom.jsonl", b"\xef\xbb\xbf" + GOOD_JSON))
    assert (amounts(blocks), errors) == ([1234], [])


def test_a_header_alone_has_no_transactions(tmp_path: Path) -> None:
    blocks, errors = read(written(tmp_path / "x.csv", HEADER))
    assert (sum(map(len, blocks)), errors) == (0, [])


def test_what_comes_before_a_line(tmp_path: Path) -> None:
    bad = GOOD.replace("12.34", "x")
    (block,), errors = read(written(tmp_path / "x.csv", HEADER + GOOD + bad + GOOD + bad + GOOD))
    part = block.before(errors[1].line)
    assert (part.lines.tolist(), [error.line for error in part.errors]) == ([2, 4], [3])
    assert {name: len(values) for name, values in part.columns.items()} == dict.fromkeys(block.columns, 2)
    assert len(part.fraud) == len(part.labelled) == len(part.scenario) == len(part.incident) == 2


ROWS = st.lists(
    st.tuples(
        st.text("0123456789abcXYZ", min_size=1, max_size=14),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=14),
        st.decimals(0, Decimal("9999999999.99"), places=2),
        st.sampled_from(["EUR", "USD"]),
        st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
        st.booleans(),
    ),
    max_size=30,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, size=st.integers(1, 20))
def test_csv_json_lines_and_parquet_say_the_same(tmp_path: Path, rows: list[tuple[Any, ...]], size: int) -> None:
    names = ["source", "target", "amount", "currency", "created_at", "fraud"]
    csv_file, json_file, parquet_file = (tmp_path / f"x.{ending}" for ending in ("csv", "jsonl", "parquet"))
    with csv_file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerows([names, *rows])
    json_file.write_text(
        "".join(
            json.dumps(dict(zip(names, (*row[:2], f"{row[2]:f}", *row[3:]), strict=True)), default=str) + "\n"
            for row in rows
        )
    )
    types = [pa.string(), pa.string(), pa.decimal128(12, 2), pa.string(),
             pa.timestamp("us"), pa.bool_()]  # fmt: skip
    columns = list(zip(*rows, strict=True)) or [[]] * len(names)
    pq.write_table(
        pa.table([pa.array(column_values, kind) for column_values, kind in zip(columns, types, strict=True)], names),
        parquet_file,
    )

    epoch = datetime(1970, 1, 1)
    for path in (csv_file, json_file, parquet_file):
        blocks, errors = read(path, rows=size)
        assert errors == []
        assert amounts(blocks) == [int(row[2] * 100) for row in rows]
        assert column(blocks, "created_at") == [(row[4] - epoch) // timedelta(milliseconds=1) for row in rows]
        assert column(blocks, "currency") == [row[3].encode() for row in rows]
        assert [bool(label) for block in blocks for label in block.fraud] == [row[5] for row in rows]
        assert [column(blocks, "source"), column(blocks, "target")] == [
            [value for block in read(csv_file)[0] for value in block.columns[name].tolist()]
            for name in ("source", "target")
        ]
