"""Encodings, packing, delimiters, headers, JSON documents and conditions."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from services.errors import UsageError
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
from tools.transaction_files.csv_file import detect_delimiter
from tools.transaction_files.encodings import detect_encoding
from tools.transaction_files.options import expanded
from tools.transaction_files.profile import Profile
from tools.transaction_files.rows import UnreadableFile
from tools.transaction_files.where import parse_where

CSV = (HEADER + GOOD).encode()


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_csv", ".csv"), content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "description"),
    [
        ("x.csv.gz", gzip.compress(CSV, mtime=0), "CSV, gzip, UTF-8, commas between cells"),
        ("x.csv", bz2.compress(CSV), "CSV, bzip2, UTF-8, commas between cells"),
        ("x.csv.xz", lzma.compress(CSV), "CSV, xz, UTF-8, commas between cells"),
        ("x.csv.zip", zipped(x_csv=CSV), "CSV, zip, UTF-8, commas between cells"),
        ("x.csv.zst", pa.compress(CSV, "zstd", asbytes=True), "CSV, zstd, UTF-8, commas between cells"),
        ("x.jsonl.gz", gzip.compress(GOOD_JSON, mtime=0), "JSON lines, gzip"),
        ("x.csv", CSV.decode().encode("utf-16"), "CSV, UTF-16, commas between cells"),
        ("x.csv", CSV.decode().encode("utf-16-le"), "CSV, UTF-16-LE, commas between cells"),
        ("x.csv", CSV.decode().encode("utf-32"), "CSV, UTF-32, commas between cells"),
        ("x.csv", CSV.replace(b",", b"|"), "CSV, UTF-8, bars between cells"),
    ],
)
def test_what_a_file_is_is_found_out(tmp_path: Path, name: str, content: bytes, description: str) -> None:
    path = written(tmp_path / name, content)
    blocks, errors = read(path)
    assert (amounts(blocks), errors) == ([1234], [])
    assert [file.description for _, file in reader(path).files] == [description]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"plain", "utf-8"),
        ("Zürich €".encode(), "utf-8"),
        ("Zürich".encode()[:2], "utf-8"),  # the sample ends within a character
        ("Müller und Söhne".encode("cp1252"), "cp1252"),
        ("Müller und Söhne, Größe".encode("cp850"), "cp850"),
        ("Zürich Ünal".encode() + b" caf\xe9", "utf-8"),  # one broken row of many
        (b"\xef\xbb\xbfx", "utf-8-sig"),
    ],
)
def test_encodings_are_told_apart(content: bytes, expected: str) -> None:
    assert detect_encoding(Path("x"), content) == expected


def test_an_encoding_that_can_not_be_told_is_asked_for_with_its_readings() -> None:
    for text, name in (("Иван Петров", "cp1251"), ("三菱銀行", "shift_jis"), ("国民銀行", "gb18030")):
        with pytest.raises(UsageError, match="say which encoding it is: --encoding") as caught:
            detect_encoding(Path("x.csv"), text.encode(name))
        assert f"--encoding {name} reads" in str(caught.value)


def test_broken_packing_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(CSV * 2000)
    path = written(tmp_path / "x.csv.gz", whole[: len(whole) - 20])
    with pytest.raises((UsageError, UnreadableFile), match="x.csv.gz: can't be"):
        read(path)
    with pytest.raises(UsageError, match="2 files in it; unpack it"):
        reader(written(tmp_path / "x.csv.zip", zipped(a_csv=CSV, b_csv=CSV)))
    with pytest.raises(UsageError, match="not a zip archive"):
        reader(written(tmp_path / "y.csv.zip", b"PK\x03\x04broken"))
    workbook = written(tmp_path / "x.xlsx", zipped(**{"[Content_Types].xml": b""}))
    with pytest.raises(UsageError, match="an Excel workbook; save the sheet as CSV"):
        reader(workbook, Profile(format="csv"))


def test_a_text_that_breaks_off_within_its_encoding_is_named(tmp_path: Path) -> None:
    content = (HEADER + GOOD * 3).encode("utf-16")
    path = written(tmp_path / "x.csv", content[:-1])
    with pytest.raises(UnreadableFile, match="x.csv:.*not utf-16.*--encoding"):
        read(path)


@pytest.mark.parametrize(
    ("text", "skip", "expected"),
    [
        ("a;b\n1;2\n", 0, ";"), ("a,b\n1;5,2;5\n", 0, ","), ("a\tb\n1\t2\n", 0, "\t"), ("a\n1\n", 0, ","), ("", 0, ","),
        ("x,y,z\na;b\n1;2\n", 1, ";"), ('a;b\n"x;y";2\n', 0, ";"),
    ],
)  # fmt: skip
def test_delimiters_are_found_out(text: str, skip: int, expected: str) -> None:
    assert detect_delimiter(text, skip) == expected


def test_lines_before_the_header_count_in_line_numbers(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "Account;42\n\n" + HEADER + GOOD + GOOD.replace("12.34", "x"))
    blocks, errors = read(path, Profile(skip=2, delimiter=","))
    assert (lines(blocks), [error.line for error in errors]) == ([4], [5])


def test_a_row_may_have_an_empty_cell_more_and_a_header_again_is_none(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", HEADER + GOOD.replace("\n", ",,\n") + HEADER + GOOD)
    blocks, errors = read(path)
    assert (lines(blocks), errors, sum(block.left_out for block in blocks)) == ([2, 4], [], 1)


def test_columns_by_place_and_number(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "Account,Account,Amount ,currency,,created_at\na,b,1.00,EUR,z,2026-01-05\n")
    for source, target in (("Account#1", "Account#2"), ("@1", "@2"), ("Account", "Account.1"), ("Account", "@2")):
        (block,), errors = read(path, layout({"source": source, "target": target}))
        assert (errors, block.columns["source"].tolist(), block.columns["target"].tolist()) == ([], [b"a"], [b"b"])
    (block,), _ = read(path, layout({"source": "@5", "target": "Account#2"}))
    assert block.columns["source"].tolist() == [b"z"]
    with pytest.raises(UsageError, match="2 columns are called 'Account': say Account#1 or Account#2"):
        reader(path, layout({"source": "Account", "target": "@5"}))


def test_joined_columns_and_columns_with_a_plus(tmp_path: Path) -> None:
    path = written(
        tmp_path / "x.csv", "Bank,Account,A+B,target,amount,currency,created_at\n10,7,x,t,1,EUR,2026-01-05\n"
    )
    assert column(read(path, layout({"source": "Bank+Account"}))[0], "source") == [b"10-7"]
    assert column(read(path, layout({"source": "A+B"}))[0], "source") == [b"x"]
    with pytest.raises(UsageError, match="no column 'Bank\\+Nowhere'"):
        reader(path, layout({"source": "Bank+Nowhere"}))


@pytest.mark.parametrize(
    ("document", "records"),
    [
        ([json.loads(GOOD_JSON)], ""),
        ({"data": [json.loads(GOOD_JSON)], "more": False}, ""),
        ({"a": {"b": [json.loads(GOOD_JSON)]}, "c": [{}]}, "a.b"),
        (json.loads(GOOD_JSON), ""),
    ],
)
def test_json_documents(tmp_path: Path, document: object, records: str) -> None:
    path = written(tmp_path / "x.json", json.dumps(document, indent=2))
    blocks, errors = read(path, Profile(records=records))
    assert (amounts(blocks), errors) == ([1234], [])


@pytest.mark.parametrize(
    ("content", "records", "expected"),
    [
        ('[{"a": 1},', "", "not a JSON document"),
        ('{\n"a": [{}], "b": [{}]}', "", "--records PATH has to name an array of objects; there are a, b"),
        ('{\n"a": 1}', "a", "--records PATH has to name an array"),
    ],
)
def test_json_documents_of_no_use(tmp_path: Path, content: str, records: str, expected: str) -> None:
    with pytest.raises(UnreadableFile, match=expected):
        read(written(tmp_path / "x.json", content), Profile(records=records))


def test_paths_into_records(tmp_path: Path) -> None:
    record = {"a.b": "x", "t": {"id": [{"n": "y"}]}, "amount": "1", "currency": "EUR", "created_at": "2026-01-05"}
    path = written(tmp_path / "x.jsonl", json.dumps(record) + "\n" + json.dumps(record | {"t": 3}) + "\n")
    (block,), errors = read(path, layout({"source": "a.b", "target": "t.id[0].n"}))
    assert (block.columns["source"].tolist(), block.columns["target"].tolist()) == ([b"x"], [b"y"])
    assert [str(error) for error in errors] == [f"{path}:2: t.id[0].n: there is none"]


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("State == 'DONE'", {"State": "DONE"}, True),
        ("State != 'DONE'", {"State": "DONE"}, False),
        ("`Fee in` > 0.5 and not State in ['A', 'B']", {"Fee in": "1", "State": "C"}, True),
        ("`Fee in` > -1 or State == 'x'", {"Fee in": "none", "State": "y"}, False),
        ("State not in ('A', 'B')", {"State": "A"}, False),
        ("Text == 'it is `quoted`'", {"Text": "it is `quoted`"}, True),
        ("Code in [1, 2]", {"Code": "2"}, True),
    ],
)
def test_conditions(text: str, row: dict[str, str], expected: bool) -> None:
    where = parse_where(text)
    assert set(where.columns) <= set(row)
    assert where.mask({name: [cell] for name, cell in row.items()}) == [expected]


@pytest.mark.parametrize(
    "text",
    ["", "State", "State = 1", "1 == State", "State == other", "State is 'x'", "f(x) == 1", "a < b < c", "x == True",
     "__import__('os').system('x') == 1", "State in 'DONE'", "(" * 300],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a condition on columns"):
        parse_where(text)


def test_patterns_and_directories_are_expanded(tmp_path: Path) -> None:
    second, first = (written(tmp_path / name, CSV) for name in ("b.csv", "a.csv"))
    written(tmp_path / "note.md", b"x")
    written(tmp_path / "days.pkl", b"\x80\x04")
    assert expanded([tmp_path / "*.csv"]) == expanded([tmp_path]) == [first, second]
    assert expanded([second, first]) == [second, first]
    for path, expected in (
        (tmp_path / "*.tsv", "no file of such a name"),
        (tmp_path / "none", "none: not a file, and no"),
    ):
        (tmp_path / "none").mkdir(exist_ok=True)
        with pytest.raises(UsageError, match=expected):
            expanded([path])
