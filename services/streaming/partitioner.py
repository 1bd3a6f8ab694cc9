"""Kafka's default partitioner over columns: the partition of each key.

murmur2 with Kafka's seed, its sign bit cleared, modulo the number of partitions. Source: `Utils.murmur2` and
`BuiltInPartitioner.partitionForKey` of Apache Kafka 4.1; librdkafka's `murmur2_random`, which this project's producers
use, agrees for every message that has a key.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SEED, _M, _R = 0x9747B28C, np.uint32(0x5BD1E995), np.uint32(24)


def murmur2(keys: NDArray[np.bytes_]) -> NDArray[np.uint32]:
    """Return the hash of each key.

    Args:
        keys: A numpy array of bytes; trailing zero bytes are padding.
    """
    lengths = np.strings.str_len(keys)
    width = max(keys.dtype.itemsize, 1)
    characters = np.ascontiguousarray(keys).view(np.uint8).reshape(len(keys), width)
    hashes = np.empty(len(keys), np.uint32)
    for length in np.unique(lengths).tolist():
        rows = lengths == length
        hashes[rows] = _of_one_length(characters[rows, :length])
    return hashes


def partition_of(column: NDArray[Any], partitions: int) -> NDArray[np.int64]:
    """Return the partition of each key.

    Args:
        column: Text as bytes; other values are converted to decimal text.
        partitions: Number of partitions of the topic.
    """
    if partitions == 1:
        return np.zeros(len(column), np.int64)
    keys = column if column.dtype.kind == "S" else column.astype("S")
    return (murmur2(keys) & np.uint32(0x7FFFFFFF)).astype(np.int64) % partitions


def partition_of_key(key: bytes, partitions: int) -> int:
    """Return the partition of one key, which may have any length and any bytes."""
    (hashed,) = _of_one_length(np.frombuffer(key, np.uint8).reshape(1, len(key))).tolist()
    return int(hashed & 0x7FFFFFFF) % partitions


def _of_one_length(characters: NDArray[np.uint8]) -> NDArray[np.uint32]:
    count, length = characters.shape
    whole = length & ~3
    words = np.ascontiguousarray(characters[:, :whole]).view("<u4").reshape(count, whole // 4)
    hashes = np.full(count, _SEED ^ length, np.uint32)
    for number in range(whole // 4):
        word = words[:, number] * _M
        word ^= word >> _R
        hashes = hashes * _M ^ word * _M
    for place in range(length - whole):
        hashes ^= characters[:, whole + place].astype(np.uint32) << np.uint32(8 * place)
    if length > whole:
        hashes *= _M
    hashes ^= hashes >> np.uint32(13)
    hashes *= _M
    return hashes ^ (hashes >> np.uint32(15))
