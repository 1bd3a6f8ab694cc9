"""Running aggregates: whatever was added and retracted, the result is that of the values that are left."""

from random import Random

import pytest

from services.rules.windows.aggregates import Aggregate, Average, DistinctCount, Max, Min, Sum


@pytest.mark.parametrize("kind", [Sum, Average, DistinctCount, Min, Max])
@pytest.mark.parametrize("seed", range(5))
def test_a_running_aggregate_equals_one_computed_from_scratch(kind: type[Aggregate], seed: int) -> None:
    random = Random(seed)
    running, values = kind(), []
    for _ in range(500):
        if values and random.random() < 0.5:
            running.retract(values.pop(random.randrange(len(values))))
        else:
            values.append(random.randint(-3, 3))
            running.add(values[-1])
        assert running.result(len(values)) == kind.of(values)


def test_a_minimum_keeps_few_retracted_values() -> None:
    smallest = Min()
    for value in range(1000, 0, -1):
        smallest.add(value)
        if value < 1000:
            smallest.retract(value + 1)
        assert smallest.result(1) == value
    assert len(smallest.heap) < 50
