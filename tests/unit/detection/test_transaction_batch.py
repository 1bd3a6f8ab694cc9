"""Batches of transactions between stages: what is read is what was written, and torn ones are refused."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts import HEADER_SIZE, RecordDecoder, RecordEncoder, load_schema
from services.detection.transaction_batch import (
    FIXED_BYTES,
    BatchDecoder,
    BatchEncoder,
    TornBatchError,
    TransactionBatch,
    row_sizes,
    split_points,
)
from services.errors import PoisonError

SCHEMA = load_schema(Path(__file__).parents[3] / "schemas" / "transaction_batch.avsc")
ENCODER, DECODER = BatchEncoder(SCHEMA, 7), BatchDecoder(SCHEMA.json, SCHEMA.json)
HEADERS = st.none() | st.lists(
    st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), min_size=1, max_size=3
)
ROWS = st.lists(
    st.tuples(
        st.binary(max_size=30),
        st.none() | st.binary(max_size=9),
        st.integers(-1, 2**62),
        HEADERS,
        st.lists(st.sampled_from(["large", "rapid-fire", "ä"]), max_size=2, unique=True),
    ),
    min_size=1,
    max_size=12,
)


def batch_of(rows: list[Any]) -> TransactionBatch:
    values, keys, timestamps, headers, matches = zip(*rows, strict=True)
    matched = {row: tuple(names) for row, names in enumerate(matches) if names}
    return TransactionBatch("v1", values, keys, np.array(timestamps, np.int64), headers, matched)


def content(batch: TransactionBatch) -> list[Any]:
    return [batch.version, list(batch.values), list(batch.keys), batch.timestamps.tolist(), list(batch.headers),
            dict(batch.matched)]  # fmt: skip


@given(ROWS)
def test_what_is_read_is_what_was_written(rows: list[Any]) -> None:
    batch = batch_of(rows)
    value = ENCODER.encode(batch)
    assert value[:HEADER_SIZE] == b"\0\0\0\0\7"
    read = DECODER.decode(value)
    assert content(read) == content(batch)
    assert [read.keys[row] for row in range(len(read))] == list(batch.keys)
    assert content(read.part(0, 1)) == content(batch_of(rows[:1]))


@given(ROWS, st.integers(60, 400))
def test_parts_fit_and_are_the_whole(rows: list[Any], room: int) -> None:
    batch = batch_of(rows)
    points = split_points(batch, room)
    parts = [batch.part(begin, end) for begin, end in itertools.pairwise(points)]
    assert [value for part in parts for value in part.values] == list(batch.values)
    assert [names for part in parts for names in part.matched.values()] == list(batch.matched.values())
    for part in parts:
        size = FIXED_BYTES + len("v1") + int(row_sizes(part).sum())
        # A record has at most as many bytes as were counted for it.
        assert len(ENCODER.encode(part)) + 97 <= size
        assert len(part) == 1 or size <= FIXED_BYTES + len("v1") + room


def test_a_batch_that_fits_is_one_record() -> None:
    batch = batch_of([(b"x" * 80, b"key", 1, None, [])] * 1000)
    assert split_points(batch, 1_000_000) == [0, 1000]
    assert len(split_points(batch, 20_000)) == 1 + 1 + 1000 * 109 // 20_000


@pytest.mark.parametrize("change", [
    {"value_sizes": b"\1\0\0"},
    {"value_sizes": b"\1\0\0\0"},
    {"value_sizes": b"\xff\xff\xff\xff" + b"\6\0\0\0"},
    {"value_sizes": b"\xfe\xff\xff\xff" + b"\6\0\0\0"},
    {"key_sizes": b"\6\0\0\0"},
    {"timestamps": b"\0" * 8},
    {"matches": [{"rules": ["large"], "rows": b"\2\0\0\0"}]},
    {"matches": [{"rules": ["large"], "rows": b"\xff\xff\xff\xff"}]},
    {"headers": [{"count": 1, "headers": []}]},
    {"headers": [{"count": 3, "headers": []}]},
    {"headers": [{"count": 0, "headers": []}, {"count": 2, "headers": []}]},
])  # fmt: skip
def test_a_torn_batch_is_refused(change: dict[str, Any]) -> None:
    value = ENCODER.encode(batch_of([(b"abc", b"key", 1, [("trace", b"1")], []), (b"def", b"yek", 2, None, ["large"])]))
    record = RecordDecoder(SCHEMA.json).decode(value[HEADER_SIZE:])
    assert len(DECODER.decode(value)) == 2
    with pytest.raises(TornBatchError):
        DECODER.decode(value[:HEADER_SIZE] + RecordEncoder(SCHEMA.json).encode(record | change))


@given(st.binary(max_size=60))
def test_any_other_bytes_are_poison(body: bytes) -> None:
    with pytest.raises(PoisonError):
        DECODER.decode(b"\0\0\0\0\7" + body + b"\xff")
