"""A batch that takes too long makes the next ones smaller, until they are fast."""

import pytest

from services.streaming.batch_limit import BatchLimit


def test_fast_batches_are_as_large_as_may_be() -> None:
    limit = BatchLimit(1000, seconds=4)
    for records in (1000, 1, 1000):
        limit.handled(records, 1.9)
    assert limit.records == 1000


@pytest.mark.parametrize("seconds_a_record", [0.009, 0.1, 3.0, 60.0])
def test_slow_batches_come_to_fit(seconds_a_record: float) -> None:
    limit = BatchLimit(1000, seconds=4)
    for _ in range(12):
        limit.handled(limit.records, limit.records * seconds_a_record)
    assert limit.records == 1 or limit.records * seconds_a_record <= 4


def test_the_limit_is_lifted_step_by_step() -> None:
    limit = BatchLimit(1000, seconds=4)
    limit.handled(1000, 400)
    limits = [limit.records]
    while limit.records < 1000:
        limit.handled(limit.records - 1, 0.1)
        assert limit.records == limits[-1], "a batch below the limit shows nothing"
        limit.handled(limit.records, 0.1)
        limits.append(limit.records)
    assert limits == [5, 10, 20, 40, 80, 160, 320, 640, 1000]
