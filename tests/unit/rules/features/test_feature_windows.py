"""Features over windows on random streams equal a plain recomputation from the definition.

``FEATURE_STREAMS=2000`` compares so many streams; the default is a few.
"""

import math
import os
import random
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from services.rules.features import Feature, FeatureSet
from services.rules.loading import parse_rules
from services.rules.model import Columns, Measure
from services.rules.windows import StateBuilder, WindowState, changes
from tests.support.random_windows import LATENESS, batch
from tests.support.rules import CONSTANTS, SCHEMA

STREAMS = int(os.environ.get("FEATURE_STREAMS", "40"))

RULES = """\
[features]
share = "amount / total_before"
count = { measure = "count", by = ["source"], over = "20s" }
count_before = { measure = "count", by = ["source"], over = "20s", past = true }
large_before = { measure = "count", by = ["source"], over = "40s", where = "amount >= 0.01", past = true }
total_before = { measure = "sum amount", by = ["source", "target"], over = "30s", past = true }
average = { measure = "average amount", by = ["source"], over = "20s" }
average_before = { measure = "average amount", by = ["source"], over = "20s", past = true }
least_before = { measure = "min amount", by = ["target"], over = "15s", past = true }
most = { measure = "max amount", by = ["target"], over = "15s" }
most_before = { measure = "max amount", by = ["target"], over = "15s", past = true }
targets = { measure = "distinct target", by = ["source"], over = "60s" }
targets_before = { measure = "distinct target", by = ["source"], over = "60s", past = true }
few_before = { measure = "distinct source", by = ["target"], over = "10s", where = "amount >= 0.02", past = true }
pause = { measure = "inactivity", by = ["source"], over = "90s" }

[rules.by-features]
severity = "low"
when = "average > average_before or targets > 2 and share >= 0.5"
reason = "{targets} {most}"

[rules.by-windows]
severity = "low"
when = "targets_before >= 1"
reason = "{n}"
windows.n = { measure = "count", by = ["source"], over = "20s", at_least = 2 }
windows.d = { measure = "distinct target", by = ["source"], over = "60s", at_most = 3 }
alert_every = "10s"
"""
SET = parse_rules(RULES, "rules.toml", SCHEMA, CONSTANTS)

Row = Mapping[str, Any]


class Reference:
    """Every row that was read, looked at again for each value."""

    def __init__(self) -> None:
        self.read: list[tuple[Row, int]] = []  # with the watermark after it
        self.watermark = -(2**60)

    def value(self, feature: Feature, row: Row, known: dict[str, float]) -> float:  # noqa: PLR0911 - a case each
        if feature.aggregation is None:
            assert feature.name == "share"
            total = known["total_before"]
            return math.nan if math.isnan(total) or total == 0 else float(row["amount"] / 100 / total)
        window = feature.aggregation.window
        limit = {"": 0, "amount >= 0.01": 1, "amount >= 0.02": 2}[window.where]
        since = max(row["created_at"] - window.over_ms, self.watermark - window.over_ms - LATENESS)
        is_past = feature.is_past or window.measure is Measure.INACTIVITY
        rows = [
            each
            for each, _ in (self.read[:-1] if is_past else self.read)
            if since < each["created_at"] <= row["created_at"]
            and all(each[name] == row[name] for name in window.by)
            and each["amount"] >= limit
        ]
        if window.measure is Measure.INACTIVITY:
            return self.pause(row, rows)
        values: list[Any] = [each[window.field] for each in rows] if window.field else list(rows)
        match window.measure:
            case Measure.COUNT:
                return len(values)
            case Measure.DISTINCT:
                return len(set(values))
            case Measure.SUM:
                return float(sum(values) / 100)
        if not values:
            return math.nan
        results = {Measure.MIN: min(values) / 100, Measure.MAX: max(values) / 100}
        return float(results.get(window.measure, sum(values) / (100 * len(values))))

    def pause(self, row: Row, rows: list[Row]) -> float:
        of_key = [each["created_at"] for each, _ in self.read[:-1] if each["source"] == row["source"]]
        settled = max((time for time in of_key if time <= self.watermark - LATENESS), default=-math.inf)
        times = [each["created_at"] for each in rows if each["created_at"] >= settled]
        return (row["created_at"] - max(times)) / 1000 if times else math.nan

    def take(self, columns: Columns, rows: int) -> dict[str, list[float]]:
        results: dict[str, list[float]] = {feature.name: [] for feature in features().ordered}
        for number in range(rows):
            row = {name: column[number].item() for name, column in columns.items()}
            self.watermark = max(self.watermark, row["created_at"])
            self.read.append((row, self.watermark))
            known: dict[str, float] = {}
            for feature in features().ordered:
                known[feature.name] = self.value(feature, row, known)
                results[feature.name].append(known[feature.name])
        return results


