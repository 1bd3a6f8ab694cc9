"""Messages that are processed at once have a limited size, whatever is in them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.streaming.record_size import bounded_batches


@given(st.lists(st.binary(max_size=12), max_size=30), st.integers(1, 40))
def test_parts_are_in_order_and_small(values: list[bytes], limit: int) -> None:
    messages: list[Any] = list(values)  # a message has the length of its value
    parts = list(bounded_batches(messages, limit))
    assert [message for part in parts for message in part] == values
    for number, part in enumerate(parts):
        size = sum(map(len, part))
        assert part
        assert size <= limit or sum(len(value) > 0 for value in part) == 1
        if number + 1 < len(parts):
            assert size + len(parts[number + 1][0]) > limit  # none is smaller than it has to be


def test_what_fits_is_one_part() -> None:
    messages: Any = [b"x"] * 100
    (part,) = bounded_batches(messages, 100)
    assert part is messages[0:] or list(part) == messages
