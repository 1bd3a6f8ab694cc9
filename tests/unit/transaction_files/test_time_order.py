"""Rows out of order are noticed and sorted, in memory and in files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import UsageError
from tests.support.transaction_files import HEADER, column, layout, read, reader, written
from tools.transaction_files.blocks import Block
from tools.transaction_files.external_sort import ExternalSort
from tools.transaction_files.notes import notes_of
from tools.transaction_files.profile import Profile
from tools.transaction_files.row_reader import RowReader
from tools.transaction_files.time_order import Ordering, in_time_order, order_of

MINUTE = 60_000


def rows(*clocks: str, day: str = "2026-01-05") -> str:
    return HEADER + "".join(f"a,b,{number}.00,EUR,{day}T{clock}Z\n" for number, clock in enumerate(clocks))


def ordered(of: RowReader, ordering: Ordering = Ordering.SORT, size: int = 10) -> list[int]:
    """The numbers of the rows, by their amounts, in the order in which they are passed on."""
    blocks = list(in_time_order(of, order_of(of, MINUTE), ordering, size))
    shares = [block.read for block in blocks]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    return [amount // 100 for amount in column(blocks, "amount")]


def test_rows_within_the_lateness_stay_as_they_are(tmp_path: Path) -> None:
    of = reader(written(tmp_path / "x.csv", rows("10:00:00", "10:01:00", "10:00:00", "10:00:30")))
    order = order_of(of, MINUTE)
    assert (order.is_sorted, order.late, order.most_ms, str(order)) == (True, 0, MINUTE, "in the order of their times")
    assert ordered(of) == [0, 1, 2, 3]


def test_rows_out_of_order_are_named_and_sorted_stably(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", rows("10:00:00", "12:00:00", "10:00:00", "11:00:00", "11:00:00", "12:00:00"))
    of = reader(path)
    order = order_of(of, MINUTE)
    assert (order.late, order.first, order.most_ms) == (3, (path, 4), 120 * MINUTE)
    assert "3 of 6 rows are older than one before them" in str(order)
    assert "the first in x.csv:4, by up to 2 h" in str(order)
    for size in (1, 2, 10):
        assert ordered(of, size=size) == [0, 2, 3, 4, 1, 5]
    assert any("they were sorted" in note for note in notes_of(of, order, Ordering.SORT, 0))


def test_equal_times_are_turned_in_a_file_that_is_newest_first(tmp_path: Path) -> None:
    of = reader(written(tmp_path / "x.csv", rows("12:00:00", "11:00:00", "11:00:00", "10:00:00", "10:00:00")))
    assert str(order_of(of, MINUTE)) == "newest first"
    assert ordered(of) == [4, 3, 2, 1, 0]


def test_files_are_merged_by_time(tmp_path: Path) -> None:
    first = written(tmp_path / "1.csv", rows("10:00:00", "12:00:00"))
    second = written(tmp_path / "2.csv", rows("09:00:00", "11:00:00"))
    of = reader(first, None, second)
    assert ordered(of) == [0, 0, 1, 1]
    assert order_of(of, MINUTE).first == (second, 2)


def test_it_can_be_refused_or_left_so(tmp_path: Path) -> None:
    of = reader(written(tmp_path / "x.csv", rows("12:00:00", "10:00:00", "13:00:00", "11:00:00")))
    with pytest.raises(UsageError, match=r"x.csv:3: rows are not in the order .* leave out --no-sort"):
        ordered(of, Ordering.REFUSE)
    assert ordered(of, Ordering.KEEP) == [0, 1, 2, 3]
    assert any("late rows find no windows" in note for note in notes_of(of, order_of(of, MINUTE), Ordering.KEEP, 0))


def test_rows_that_do_not_fit_are_named_while_the_others_are_gathered(tmp_path: Path) -> None:
    content = rows("12:00:00", "10:00:00") + "a,b,x,EUR,2026-01-05\na,b,1.00,EUR,never\n"
    of = reader(written(tmp_path / "x.csv", content))
    blocks = list(in_time_order(of, order_of(of, MINUTE)))
    assert [error.line for block in blocks for error in block.errors] == [4, 5]
    assert [len(block) for block in blocks] == [0, 2]


@given(
    times=st.lists(st.lists(st.integers(0, 20), max_size=8), max_size=8),
    memory=st.integers(1, 30),
    size=st.integers(1, 10),
)
def test_sorting_in_files_is_sorting_in_memory(times: list[list[int]], memory: int, size: int) -> None:
    flat = [time for part in times for time in part]
    with ExternalSort(memory) as sort:
        start = 0
        for part in times:
            sort.add(_block(part, start))
            start += len(part)
        blocks = list(sort.blocks(size))
        if flat and memory < len(flat):
            assert sort.files
    assert all(0 < len(block) <= size for block in blocks)
    numbers = [line for block in blocks for line in block.lines.tolist()]
    assert numbers == sorted(range(len(flat)), key=lambda row: (flat[row], row))
    assert [ms for block in blocks for ms in block.columns["created_at"].tolist()] == sorted(flat)


def test_the_files_of_runs_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with ExternalSort(2) as sort:
        sort.add(_block([3, 1, 2], 0))
        sort.add(_block([0, 5], 3))
        assert sort.files == 2
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def _block(times: list[int], first: int) -> Block:
    count = len(times)
    texts = np.full(count, b"x")
    columns = {
        "id": texts, "source": texts, "target": texts, "currency": texts, "amount": np.zeros(count, np.int64),
        "created_at": np.array(times, np.int64),
    }  # fmt: skip
    flags = np.zeros(count, np.bool_)
    return Block(np.arange(first, first + count), columns, flags, flags, texts, texts, (), 0, 0.5)


def test_dates_without_a_time_of_day_are_remarked_with_the_column_that_has_it(tmp_path: Path) -> None:
    content = "source,target,amount,currency,Date,Time\na,b,1,EUR,2026-01-05,10:00\na,b,1,EUR,2026-01-06,11:00\n"
    of = reader(written(tmp_path / "x.csv", content), layout({"created_at": "Date"}))
    order = order_of(of, MINUTE)
    (note,) = notes_of(of, order, Ordering.SORT, 0)
    assert note.startswith("all times are at midnight: windows of minutes and hours mean nothing; ")
    assert note.endswith("is the time of day in 'Time'? then --map 'created_at=Date+Time'")
    joined = reader(tmp_path / "x.csv", layout({"created_at": "Date+Time"}))
    assert notes_of(joined, order_of(joined, MINUTE), Ordering.SORT, 0) == []


def test_what_was_put_right_is_remarked(tmp_path: Path) -> None:
    content = "source;target;amount;currency;created_at\n596.0;Café;85.64999999999999;EUR;2026-01-05T10:00\n"
    content += "7;b;1.239;EUR;2026-01-05T10:00\n7;b;1;USD;2026-01-05T10:00\n"
    path = written(tmp_path / "x.csv", content.encode("cp1252"))
    of = reader(path, Profile(round=True, where="currency == 'EUR'"))
    order = order_of(of, MINUTE)
    left_out = sum(block.left_out for block in in_time_order(of, order))
    assert notes_of(of, order, Ordering.SORT, left_out) == [
        "x.csv was read as cp1252; --encoding says otherwise",
        "amounts that a program wrote as binary floats are those they stand for: 85.64999999999999 is 85.65",
        "amounts with more than 2 decimals were rounded: 1.239 is 1.24",
        "accounts that a program wrote as floats are the whole numbers: 596.0 is 596",
        "1 rows were left out by currency == 'EUR'",
    ]
    assert len(read(path, of.profile)[0][0]) == 2
