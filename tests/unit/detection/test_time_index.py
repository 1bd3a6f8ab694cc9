"""Start of a restore: never later than what windows need, whatever order times come in."""

from hypothesis import given
from hypothesis import strategies as st

from services.detection.time_index import CHUNK, TimeIndex

HORIZON = 1000


def test_nothing_needed_begins_at_the_next_offset() -> None:
    index = TimeIndex(7)
    assert index.start(HORIZON) == 7
    index.note(7, 10, HORIZON, 3)
    assert index.start(HORIZON) == 10
    index.commit(HORIZON)
    assert (index.start(HORIZON), index.offset) == (10, 10)


def test_what_was_not_committed_is_undone() -> None:
    index = TimeIndex(0)
    index.note(0, 5, 2000, 5)
    index.commit(HORIZON)
    index.note(5, 9, 3000, 4)
    assert index.offset == 9
    index.rollback()
    assert (index.offset, index.start(HORIZON), index.start(2500)) == (5, 0, 5)


def test_batches_without_times_move_on() -> None:
    index = TimeIndex(0)
    index.note(0, 5, None, 5)
    index.commit(HORIZON)
    assert index.start(HORIZON) == 5


@given(st.lists(st.tuples(st.integers(1, 2 * CHUNK), st.integers(0, 3000)), max_size=50), st.integers(0, 3000))
def test_everything_newer_than_the_horizon_is_behind_the_start(batches: list[tuple[int, int]], horizon: int) -> None:
    index, offset = TimeIndex(0), 0
    for count, newest in batches:
        index.note(offset, offset + count, newest, count)
        index.commit(0)
        offset += count
    index.commit(horizon)
    start, first = index.start(horizon), 0
    for count, newest in batches:
        assert newest <= horizon or first >= start
        first += count
    assert start <= offset
