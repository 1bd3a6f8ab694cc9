"""Windows over labels: what counts from when on, restored and undone as other windows are.

``FEATURE_STREAMS=2000`` compares so many random streams with a plain recomputation; the default is a few.
"""

import math
import os
import random
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from services.rules.faults import RulesError
from services.rules.features import FeatureSet
from services.rules.loading import parse_rules
from services.rules.model import LABEL, Columns
from services.rules.windows import StateBuilder, WindowState, changes
from tests.support.random_windows import LATENESS, batch
from tests.support.rules import CONSTANTS, SCHEMA

STREAMS = int(os.environ.get("FEATURE_STREAMS", "40"))
RULES = """\
[features]
t_risk = { measure = "share fraud", by = ["target"], over = "60s", delay = "20s" }
frauds = { measure = "count fraud", by = ["source"], over = "90s", delay = "5s" }
labels = { measure = "count labels", by = ["target"], over = "60s", delay = "20s", where = "amount >= 0.01" }
payments = { measure = "count", by = ["target"], over = "60s" }
distinct = { measure = "distinct source", by = ["target"], over = "60s", past = true }

[rules.x]
severity = "low"
when = "t_risk > 0.5 and frauds >= 1"
reason = "{t_risk}"
"""


def features(text: str = RULES) -> FeatureSet:
    found = parse_rules(text, "rules.toml", SCHEMA, CONSTANTS).features
    assert found is not None
    return found


SET = features()


class Reference:
    """All labels and transactions that were read, looked at again for each value."""

    def __init__(self) -> None:
        self.labels: list[tuple[dict[str, Any], int, bool]] = []
        self.watermark = -math.inf

    def add(self, columns: Columns, arrived: list[int], fraud: list[bool]) -> None:
        rows = [{name: column[number].item() for name, column in columns.items()} for number in range(len(fraud))]
        self.labels += zip(rows, arrived, fraud, strict=True)

    def counted(self, row: dict[str, Any], by: str, over_ms: int, delay_ms: int, *, least: int = 0) -> list[bool]:
        since = max(row["created_at"] - over_ms, self.watermark - over_ms - LATENESS)
        return [
            fraud
            for labelled, arrived, fraud in self.labels
            if labelled[by] == row[by]
            and labelled["amount"] >= least
            and since < max(arrived, labelled["created_at"] + delay_ms) <= row["created_at"]
        ]

    def values(self, columns: Columns, rows: int) -> dict[str, list[float]]:
        values: dict[str, list[float]] = {"t_risk": [], "frauds": [], "labels": []}
        for number in range(rows):
            row = {name: column[number].item() for name, column in columns.items()}
            self.watermark = max(self.watermark, row["created_at"])
            of_target = self.counted(row, "target", 60_000, 20_000)
            values["t_risk"].append(sum(of_target) / len(of_target) if of_target else math.nan)
            values["frauds"].append(sum(self.counted(row, "source", 90_000, 5_000)))
            values["labels"].append(len(self.counted(row, "target", 60_000, 20_000, least=1)))
        return values


def state() -> WindowState:
    windows = WindowState(lateness_ms=LATENESS)
    windows.require(SET.aggregations)
    return windows


def restored(windows: WindowState) -> WindowState:
    """Return the windows as a restart makes them of written entries."""
    windows.record()
    walk, builder = windows.walk(), StateBuilder()
    while not walk.ends_at(walk.cursor):
        parts, walk.cursor = windows.slice(walk, 10)
        for part in parts:
            builder.add(part.encoded())
    with patch.object(changes, "PACK_FROM", 0):
        return WindowState.of_entries(windows.head, builder, SET.aggregations, lateness_ms=LATENESS, contributors=9)


def reloaded(windows: WindowState) -> WindowState:
    loaded = WindowState.load(windows.dump())
    assert loaded.require(SET.aggregations) == []
    return loaded


@pytest.mark.parametrize("number", range(STREAMS))
def test_windows_over_labels_equal_a_plain_recomputation(number: int) -> None:
    chance = random.Random(f"labels {number}")
    windows, reference, now = state(), Reference(), 1_700_000_000_000
    unlabelled: list[Columns] = []
    for _ in range(15):
        now += chance.choice([1_000, 5_000, 30_000])
        columns, rows = batch(chance, now)
        if chance.random() < 0.8 and unlabelled:
            known = unlabelled.pop(chance.randrange(len(unlabelled)))
            count = len(known["id"])
            arrived = [now + chance.randrange(-40_000, 2_000) for _ in range(count)]
            fraud = [chance.random() < 0.4 for _ in range(count)]
            if chance.random() < 0.3:
                windows.add_labels({**known, LABEL: np.array(fraud)}, count, np.array(arrived))
                windows.rollback()
            windows.add_labels({**known, LABEL: np.array(fraud)}, count, np.array(arrived))
            reference.add(known, arrived, fraud)
            if chance.random() < 0.5:
                windows.commit()
                windows = chance.choice([restored, reloaded, lambda own: own])(windows)
        evaluation = windows.evaluate(columns, rows, (), features=SET.ordered)
        for name, values in reference.values(columns, rows).items():
            np.testing.assert_array_equal(evaluation.features[name], values, err_msg=name)
        unlabelled.append(columns)
        windows.commit()
        if chance.random() < 0.2:
            windows = restored(windows)