def features() -> FeatureSet:
    assert SET.features is not None
    return SET.features


def state() -> WindowState:
    windows = WindowState(lateness_ms=LATENESS)
    windows.require(needed())
    return windows


def needed() -> list[Any]:
    of_rules = [aggregation for rule in SET.rules for aggregation in rule.aggregations]
    kept = [rule.kept_matches for rule in SET.rules if rule.kept_matches]
    return [*features().aggregations, *of_rules, *kept]


def restored(windows: WindowState) -> WindowState:
    """Return the windows as a restart makes them of written entries."""
    windows.record()
    walk, builder = windows.walk(), StateBuilder()
    while not walk.ends_at(walk.cursor):
        parts, walk.cursor = windows.slice(walk, 10)
        for part in parts:
            builder.add(part.encoded())
    with patch.object(changes, "PACK_FROM", 0):
        return WindowState.of_entries(windows.head, builder, needed(), lateness_ms=LATENESS, contributors=100)


@pytest.mark.parametrize("number", range(STREAMS))
def test_features_equal_a_plain_recomputation(number: int) -> None:
    chance = random.Random(f"features {number}")
    windows, reference, now = state(), Reference(), 1_700_000_000_000
    undone = 0
    for _ in range(12):
        now += chance.choice([1_000, 5_000, 30_000])
        columns, rows = batch(chance, now)
        if chance.random() < 0.2:
            windows.evaluate(columns, rows, SET.rules, features=features().ordered)
            windows.rollback()
            undone += 1
        evaluation = windows.evaluate(columns, rows, SET.rules, features=features().ordered)
        expected = reference.take(columns, rows)
        for name, values in expected.items():
            np.testing.assert_array_equal(evaluation.features[name], values, err_msg=name)
        matched = [match.row for match in evaluation.matches if match.rule.name == "by-features"]
        assert matched == rows_of(expected, rows)
        windows.commit()
        if chance.random() < 0.2:
            windows = restored(windows)


def rows_of(values: Mapping[str, list[float]], rows: int) -> list[int]:
    average, before = values["average"], values["average_before"]
    return [
        row
        for row in range(rows)
        if average[row] > before[row] or (values["targets"][row] > 2 and values["share"][row] >= 0.5)
    ]


def test_a_batch_in_parts_gives_the_same_values() -> None:
    chance = random.Random("parts")
    whole, parts = state(), state()
    for step in range(5):
        columns, rows = batch(chance, 1_700_000_000_000 + 7_000 * step)
        expected = whole.evaluate(columns, rows, (), features=features().ordered).features
        whole.commit()
        got: dict[str, list[float]] = {name: [] for name in expected}
        for row in range(rows):
            one = {name: column[row : row + 1] for name, column in columns.items()}
            for name, values in parts.evaluate(one, 1, (), features=features().ordered).features.items():
                got[name] += values.tolist()
            parts.commit()
        for name, values in expected.items():
            np.testing.assert_array_equal(got[name], values, err_msg=name)


def test_a_feature_shares_the_window_of_a_rule() -> None:
    windows = state()
    assert len(windows.windows) == len(set(windows.windows)) == 10


def test_a_window_that_is_not_kept_is_an_error() -> None:
    windows = WindowState(lateness_ms=0)
    columns, rows = batch(random.Random("x"), 1_700_000_000_000)
    with pytest.raises(ValueError, match="the window of count is not kept; require"):
        windows.evaluate(columns, rows, (), features=features().select(["count"]).ordered)


def test_no_rows_have_no_values() -> None:
    evaluation = state().evaluate({}, 0, (), features=features().ordered)
    assert {name: len(values) for name, values in evaluation.features.items()} == dict.fromkeys(
        [feature.name for feature in features().ordered], 0
    )
