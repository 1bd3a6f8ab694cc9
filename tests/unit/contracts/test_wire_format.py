"""The wire format: header checks, and batches grouped by schema id."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.codec.wire_format import UnframedError, frame, split_by_schema, unframe
from services.errors import PoisonError

VALUES = st.lists(
    st.one_of(
        st.none(),
        st.binary(max_size=8),
        st.builds(frame, st.sampled_from([0, 1, 7, 2**32 - 1]), st.binary(max_size=4)),
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no value (a tombstone)"),
        (b"", "an empty value"),
        (b"\0\0\0\1", "4 bytes are too short"),
        (b'{"id": 1}', "begins with the byte 0x7b"),
        (b"\1", "begins with the byte 0x01"),
    ],
)
def test_a_value_without_a_header_is_poison_with_the_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(PoisonError) as caught:
        unframe(value)
    assert reason in str(caught.value)
    assert caught.value.stage == "VALUE_CONVERTER"


def test_the_schema_id_is_four_bytes_big_endian() -> None:
    assert frame(258, b"body") == b"\0\0\0\1\2body"
    assert unframe(b"\0\xff\0\0\1") == (0xFF000001, b"")


@given(st.integers(0, 2**32 - 1), st.binary(max_size=20))
def test_a_framed_body_unframes(schema_id: int, body: bytes) -> None:
    assert unframe(frame(schema_id, body)) == (schema_id, body)


@given(VALUES)
def test_splitting_a_batch_equals_unframing_each_value(values: list[bytes | None]) -> None:
    groups = split_by_schema(values)
    ids: dict[int, list[int]] = {}
    errors: dict[int, str] = {}
    for row, value in enumerate(values):
        try:
            ids.setdefault(unframe(value)[0], []).append(row)
        except UnframedError as error:
            errors[row] = str(error)
    assert {schema_id: rows.tolist() for schema_id, rows in groups.groups.items()} == ids
    assert {row: str(error) for row, error in groups.failures.items()} == errors
    assert all(rows.dtype == np.int64 for rows in groups.groups.values())
