"""The partition of each transaction in a repartition topic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detection.repartition_writer import merge_order, partitions_of
from services.streaming.partitioner import partition_of_key

KEYS = st.none() | st.binary(max_size=6) | st.integers(250, 300).map(lambda size: b"k" * size)


@given(st.lists(KEYS, min_size=1, max_size=10), st.integers(1, 9))
def test_whatever_the_keys_are(keys: list[bytes | None], count: int) -> None:
    assert partitions_of(keys, count).tolist() == [partition_of_key(key or b"", count) for key in keys]


@pytest.mark.parametrize("key", [b"", b"abc", b"abc\0", b"a\0c"])
def test_one_key_has_one_partition_beside_others(key: bytes) -> None:
    alone, beside = partitions_of([key], 4), partitions_of([key, None, b"k" * 300], 4)
    assert np.array_equal(alone, beside[:1])


ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), min_size=1, max_size=30)


@given(ROWS)
def test_merging_keeps_the_order_of_each_partition(rows: list[tuple[int, int]]) -> None:
    partitions, times = np.array(rows).T
    order = merge_order(partitions, times).tolist()
    assert sorted(order) == list(range(len(rows)))
    for number in set(partitions.tolist()):
        of_partition = [row for row in order if partitions[row] == number]
        assert of_partition == sorted(of_partition)


@given(ROWS)
def test_merging_sorts_by_time_what_each_partition_has_in_order(rows: list[tuple[int, int]]) -> None:
    partitions, times = np.array(sorted(rows)).T  # one partition after the other, as a client reads them
    assert times[merge_order(partitions, times)].tolist() == sorted(times.tolist())


def test_a_row_dated_ahead_delays_its_own_partition_only() -> None:
    partitions, times = np.array([0, 0, 1, 1]), np.array([10**12, 5, 4, 6])
    assert merge_order(partitions, times).tolist() == [2, 3, 0, 1]
