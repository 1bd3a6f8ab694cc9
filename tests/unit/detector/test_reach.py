"""How far back a rebuild has to begin: never later than what windows need, whatever order times come in."""

from hypothesis import given
from hypothesis import strategies as st

from services.detector.reach import CHUNK, Bookmark, Reach

HORIZON = 1000


def test_nothing_needed_begins_at_the_next_offset() -> None:
    reach = Reach(7)
    assert reach.start(HORIZON) == 7
    reach.note(7, 10, HORIZON)
    assert reach.start(HORIZON) == 10
    reach.commit(HORIZON)
    assert (reach.start(HORIZON), reach.offset) == (10, 10)


def test_what_was_not_committed_is_undone() -> None:
    reach = Reach(0)
    reach.note(0, 5, 2000)
    reach.commit(HORIZON)
    reach.note(5, 9, 3000)
    assert reach.offset == 9
    reach.rollback()
    assert (reach.offset, reach.start(HORIZON), reach.start(2500)) == (5, 0, 5)


def test_batches_without_times_move_on() -> None:
    reach = Reach(0)
    reach.note(0, 5, None)
    reach.commit(HORIZON)
    assert reach.start(HORIZON) == 5


@given(st.lists(st.tuples(st.integers(1, 2 * CHUNK), st.integers(0, 3000)), max_size=50), st.integers(0, 3000))
def test_everything_newer_than_the_horizon_is_behind_the_start(batches: list[tuple[int, int]], horizon: int) -> None:
    reach, offset = Reach(0), 0
    for count, newest in batches:
        reach.note(offset, offset + count, newest)
        reach.commit(0)
        offset += count
    reach.commit(horizon)
    start, first = reach.start(horizon), 0
    for count, newest in batches:
        assert newest <= horizon or first >= start
        first += count
    assert start <= offset


def test_a_bookmark_is_read_as_it_was_written() -> None:
    assert Bookmark.read(Bookmark(12, 86_400_000).text()) == Bookmark(12, 86_400_000)


def test_what_somebody_else_committed_is_no_bookmark() -> None:
    assert [Bookmark.read(text) for text in ("", "null", "[]", '{"windows_from": null, "reach_ms": 1}', "a note")] == [
        None
    ] * 5
