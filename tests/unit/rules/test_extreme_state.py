"""The state of a key with a minimum or maximum: its candidates, whatever is added, evicted and undone."""

from random import Random

import pytest

from services.rules.windows.entries import bound
from services.rules.windows.extreme_state import ExtremeState, MaxState, MinState


def entry(time: int, order: int, value: int) -> bytes:
    return bound(time) + order.to_bytes(6, "big") + value.to_bytes(2, "big")


def value_of(entry: bytes) -> int:
    return int.from_bytes(entry[-2:], "big")


@pytest.mark.parametrize("kind", [MinState, MaxState])
@pytest.mark.parametrize("seed", range(20))
def test_the_extreme_of_any_interval_equals_one_computed_from_scratch(kind: type[ExtremeState], seed: int) -> None:
    random = Random(seed)
    state, time, oldest = kind(), 0, 0
    for order in range(300):
        time += random.choice([0, 1, 3])
        added = entry(time - random.choice([0, 0, 0, random.randint(0, 40)]), order, random.randint(0, 20))
        state.add(added, value_of)
        if random.random() < 0.1:
            state.undo_add(added)
        if random.random() < 0.1:
            oldest = max(oldest, time - random.randint(20, 60))
            state.evict(bound(oldest), value_of)
        since, to = bound(max(oldest, time - random.randint(0, 50))), entry(time - random.randint(0, 5), order, 0xFFFF)
        values = [value_of(some) for some in state if since <= some <= to]
        assert state.aggregate(since, to, value_of) == kind.aggregate_type.of(values)


def test_few_entries_are_candidates() -> None:
    state = MaxState()
    for order in range(1000):
        state.append(entry(order, order, order))
        assert state.aggregate(bound(0), state[-1], value_of) == order
    assert state.queue == [state[-1]]
