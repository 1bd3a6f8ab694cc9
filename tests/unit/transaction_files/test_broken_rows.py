"""Each kind of row that doesn't fit is named with its file and line and what was expected; the others are read."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import UsageError
from tests.support.transaction_files import GOOD, GOOD_JSON, HEADER, amounts, layout, lines, read, reader
from tools.transaction_files.profile import Profile

CELLS = {"source": "C1", "target": "S2", "amount": "12.34", "currency": "EUR", "created_at": "2018-04-01T00:00:31Z"}


def row(**cells: str) -> bytes:
    return ",".join((CELLS | cells).values()).encode() + b"\n"


BROKEN_CSV = {
    "a cell too few": (b"C1,S2,12.34,EUR\n", "4 cells: expected 5, one for each column of the header"),
    "a cell too many": (b"C1,S2,12.34,EUR,2018-04-01,x\n", "6 cells: expected 5"),
    "a comma in the amount": (b"C1,S2,12,34,EUR,2018-04-01\n", "6 cells: expected 5"),
    "no amount": (row(amount=""), "amount '': expected an amount such as 1234.56"),
    "an amount that is none": (row(amount="twelve"), "amount 'twelve': expected an amount such as 1234.56"),
    "an amount with a word": (row(amount="about 12"), "amount 'about 12': expected an amount such as 1234.56"),
    "an amount that is not a number": (row(amount="NaN"), "amount 'NaN': expected an amount such as 1234.56"),
    "an infinite amount": (row(amount="-inf"), "amount '-inf': expected an amount such as 1234.56"),
    "too many decimals": (row(amount="12.345"), "amount '12.345': expected at most 2 digits after the point"),
    "a negative amount": (row(amount="-12.34"), "amount '-12.34': expected 0 or more"),
    "too large an amount": (row(amount="10000000000.00"), "amount '10000000000.00': expected at most 9999999999.99"),
    "no time": (row(created_at=""), "created_at '': expected a time by ISO 8601 such as 2018-04-01T12:00:31Z"),
    "a day that there is not": (row(created_at="2018-02-30"), "created_at '2018-02-30': expected a time by ISO 8601"),
    "a time that is a number": (
        row(created_at="1522540831"),
        "created_at '1522540831': expected a time .* --time epoch",
    ),
    "no currency": (row(currency=" "), "currency ' ': expected a currency by ISO 4217 such as EUR"),
    "no currency in use": (row(currency="XXQ"), "currency 'XXQ': expected a currency by ISO 4217"),
    "a currency's sign": (row(currency="$"), "currency '\\$': expected a currency by ISO 4217.*is it USD"),
    "nobody who pays": (row(source=""), "source '': expected an account"),
    "nobody who receives: no key": (row(target="  "), "target '  ': expected an account"),
    "an account that is not UTF-8": (
        b"caf\xe9,S2,12.34,EUR,2018-04-01\n",
        r"source 'caf\\udce9': expected text in UTF-8",
    ),
    "an amount that is not UTF-8": (b"C1,S2,12\xff,EUR,2018-04-01\n", r"amount '12\\udcff': expected text in UTF-8"),
    "text after a closing quotation mark": (b'"C1"x,S2,12.34,EUR,2018-04-01\n', "broken CSV: ',' expected after '\"'"),
    "a very long account": (row(source="x" * 140_000), "broken CSV: field larger than field limit"),
    "all of it": (row(amount="x", currency="y", created_at="z"), "currency 'y': .*; created_at 'z': .*; amount 'x': "),
    "a very long cell": (row(amount="9" * 200), "amount '9{60}[.]{3}': expected at most"),
}


@pytest.mark.parametrize("kind", BROKEN_CSV)
def test_in_csv(tmp_path: Path, kind: str) -> None:
    line, expected = BROKEN_CSV[kind]
    path = tmp_path / "rows.csv"
    path.write_bytes(HEADER.encode() + GOOD.encode() + line + GOOD.encode())
    blocks, errors = read(path, Profile(encoding="utf-8", delimiter=","))
    assert [error.line for error in errors] == [3]
    assert str(errors[0]).startswith(f"{path}:3: ")
    assert re.search(expected, str(errors[0])), str(errors[0])
    assert lines(blocks) == [2, 4]
    assert amounts(blocks) == [1234, 1234]


def test_an_unclosed_quotation_mark_takes_all_further_lines_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + GOOD + '"C1,S2,12.34,EUR,2018-04-01\n' + GOOD * 3)
    blocks, errors = read(path)
    assert amounts(blocks) == [1234]
    assert [str(error) for error in errors] == [
        f"{path}:3: broken CSV: unexpected end of data (the row goes on to line 6); is a quotation mark missing?"
    ]


def test_after_rows_over_several_lines_the_line_is_still_right(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(
        HEADER.encode() + b'"C\n1",S2,1.00,EUR,2018-04-01\n\n"C\r\n2",S2,2.00,EUR,2018-04-01\r\n'
        b"C3,S2,x,EUR,2018-04-01\n" + GOOD.encode() + b'"C\r3","\n\n",3.00,EUR,2018-04-01\n'
    )  # fmt: skip
    blocks, errors = read(path)
    assert lines(blocks) == [2, 5, 8]
    assert [error.line for error in errors] == [7, 9]


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
def test_it_does_not_matter_where_blocks_end(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "rows.csv"
    bad = b"C1,S2,12.34,EUR\n", row(amount="x"), b'"C1"x,S2,1,EUR,2018-04-01\n', b"\n"
    path.write_bytes(HEADER.encode() + b"".join(GOOD.encode() + line + row(source='"a\nb"') for line in bad))
    blocks, errors = read(path, rows=rows)
    assert lines(blocks) == [2, 4, 6, 8, 10, 12, 14, 16]
    assert [error.line for error in errors] == [3, 7, 11]


BROKEN_JSON = {
    "no JSON": (b"{amount: 1}\n", "not JSON: .* at column 2; expected an object in one line"),
    "an object that goes on in the next line": (b'{"source":\n', "not JSON: "),
    "an array": (b"[1, 2]\n", "an array: expected an object in each line"),
    "a number": (b"12\n", "a number: expected an object"),
    "a text": (b'"x"\n', "a text: expected an object"),
    "nothing": (b"null\n", "null: expected an object"),
    "two objects": (b"{} {}\n", "not JSON: Extra data at column 4"),
    "bytes that are not UTF-8": (b'{"source": "\xff"}\n', "not UTF-8: byte 0xff at column 13"),
    "nested too deep": (b"[" * 100_000 + b"\n", "not a JSON object that can be used"),
    "a key twice": (GOOD_JSON.replace(b'"EUR",', b'"EUR", "amount": 1,'), "the key 'amount' is there twice"),
    "a field that is not there": (GOOD_JSON.replace(b"amount", b"sum"), "amount: there is none"),
    "a field that is null": (GOOD_JSON.replace(b"12.34", b"null"), "amount: there is none"),
    "an amount that is an object": (
        GOOD_JSON.replace(b"12.34", b'{"value": 1}'),
        "amount: an object: expected a text or a",
    ),
    "an account that is an array": (GOOD_JSON.replace(b'"C1"', b"[]"), "source: an array: expected a text or a number"),
    "an amount that is a truth value": (
        GOOD_JSON.replace(b"12.34", b"true"),
        "amount 'true': expected an amount such as",
    ),
    "an amount that is not a number": (GOOD_JSON.replace(b"12.34", b"NaN"), "amount 'NaN': expected an amount such as"),
    "an infinite amount": (GOOD_JSON.replace(b"12.34", b"-Infinity"), "amount '-Infinity': expected an amount"),
    "too many decimals": (
        GOOD_JSON.replace(b"12.34", b"12.3401"),
        "amount '12.3401': expected at most 2",
    ),
    "too large an amount": (GOOD_JSON.replace(b"12.34", b"1e400"), "amount '1e400': expected at most 9999999999.99"),
    "half a character": (GOOD_JSON.replace(b"C1", b"\\ud800"), r"source '\\ud800': expected text in UTF-8"),
}


@pytest.mark.parametrize("kind", BROKEN_JSON)
def test_in_json_lines(tmp_path: Path, kind: str) -> None:
    line, expected = BROKEN_JSON[kind]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(GOOD_JSON + b"\n" + line + GOOD_JSON)
    blocks, errors = read(path, Profile(encoding="utf-8"))
    assert [error.line for error in errors] == [3]
    assert re.search(f"rows.jsonl:3: .*{expected}", str(errors[0])), str(errors[0])
    assert lines(blocks) == [1, 4]
    assert amounts(blocks) == [1234, 1234]


USELESS = {
    "nothing": (b"", "rows.csv:1: empty: expected a header"),
    "an empty line": (b"\n" + HEADER.encode(), "rows.csv:1: an empty line: expected a header"),
    "no column of that name": (
        HEADER.replace("amount", "amonut").encode(),
        r"no column 'amount' \(or is it 'amonut'\?\): say",
    ),
    "no header": (GOOD.encode(), "no column 'currency': say which it is, --map currency=COLUMN, or --set currency=EUR"),
    "a column twice": (
        HEADER.replace("source", "amount,source").encode() + GOOD.encode(),
        "2 columns are called 'amount'",
    ),
    "another delimiter": (HEADER.replace(",", "/").encode(), "there are source/target/amount/currency/created_at"),
    "an unknown encoding": ("счёт,сумма\n".encode("cp1251"), "--encoding cp1251 reads 'сумма'"),
    "broken packing": (b"\x1f\x8b\x08\x00broken", "can't be unpacked"),
    "a pickle": (b"\x80\x04\x95", "a pickle, .*pandas.read_pickle"),
    "an old workbook": (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV"),
    "a PDF": (b"%PDF-1.7", "ask the bank for CSV"),
    "a broken header": (b'"source"x,target\n', "not a header in CSV: ',' expected after '\"'"),
}


@pytest.mark.parametrize("kind", USELESS)
def test_a_file_of_no_use_is_refused_before_anything_is_read(tmp_path: Path, kind: str) -> None:
    content, expected = USELESS[kind]
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=expected):
        reader(path)


def test_a_file_that_is_not_there_or_of_unknown_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.xlsx").write_bytes(b"PK")
    (tmp_path / "rows").write_bytes(b"")
    for name, expected in [
        ("none.csv", "no such file"),
        (".", "not a file"),
        ("rows.xlsx", ".xlsx says no format; add --format"),
        ("rows", "a name without an ending says no format"),
    ]:
        with pytest.raises(UsageError, match=expected):
            reader(tmp_path / name)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"columns": {"sauce": "x"}}, "no field sauce; there are id, source"),
        ({"constants": {"amount": "x"}}, "--set amount=x: expected an amount such as 1234.56"),
        ({"constants": {"currency": "Euro"}}, "--set currency=Euro: expected a currency by ISO 4217"),
        ({"constants": {"id": "1"}}, "id: a constant would make all transactions one"),
        ({"times": ("offset-h",)}, "--time offset-h counts from a start"),
        ({"encoding": "nowhere"}, "--encoding nowhere: there is none"),
        ({"where": "State = 1"}, "--where State = 1: expected a condition on columns"),
        ({"where": "State == 'x'"}, "no column 'State', which --where needs"),
        ({"columns": {"amount": "@9"}}, "no column '@9'"),
        ({"delimiter": ";;"}, "the delimiter is one character"),
        ({"columns": {"fraud": "is_fraud"}}, "no column 'is_fraud'"),
        ({"columns": {"id": "number"}}, "no column 'number'"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(tmp_path: Path, settings: dict[str, Any], expected: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + GOOD)
    with pytest.raises(UsageError, match=expected):
        reader(path, layout(**settings))


FUZZ = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from([GOOD.encode().strip(), GOOD_JSON.strip(), b'"', b"{"]))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=FUZZ, size=st.integers(1, 5))
def test_every_line_of_any_json_lines_file_is_read_or_named(tmp_path: Path, rows: list[bytes], size: int) -> None:
    path = tmp_path / "rows.jsonl"
    content = GOOD_JSON + b"\n".join(rows)
    path.write_bytes(content)
    blocks, errors = read(path, Profile(encoding="utf-8"), rows=size)
    numbers = sorted([*lines(blocks), *(error.line for error in errors)])
    assert numbers == [number for number, line in enumerate(content.split(b"\n"), 1) if line and not line.isspace()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=FUZZ, size=st.integers(1, 5))
def test_a_csv_file_is_read_the_same_way_for_every_block_size(tmp_path: Path, rows: list[bytes], size: int) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(HEADER.encode() + b"\n".join(rows))
    profile = Profile(encoding="utf-8", delimiter=",")
    blocks, errors = read(path, profile, rows=size)
    at_once, same_errors = read(path, profile)
    assert (lines(blocks), errors) == (lines(at_once), same_errors)
    if not any(b'"' in row or b"\r" in row or b"\n" in row for row in rows):
        good = [number for number, row in enumerate(rows, 2) if row == GOOD.encode().strip()]
        assert set(good) <= set(lines(blocks))
