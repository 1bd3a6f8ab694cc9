"""The partition of each transaction in a repartition topic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detection.repartition_writer import partitions_of
from services.streaming.partitioner import partition_of_key

KEYS = st.none() | st.binary(max_size=6) | st.integers(250, 300).map(lambda size: b"k" * size)


@given(st.lists(KEYS, min_size=1, max_size=10), st.integers(1, 9))
def test_whatever_the_keys_are(keys: list[bytes | None], count: int) -> None:
    assert partitions_of(keys, count).tolist() == [partition_of_key(key or b"", count) for key in keys]


@pytest.mark.parametrize("key", [b"", b"abc", b"abc\0", b"a\0c"])
def test_one_key_has_one_partition_beside_others(key: bytes) -> None:
    alone, beside = partitions_of([key], 4), partitions_of([key, None, b"k" * 300], 4)
    assert np.array_equal(alone, beside[:1])
