"""Start offsets of a group without committed offsets."""

import pytest

from services.streaming.restore_point import Skipped
from services.streaming.start_offsets import StartFrom, StartOffset, start_offset

BEGINNING, END, SINCE = StartFrom(0), StartFrom(None), StartFrom(1_000)


@pytest.mark.parametrize(("text", "since_ms"), [
    ("beginning", 0),
    ("end", None),
    ("1767225600000", 1_767_225_600_000),
    ("2026-01-01", 1_767_225_600_000),
    ("2026-01-01T00:00:00Z", 1_767_225_600_000),
    ("2026-01-01T01:00:00+01:00", 1_767_225_600_000),
    ("2026-01-01T00:00:00.5", 1_767_225_600_500),
])  # fmt: skip
def test_a_start_is_parsed(text: str, since_ms: int | None) -> None:
    assert StartFrom.parse(text) == StartFrom(since_ms)


@pytest.mark.parametrize("text", ["", "start", "-1", "END", "2026-13-01", "yesterday", "1.5", "²", "9" * 20])
def test_an_invalid_start_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected beginning, end, or a time such as"):
        StartFrom.parse(text)


@pytest.mark.parametrize(("start_from", "of_input", "expected"), [
    (BEGINNING, True, StartOffset(10, None, dead_letters=False)),
    (END, True, StartOffset(50, None, dead_letters=True)),
    (SINCE, True, StartOffset(30, None, dead_letters=True)),
    # A repartition topic is never read again; what the input writes again must not be in its windows twice.
    (BEGINNING, False, StartOffset(50, Skipped(50, 0), dead_letters=True)),
    (SINCE, False, StartOffset(50, Skipped(50, 1_000), dead_letters=True)),
    (END, False, StartOffset(50, None, dead_letters=True)),
])  # fmt: skip
def test_the_start_of_a_partition_with_records(start_from: StartFrom, of_input: bool, expected: StartOffset) -> None:
    assert start_offset(of_input=of_input, low=10, high=50, at_time=30, start_from=start_from) == expected


@pytest.mark.parametrize("start_from", [BEGINNING, END, SINCE])
@pytest.mark.parametrize("of_input", [True, False])
def test_an_empty_partition_starts_at_its_end(start_from: StartFrom, of_input: bool) -> None:
    start = start_offset(of_input=of_input, low=7, high=7, at_time=7, start_from=start_from)
    assert start == StartOffset(7, None, dead_letters=False)