def payment(time: int, amount: int = 100) -> dict[str, Any]:
    texts = {name: np.array([name.encode()]) for name in ("id", "source", "target")}
    return {**texts, "amount": np.array([amount]), "created_at": np.array([time])}


def risk(windows: WindowState, time: int) -> float:
    values = windows.evaluate(payment(time), 1, (), features=SET.select(["t_risk"]).ordered).features["t_risk"]
    return float(values[0])


def test_a_label_counts_from_its_arrival_and_not_before_the_delay() -> None:
    for arrived, first in ((5_000, 20_000), (30_000, 30_000)):
        windows = state()
        windows.add_labels({**payment(0), LABEL: np.array([True])}, 1, np.array([arrived]))
        windows.commit()
        assert math.isnan(risk(windows, first - 1))
        assert risk(windows, first) == 1
        assert risk(windows, first + 59_999) == 1
        assert math.isnan(risk(windows, first + 60_000))


def test_a_label_that_was_read_later_does_not_change_an_earlier_value() -> None:
    windows = state()
    assert math.isnan(risk(windows, 50_000))
    windows.add_labels({**payment(0), LABEL: np.array([True])}, 1, np.array([1]))
    assert risk(windows, 50_000) == 1


def test_labels_before_the_first_transaction_survive_a_restart() -> None:
    for again in (restored, reloaded):
        windows = state()
        windows.add_labels({**payment(0), LABEL: np.array([True])}, 1, np.array([1]))
        windows.commit()
        windows = again(windows)
        assert windows.watermark_ms is None
        assert risk(windows, 50_000) == 1


def test_labels_move_no_watermark_and_are_evicted_by_it() -> None:
    windows = state()
    windows.add_labels({**payment(0), LABEL: np.array([True])}, 1, np.array([10**12]))
    windows.add_labels({**payment(0), LABEL: np.array([True])}, 1, np.array([0]))
    windows.commit()
    assert windows.watermark_ms is None
    entries = windows.entries
    assert risk(windows, 500_000) != 1
    windows.commit()
    assert windows.watermark_ms == 500_000
    assert windows.entries < entries + 2


def test_a_restore_from_the_topic_adds_transactions_to_no_window_over_labels() -> None:
    windows = state()
    windows.add({**payment(0), "currency": np.array([b"EUR"])}, 1)
    assert math.isnan(risk(windows, 30_000))


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ('{ measure = "share fraud", by = ["target"], over = "7d" }', "delay: expected the time after a transaction"),
        ('{ measure = "share fraud", by = ["target"], delay = "7d" }', "over: expected a number and s, m, h or d"),
        ('{ measure = "count", by = ["target"], over = "7d", delay = "7d" }', "delay: it is for windows over labels"),
        ('{ measure = "share fraud", by = ["taget"], over = "7d", delay = "7d" }', 'unknown field "taget"'),
        ('{ measure = "share frauds", by = ["target"], over = "7d", delay = "7d" }', "unknown measure"),
        ('{ measure = "share fraud", by = ["target"], over = "7d", delay = "soon" }', "delay: expected a number"),
    ],
)
def test_a_broken_window_over_labels_is_refused_with_its_line(window: str, message: str) -> None:
    with pytest.raises(RulesError) as caught:
        features(f"[features]\nx = {window}\n" + RULES[RULES.index("[rules.x]") :].replace("t_risk", "x"))
    assert any(
        line.startswith("rules.toml:2: feature x: ") and message in line for line in str(caught.value).splitlines()
    )


def test_rules_have_no_windows_over_labels_of_their_own() -> None:
    window = '{ measure = "share fraud", by = ["target"], over = "1d" }'
    with pytest.raises(RulesError, match='unknown measure "share fraud"'):
        parse_rules(f'[rules.x]\nseverity = "low"\nreason = "."\nwindows.w = {window}\n', "x", SCHEMA, CONSTANTS)
