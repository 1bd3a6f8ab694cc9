"""Windows that share entries give the results that each gives alone, and keep no more than the longest needs."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.rules.model import LABEL, Aggregation, Measure, Window
from services.rules.rule_match import AggregateValue
from services.rules.windows import StateBuilder, WindowState
from tests.support.random_windows import LATENESS, batch

SOURCE = ("source",)
WINDOWS = (
    Window(Measure.COUNT, None, SOURCE, 5_000),
    Window(Measure.AVERAGE, "amount", SOURCE, 5_000),
    Window(Measure.MAX, "amount", SOURCE, 5_000),
    Window(Measure.SUM, "amount", SOURCE, 20_000),
    Window(Measure.MAX, "amount", SOURCE, 20_000),
    Window(Measure.MIN, "created_at", SOURCE, 9_000),
)
LABELS = (
    Window(Measure.AVERAGE, LABEL, ("target",), 20_000, "", 1_000),
    Window(Measure.COUNT, None, ("target",), 6_000, "", 1_000),
    Window(Measure.SUM, LABEL, ("target",), 30_000, "", 1_000),
)


class Sides:
    """The same rows in a state whose windows share entries, and in one whose windows have each their own."""

    def __init__(self, windows: tuple[Window, ...], seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.now = 1_700_000_000_000
        self.alone = [Aggregation(f"a{number}", window) for number, window in enumerate(windows)]
        self.together = [replace(aggregation, every_row=True) for aggregation in self.alone]
        self.separate, self.shared = WindowState(lateness_ms=LATENESS), WindowState(lateness_ms=LATENESS)
        self.separate.require(self.alone)
        self.shared.require(self.together)

    def batch(self) -> tuple[dict[str, Any], int]:
        self.now += self.chance.randrange(4_000)
        return batch(self.chance, self.now)

    def add_labels(self) -> None:
        columns, rows = self.batch()
        columns[LABEL] = np.array([self.chance.random() < 0.5 for _ in range(rows)])
        for state in (self.separate, self.shared):
            state.add_labels(columns, rows, columns["created_at"] + 500)

    def values(self) -> list[list[AggregateValue]]:
        """Evaluate further rows on both sides, which agree; return the results."""
        columns, rows = self.batch()
        expected = self.separate.evaluate(columns, rows, (), aggregations=self.alone).values
        got = self.shared.evaluate(columns, rows, (), aggregations=self.together).values
        assert [list(values) for values in got] == [list(values) for values in expected]
        return [list(values) for values in got]

    def commit(self) -> None:
        self.separate.commit()
        self.shared.commit()
        assert self.shared.dump() == self.separate.dump()


def test_windows_of_a_key_share_entries_and_give_what_each_gives_alone() -> None:
    sides = Sides(WINDOWS)
    seen = set()
    for number in range(120):
        seen.update(sides.values()[1])
        if number % 5 == 0:
            sides.separate.rollback()
            sides.shared.rollback()
        elif number % 3 == 0:
            sides.commit()
    sides.commit()
    assert sides.shared.entries * 3 < sides.separate.entries
    assert sides.shared.entries_of_windows > sides.shared.entries
    assert sides.shared.bytes < sides.separate.bytes
    assert len(seen) > 20


def test_windows_over_labels_share_entries() -> None:
    sides = Sides(LABELS)
    nonzero = 0
    for _ in range(60):
        sides.add_labels()
        nonzero += sum(bool(value) for value in sides.values()[1])
        sides.commit()
    assert nonzero > 50
    assert sides.shared.entries < sides.separate.entries


@pytest.mark.parametrize("remaining", [(0, 1, 2), (2,), (5, 0)])
def test_entries_of_a_window_that_goes_are_evicted(remaining: tuple[int, ...]) -> None:
    sides = Sides(WINDOWS)
    for _ in range(40):
        sides.values()
        sides.commit()
    before = sides.shared.entries
    for state in (sides.separate, sides.shared):
        state.retain({WINDOWS[number] for number in remaining})
    sides.alone = [sides.alone[number] for number in remaining]
    sides.together = [sides.together[number] for number in remaining]
    for _ in range(40):
        sides.values()
        sides.commit()
    assert sides.shared.entries < before


def test_a_written_state_is_restored_into_shared_entries() -> None:
    sides = Sides(WINDOWS)
    for _ in range(30):
        sides.values()
        sides.commit()
    sides.shared.record()
    walk, builder, walked = sides.shared.walk(), StateBuilder(), dict.fromkeys(WINDOWS, 0)
    while not walk.ends_at(walk.cursor):
        parts, walk.cursor = sides.shared.slice(walk, 50)
        for part in parts:
            walked[part.window] += len(part)
            builder.add(part.encoded())
    assert walked[WINDOWS[0]] < walked[WINDOWS[3]]  # of a shorter window fewer are written
    sides.shared = WindowState.of_entries(
        sides.shared.head, builder, sides.together, lateness_ms=LATENESS, contributors=100
    )
    for _ in range(30):
        sides.values()
        sides.commit()
