import numpy as np
import pytest

from services.streaming.partitioner import murmur2, partition_of, partition_of_key

# org.apache.kafka.common.utils.UtilsTest.testMurmur2
KNOWN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


def test_keys_of_all_lengths_hash_as_in_kafka() -> None:
    assert murmur2(np.array(list(KNOWN))).view(np.int32).tolist() == list(KNOWN.values())


@pytest.mark.parametrize("partitions", [1, 4, 7])
def test_partitions_are_the_hash_without_its_sign(partitions: int) -> None:
    expected = [(value & 0x7FFFFFFF) % partitions for value in KNOWN.values()]
    assert partition_of(np.array(list(KNOWN)), partitions).tolist() == expected
    assert partition_of(np.array(list(KNOWN), object), partitions).tolist() == expected


def test_single_keys_hash_as_those_of_columns() -> None:
    keys = [*KNOWN, b"", b"x" * 300]
    assert [partition_of_key(key, 7) for key in keys] == partition_of(np.array(keys), 7).tolist()
    padded = {partition_of_key(b"abc" + b"\0" * count, 1000) for count in range(5)}
    assert len(padded) == 5  # zero bytes at the end count
